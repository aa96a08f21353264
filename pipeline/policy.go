package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Options says what a run is to do. Cutoff and Account are required.
type Options struct {
	Account string        // number or "self"
	Cutoff  time.Time     // recordings that start strictly before it are eligible
	Age     time.Duration // that Cutoff was reckoned from, to be written down; 0 = it was given as a time
	Since   time.Time     // and not before this; zero = from the beginning
	Kinds   []vbc.Kind    // empty = company
	Users   []string      // of on-demand recordings: "self", "all", numbers; empty = self
	Filter  vbc.Filter    // and only those; checked on each recording, whatever VBC makes of it

	Catalog bool // keep the catalogue beside the archive up to date

	NoTranscripts bool // leave VBC's transcripts out; a purge may take them along

	Delete      bool          // purge at VBC what is proven to be in the store
	DeleteAfter time.Duration // only copies at least so old
	MaxDeletes  *int          // only so many in this run; nil = no limit
	Plan        *PlanFile     // only what it lists; nil = no plan

	RetryFailed bool // also what has failed for good in several runs, and rests
	MaxFailures int  // stop after so many failures in a row that aren't one recording's own; 0 = never

	AcceptSizeMismatch bool // take audio that is larger than declared when two downloads agree
	AcceptFormat       bool // take what isn't known as audio when two downloads agree and have the declared size
	AcceptEqualAudio   bool // purge what has another recording's audio, when two downloads agree

	ReadBack ReadBack // which copies are read once more before their purge; "" = auto

	AllowExpiring bool // purge although a lifecycle rule will remove the copy

	MaxWait time.Duration // end the run after so long with nothing but refusals for the quota; 0 = never
	Moved   bool          // the destination is another one than before, on purpose: the manifest is bound to it

	Fetch       Fetch  // how audio is fetched; "" = direct
	SpoolDir    string // where exports are kept while they are taken apart; "" = beside the manifest
	ExportLimit int64  // bytes of audio in one export; 0 = 2 GiB

	// TrustArchive takes over receipts of the manifest's own log that were written
	// before receipts were signed, and takes what was found in the archive for what
	// VBC has sent.
	TrustArchive bool

	FullScan      bool          // list everything, also what earlier runs have listed
	FullScanEvery time.Duration // so long is an earlier listing relied on; 0 = never

	Workers  int // recordings in flight; 0 = 8
	PageSize int // 0 = as large as VBC allows, up to 1000

	Version string        // of the program, for sidecars
	Drain   time.Duration // how long transfers in flight may go on after a stop; 0 = 30 s

	// Pauses before the second, third and fourth try, and before an export job
	// is looked at for the first time. Tests shorten them.
	Pauses    []time.Duration
	PollPause time.Duration

	ExportPatience time.Duration // how long an export may make no progress; 0 = 30 min
}

// ReadBack says which copies are read once more, every byte, before their purge.
type ReadBack string

const (
	ReadBackAuto   ReadBack = "auto"   // those of earlier runs, on servers other than Amazon's
	ReadBackAlways ReadBack = "always" // all
	ReadBackNever  ReadBack = "never"  // those alone of which a reading has found that they were wrong
)

// Fetch is a way to fetch audio.
type Fetch string

const (
	FetchDirect Fetch = "direct" // one request for each recording
	FetchExport Fetch = "export" // an export job for each slice of the listing
	FetchAuto   Fetch = "auto"   // exports where there is a quota to save
)

const (
	// An export costs about six requests: to start it, to look how far it has
	// come, to download it, and to compare one of its recordings. One that was
	// started costs three.
	exportCost  = 6
	startedCost = 3

	// Fewer recordings are fetched directly.
	fewestForExport  = 2 * exportCost
	fewestForStarted = 2 * startedCost
)

// exports reports whether so many recordings of a slice are fetched by export,
// which has perhaps been started.
func (p *policy) exports(needed int, started bool, q vbc.Quota) bool {
	worth := needed >= fewestForExport || started && needed >= fewestForStarted
	switch p.Fetch {
	case FetchExport:
		return worth
	case FetchAuto:
		return worth && (started || q.Interval > 0 || q.Limited)
	}
	return false
}

// policy decides what a run may do to a recording, by what was asked for, which
// doesn't change, and by what is known by then. Listed recordings and rows of the
// manifest are asked the same questions.
type policy struct {
	Options
	*facts
}

// eligible reports whether the run is about this recording.
func (p *policy) eligible(r vbc.Recording) bool { return p.leftAlone(r) == "" }

// leftAlone is the code of why the run is not about a recording, one of package
// code's LeftAlone, "" if it is.
func (p *policy) leftAlone(r vbc.Recording) string {
	switch {
	case r.Unreadable != "":
		return code.Unreadable
	case !r.Start.Before(p.Cutoff):
		return code.TooNew
	case !p.Since.IsZero() && r.Start.Before(p.Since):
		return code.BeforeFrom
	case !slices.Contains(p.Kinds, r.Kind):
		return code.OtherKind
	case !p.Filter.Matches(r):
		return code.Filter
	case r.Kind == vbc.OnDemand && !p.users.has(r.Owner) && !slices.Contains(p.Users, "all"): // those who have left, too
		return code.OtherUser
	}
	return ""
}

// mayPurge reports whether the run purges this recording, provided that its
// copy is proven. Where it could but holds back, held is the code of why, one of
// package code's HeldBack.
func (p *policy) mayPurge(row manifest.Row) (may bool, held string) {
	if !p.Delete || !p.eligible(row.Recording) {
		return false, ""
	}
	// A hold that is made while the run goes on is met by the manifest, in the
	// same transaction as the receipt's intent.
	if p.held(row) {
		return false, code.Hold
	}
	if p.transcripts.unsure(row.Recording) {
		return false, code.TranscriptUnknown
	}
	if p.aliked(row) {
		return false, code.EqualAudio
	}
	if p.Plan != nil && !p.Plan.Lists(row.Recording) {
		return false, code.NotInPlan
	}
	archived := row.Copy.ArchivedAt
	if archived.IsZero() {
		archived = p.started // not before now
	}
	if p.DeleteAfter > 0 && p.started.Sub(archived) < p.DeleteAfter {
		return false, code.TooYoung
	}
	return true, ""
}

// held reports whether a recording was under a hold when the run began.
func (p *policy) held(row manifest.Row) bool {
	_, held := manifest.Covering(p.holds, row)
	return held
}

// mustCompare reports whether VBC is asked once more for a recording before its purge,
// since nobody vouches for the copy that was found in the archive.
func (p *policy) mustCompare(row manifest.Row) bool {
	return row.Unvouched && row.Copy.Known() && !p.TrustArchive
}

// aliked reports whether a recording is held back for having another's audio.
func (p *policy) aliked(row manifest.Row) bool {
	return row.Alike == manifest.Compared && !p.AcceptEqualAudio
}

// expiringError says that the bucket will remove the copy by itself.
type expiringError struct{ On time.Time }

func (e *expiringError) Error() string {
	return fmt.Sprintf("a lifecycle rule of the destination will delete the copy on %s, so the recording is not deleted at VBC",
		e.On.UTC().Format(time.DateOnly))
}
