package manifest

import (
	"context"
	"encoding/json"
	"time"
)

// Runs is a journal of the runs.
type Runs interface {
	// BeginRun writes down that a run begins with these options, and returns its
	// number.
	BeginRun(ctx context.Context, options RunOptions) (run int64, err error)
	// EndRun writes down what a run has done, and which uploads have ended.
	EndRun(ctx context.Context, run int64, summary any) error
	// Runs returns the latest runs, the latest first.
	Runs(ctx context.Context, limit int) ([]Run, error)
	// Sums adds up the numbers that are members of the summaries of all runs, by their
	// names, or those of the object that a member has.
	Sums(ctx context.Context, member string) (map[string]float64, error)
	// SetProgress writes down that the run that holds the manifest gets on.
	SetProgress(ctx context.Context) error
	// Progress is when whoever holds the manifest got on for the last time, as far
	// as it is known to the minute.
	Progress(ctx context.Context) (time.Time, error)
}

// Status is how far all has come.
type Status interface {
	// Tallies counts the recordings by state.
	Tallies(ctx context.Context) ([]Tally, error)
	// Failures returns recordings whose last run failed: news first, and the latest
	// first.
	Failures(ctx context.Context, limit int) ([]Row, error)
	// DamagedCopies returns purged recordings whose copy was last found damaged
	// or missing.
	DamagedCopies(ctx context.Context, limit int) ([]Row, error)
	// Figures sums up what somebody may have to look at, in a time that doesn't depend on
	// how many recordings there are.
	Figures(ctx context.Context) (Figures, error)
	// Unvouched counts the recordings whose copy VBC is still to be asked about
	// before it may justify a purge.
	Unvouched(ctx context.Context) (int64, error)
	// Check reads the whole manifest and returns what is wrong with it, nothing if
	// nothing is. The chain of receipts is not part of it.
	Check(ctx context.Context) (findings []string, err error)
}

// Run is one run as the manifest remembers it.
type Run struct {
	ID       int64           `json:"id"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished,omitzero"` // zero: it was interrupted, or is going on
	Options  *RunOptions     `json:"options,omitempty"` // nil: they can't be read
	Summary  json.RawMessage `json:"summary,omitempty"`
}

// Tally counts the recordings in one state.
type Tally struct {
	State      State     `json:"state"`
	Recordings int64     `json:"recordings"`
	Bytes      int64     `json:"bytes"` // as VBC declared them
	Oldest     time.Time `json:"oldest"`
	Newest     time.Time `json:"newest"`
}

// Progressed is when whoever holds a manifest got on for the last time: when a run wrote
// that down, when the last run began or ended, or, where that has come to its end,
// when the manifest was locked.
func Progressed(at time.Time, last []Run, locked func() time.Time) time.Time {
	for _, r := range last {
		at = latest(at, r.Started, r.Finished)
		if r.Finished.IsZero() {
			return at
		}
	}
	// The last run has come to its end, so it is another command, or a run that
	// has just begun.
	return latest(at, locked())
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
