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

const withoutTranscript = "its audio may already be archived: check the transcript in the VBC admin portal; " +
	"archive with --no-transcripts --retry-failed skips transcripts"

// Failures are all codes of what a recording may fail for. Of two that stand for
// the same code, the first counts.
var Failures = []Entry{
	{TranscriptMark + "*", "the transcript could not be archived; the rest of the code says why",
		withoutTranscript},
	{DeletionMark + "*", "VBC did not delete the recording, which is archived; the rest of the code is the code of VBC's answer", ""},
	{NotAudio, "VBC sent an error page, JSON or nothing instead of audio", ""},
	{UnknownFormat, "vbcvault does not know the format of what VBC sent as audio",
		"if you know this format, run archive with --accept-format --retry-failed, which accepts it if two downloads agree"},
	{Size, "the audio doesn't have the size that VBC's listing declares",
		"if VBC's size is known to be too small or missing, run archive with --accept-size-mismatch"},
	{NotTranscript, "VBC sent something that is not a transcript",
		withoutTranscript},
	{Several, "VBC lists several transcripts of one recording",
		withoutTranscript},
	{Occupied, "another object already has this name in the destination", ""},
	{Mismatch, "the copy in the destination is damaged or missing", ""},
	{Unprotected, "the copy is not locked or encrypted as the options require",
		"lock or encrypt the copy in the bucket, or change the options of the next run (--object-lock, --sse)"},
	{Stale, "the copy was verified too long before the deletion could be sent", ""},
	{Changed, "the copy changed after it was verified and before the deletion", ""},
	{State, "the recording is in a state in which this step is not allowed", ""},
	{Held, "a legal hold was added while the recording was being deleted", ""},
	{Alike, "VBC sent the same audio as for another recording, and a second download has not confirmed it yet", ""},
	{Suspect, "the copy may have another recording's audio", ""},
	{EqualAudio, "the recording is archived; its audio is the same as another recording's, and a second download confirmed it",
		"nothing is lost: listen to both; if the audio is correct, run archive with --accept-equal-audio, which also deletes them at VBC"},
	{ForeignHost, "the audio's address is on another host, to which vbcvault sends no token", ""},
	{NoAddress, "VBC gives no address for the audio", ""},
	{Expiring, "a lifecycle rule of the bucket will remove the copy",
		"change the bucket's rule, or accept it with --allow-expiring"},
	{Gone, "VBC no longer has the recording, and it was never archived", ""},
	{Reappeared, "VBC confirmed the deletion, but lists the recording again", ""},
	{Unclear, "VBC says that it has no such recording, but nothing confirms this", ""},
	{Malformed, "an answer of VBC can't be read", ""},
	{Cold, "the copy must be read again, but is in cold storage, where it can't be read at once",
		"request it with vbcvault restore --thaw, which costs money; or use --read-back never, which deletes at VBC without reading copies again"},
	{StoreRefused, "the destination refuses access", ""},
	{Store, "the destination reported an error", ""},
	{vbcPrefix + "*", "VBC answered with this HTTP status, followed by VBC's own code", ""},
	{Network, "the answer did not arrive, or not all of it", ""},
}
