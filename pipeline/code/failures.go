package code

import "strconv"

// Codes of what a recording may fail for.
const (
	NotAudio       = "not-audio"
	UnknownFormat  = "unknown-format"
	Size           = "size"
	NotTranscript  = "not-a-transcript"
	Several        = "several-transcripts"
	Occupied       = "occupied"
	Mismatch       = "mismatch"
	Unprotected    = "unprotected"
	Stale          = "stale"
	Changed        = "changed"
	State          = "state"
	Held           = "held"
	Alike          = "alike"
	Suspect        = "suspect"
	EqualAudio     = "equal-audio"
	ForeignHost    = "foreign-host"
	NoAddress      = "no-address"
	Expiring       = "expiring"
	Gone           = "gone"
	Reappeared     = "reappeared"
	Unclear        = "unclear"
	Malformed      = "vbc-malformed"
	Cold           = "cold"
	StoreRefused   = "store-refused"
	Store          = "store"
	Network        = "network"
	vbcPrefix      = "vbc-"
	TranscriptMark = "transcript-" // before the code of what became of a transcript
	DeletionMark   = "delete-"     // before the code of what VBC answered to a DELETE
)

// OfStatus is the code of an answer of VBC: its HTTP status and, if it gave one,
// its own code.
func OfStatus(status, own int) string {
	c := vbcPrefix + strconv.Itoa(status)
	if own != 0 {
		c += "-" + strconv.Itoa(own)
	}
	return c
}

const withoutTranscript = "its audio may well be archived: look for the transcript in the VBC admin portal; " +
	"--no-transcripts --retry-failed leaves transcripts out"

// Failures are all codes of what a recording may fail for. Of two that stand for
// the same code, the first counts.
var Failures = []Entry{
	{TranscriptMark + "*", "the transcript could not be archived; what follows is the code of why",
		withoutTranscript},
	{DeletionMark + "*", "VBC did not delete the recording, which is archived; what follows is the code of VBC's answer", ""},
	{NotAudio, "VBC sent something else than audio: an error page, JSON, nothing", ""},
	{UnknownFormat, "what VBC sent has a format that is not known as audio",
		"if you know this format, run archive with --accept-format --retry-failed, which accepts it if two downloads agree"},
	{Size, "the audio doesn't have the size that VBC's listing declares",
		"if VBC's size is known to be too small or missing, run archive with --accept-size-mismatch"},
	{NotTranscript, "what VBC sent in place of a transcript is none",
		withoutTranscript},
	{Several, "VBC lists several transcripts of one recording",
		withoutTranscript},
	{Occupied, "another object has the name in the destination", ""},
	{Mismatch, "the destination doesn't hold the copy as it was stored", ""},
	{Unprotected, "the copy is not locked or encrypted as was asked for",
		"lock or encrypt the copy in the bucket, or ask for less in the next run (--object-lock, --sse)"},
	{Stale, "the proof of the copy was too old when the deletion could have been sent", ""},
	{Changed, "the copy changed between its proof and the deletion", ""},
	{State, "the manifest has the recording in a state from which this step is not allowed", ""},
	{Held, "a legal hold was made while the recording was being deleted", ""},
	{Alike, "VBC sent another recording's audio, byte for byte, and what it sends a second time is not known", ""},
	{Suspect, "the copy may be another recording's audio", ""},
	{EqualAudio, "the recording is archived; its audio is another recording's, byte for byte, and VBC sends the same again",
		"nothing is lost: listen to both; if the audio is correct, run archive with --accept-equal-audio, which deletes them at VBC too"},
	{ForeignHost, "VBC names an address of another host, which gets no token", ""},
	{NoAddress, "VBC names no address for the audio", ""},
	{Expiring, "a lifecycle rule of the bucket will remove the copy",
		"change the bucket's rule, or accept it with --allow-expiring"},
	{Gone, "VBC has the recording no more, and it was never archived", ""},
	{Reappeared, "VBC lists the recording again although it had confirmed its deletion", ""},
	{Unclear, "VBC says that it has no such recording, and nothing else confirms that", ""},
	{Malformed, "an answer of VBC can't be read", ""},
	{Cold, "the copy is to be read again, and is in cold storage, where it can't be read at once",
		"vbcvault restore --thaw asks for it, which costs money; --read-back never deletes at VBC without reading copies again"},
	{StoreRefused, "the destination refuses access", ""},
	{Store, "the destination has failed", ""},
	{vbcPrefix + "*", "VBC has answered with this HTTP status and, behind it, its own code", ""},
	{Network, "no answer came, or not all of it", ""},
}
