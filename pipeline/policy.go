package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Options says what a run is to do. Cutoff and Account are required.
type Options struct {
	Account string     // number or "self"
	Cutoff  time.Time  // recordings that start strictly before it are eligible
	Since   time.Time  // and not before this; zero = from the beginning
	Kinds   []vbc.Kind // empty = company
	Users   []string   // of on-demand recordings: "self", "all", numbers; empty = self
	Filter  vbc.Filter // and only those; checked on each recording, whatever VBC makes of it

	Catalog bool // keep the catalogue beside the archive up to date

	NoTranscripts bool // leave VBC's transcripts out; a purge may take them along

	Delete      bool          // purge at VBC what is proven to be in the store
	DeleteAfter time.Duration // only copies at least so old
	MaxDeletes  *int          // only so many in this run; nil = no limit
	Plan        *PlanFile     `json:"-"` // only what it lists; nil = no plan

	RetryFailed bool // also what has failed for good in several runs, and rests
	MaxFailures int  // stop after so many failures in a row that aren't one recording's own; 0 = never

	AcceptSizeMismatch bool // take audio that is larger than declared when two downloads agree
	AcceptFormat       bool // take what isn't known as audio when two downloads agree and have the declared size
	AcceptEqualAudio   bool // purge what has another recording's audio, when two downloads agree

	ReadBack ReadBack // which copies are read once more before their purge; "" = auto

	AllowExpiring bool // purge although a lifecycle rule will remove the copy

	MaxWait time.Duration // end the run after so long with nothing but refusals for the quota; 0 = never
	Moved   bool          `json:"-"` // the destination is another one than before, on purpose: the manifest is bound to it

	Fetch       Fetch  // how audio is fetched; "" = direct
	SpoolDir    string // where exports are kept while they are taken apart; "" = beside the manifest
	ExportLimit int64  // bytes of audio in one export; 0 = 2 GiB

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

// written is what of the options is written down: no caller's name or number.
func (o Options) written() any {
	return struct {
		Options
		Filter string
	}{o, o.Filter.String()}
}

// OptionsOf reads what a run has written down of its options, all but the filter.
func OptionsOf(written []byte) (Options, error) {
	var o struct {
		Options
		Filter json.RawMessage // shadows the real one: it is a digest, or what an earlier version wrote
	}
	err := json.Unmarshal(written, &o)
	return o.Options, err
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

// userSet is a set of users that grows while it is asked.
type userSet struct {
	mu  sync.RWMutex
	ids map[string]bool
}

func (s *userSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

func (s *userSet) has(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[id]
}

// policy decides what a run may do to a recording. Listed recordings and rows
// of the manifest are asked the same questions.
type policy struct {
	Options
	users *userSet // owners by number

	transcripts *transcripts
	holds       []manifest.Hold
	started     time.Time
}

// eligible reports whether the run is about this recording.
func (p *policy) eligible(r vbc.Recording) bool {
	return r.Unreadable == "" &&
		r.Start.Before(p.Cutoff) && (p.Since.IsZero() || !r.Start.Before(p.Since)) &&
		slices.Contains(p.Kinds, r.Kind) && p.Filter.Matches(r) &&
		(r.Kind != vbc.OnDemand || p.users.has(r.Owner) || slices.Contains(p.Users, "all")) // those who have left, too
}

// mayPurge reports whether the run purges this recording, provided that its
// copy is proven. Where it may but holds back, held says so.
func (p *policy) mayPurge(row manifest.Row) (may, held bool) {
	if !p.Delete || !p.eligible(row.Recording) {
		return false, false
	}
	// A hold that is made while the run goes on is met by the manifest, in the
	// same transaction as the receipt's intent.
	if _, onHold := manifest.Covering(p.holds, row.Recording); onHold {
		return false, true
	}
	if p.transcripts.unsure(row.Recording) || p.aliked(row) {
		return false, true
	}
	if p.Plan != nil && !p.Plan.Lists(row.Recording) {
		return false, true
	}
	archived := row.Copy.ArchivedAt
	if archived.IsZero() {
		archived = p.started // not before now
	}
	if p.DeleteAfter > 0 && p.started.Sub(archived) < p.DeleteAfter {
		return false, true
	}
	return true, false
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
