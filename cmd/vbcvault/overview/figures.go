package overview

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Figures are what changes from day to day, in numbers and times. They are read in
// a time that doesn't depend on how many recordings there are.
type Figures struct {
	// LastSuccess is when the last run ended that left nothing undone; zero: none has.
	LastSuccess time.Time `json:"last_success,omitzero"`
	// OldestUnarchived is when the oldest recording starts that has no verified copy;
	// zero: there is none. One whose failure is acknowledged doesn't count.
	OldestUnarchived time.Time `json:"oldest_unarchived,omitzero"`
	// OldestFailure is when the oldest failure began that nobody has acknowledged;
	// zero: there is none. It may have begun earlier, in runs that nobody knows of.
	OldestFailure time.Time `json:"oldest_failure,omitzero"`
	// FailuresByCode counts the recordings whose last run failed, and FailuresAcknowledged
	// those of them that are acknowledged. With MoreFailures these are not all.
	FailuresByCode       map[string]int64 `json:"failures_by_code"`
	FailuresAcknowledged map[string]int64 `json:"failures_acknowledged"`
	MoreFailures         bool             `json:"more_failures,omitempty"`
	DamagedCopies        int64            `json:"damaged_copies"`
	// LockedFirst and LockedLast are when the first and the last Object Lock ends of a
	// copy's audio, as the bucket said when that was last verified; zero: no lock is known.
	LockedFirst time.Time `json:"locked_first,omitzero"`
	LockedLast  time.Time `json:"locked_last,omitzero"`
	// Log is how far the log of receipts had come when the last run ended, nil if
	// nothing is known of that.
	Log    *pipeline.Checkpoint `json:"log,omitempty"`
	Totals Totals               `json:"totals"`
}

// Totals add up all runs that came to their end, those that stopped early among them.
type Totals struct {
	Archived  int64            `json:"archived"` // recordings
	Bytes     int64            `json:"bytes"`    // their audio
	Deleted   int64            `json:"deleted"`  // recordings, at VBC
	Requests  map[string]int64 `json:"requests"` // as pipeline.Summary has them
	QuotaWait float64          `json:"quota_wait_seconds"`
}

// Brief is Of without what takes longer the more there is of it: Left, Failures and
// Damaged.
func Brief(ctx context.Context, m manifest.Opened) (*Overview, error) {
	b, err := m.Binding(ctx)
	if err != nil {
		return nil, err
	}
	st := &Overview{Manifest: m.Path(), Account: b.Account, Destination: b.Destination}
	if st.States, err = m.Tallies(ctx); err != nil {
		return nil, err
	}
	if st.Runs, err = m.Runs(ctx, 5); err != nil {
		return nil, err
	}
	holds, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range manifest.InForce(holds) {
		st.Holds, st.InForce = st.Holds+1, append(st.InForce, h.Number)
	}
	if err := st.readTroubles(ctx, m); err != nil {
		return nil, err
	}
	return st, st.readFigures(ctx, m)
}

func (st *Overview) readFigures(ctx context.Context, m manifest.Opened) error {
	f, err := m.Figures(ctx)
	if err != nil {
		return err
	}
	st.Figures = Figures{
		OldestUnarchived: f.OldestUnarchived, OldestFailure: f.OldestFailure, MoreFailures: f.Uncounted, DamagedCopies: f.Damaged,
		LockedFirst: f.LockedFirst, LockedLast: f.LockedLast, FailuresByCode: map[string]int64{}, FailuresAcknowledged: map[string]int64{},
	}
	for _, c := range f.Failures {
		name := cmp.Or(c.Code, code.Failed)
		if c.Recordings > 0 {
			st.FailuresByCode[name] += c.Recordings
		}
		if c.Acknowledged > 0 {
			st.FailuresAcknowledged[name] += c.Acknowledged
		}
	}
	if st.LastSuccess, err = lastSuccess(ctx, m, st.Runs); err != nil {
		return err
	}
	if st.Log, err = logOf(ctx, m, st.Runs); err != nil {
		return err
	}
	return st.readTotals(ctx, m)
}

// Ended is what the summary of a run says, nil of one that was killed or goes on.
func Ended(r manifest.Run) *pipeline.Summary {
	var s pipeline.Summary
	if r.Finished.IsZero() || json.Unmarshal(r.Summary, &s) != nil {
		return nil
	}
	return &s
}

// Succeeded reports whether a run came to its end and left nothing undone.
func Succeeded(r manifest.Run) bool {
	s := Ended(r)
	return s != nil && s.Stopped == "" && s.Complete()
}

// lastSuccess looks for it in the latest runs, and in ever more of them.
func lastSuccess(ctx context.Context, m manifest.Opened, runs []manifest.Run) (time.Time, error) {
	for looked := 0; ; {
		if i := slices.IndexFunc(runs[looked:], Succeeded); i >= 0 {
			return runs[looked+i].Finished, nil
		}
		if looked = len(runs); looked == 0 || looked >= mostRuns {
			return time.Time{}, nil
		}
		var err error
		if runs, err = m.Runs(ctx, 10*looked); err != nil || len(runs) <= looked {
			return time.Time{}, err
		}
	}
}

// mostRuns is how many failed runs in a row are looked at: years of nights.
const mostRuns = 5000

// logOf is the latest that is known of the log for certain: of what is stored
// beside the archive, or of the end of a run that couldn't store it.
func logOf(ctx context.Context, m manifest.Opened, runs []manifest.Run) (*pipeline.Checkpoint, error) {
	c, err := m.Chain(ctx)
	if err != nil {
		return nil, err
	}
	t, err := m.Tree(ctx)
	if err != nil {
		return nil, err
	}
	var log *pipeline.Checkpoint
	if t.Size() > 0 && t.Size() <= c.Last {
		stored := pipeline.Checkpoint(receipt.CheckpointOf(c.ID, t))
		log = &stored
	}
	for _, r := range runs {
		s := Ended(r)
		if s == nil || s.Log == nil {
			continue
		}
		// A log that has lost entries isn't what it was, whatever its runs have said.
		if s.Log.Size <= c.Last && (log == nil || s.Log.Size > log.Size) && s.Log.Origin == receipt.Origin(c.ID) {
			log = s.Log
		}
		break
	}
	return log, nil
}

func (st *Overview) readTotals(ctx context.Context, m manifest.Opened) error {
	sums, err := m.Sums(ctx, "")
	if err != nil {
		return err
	}
	requests, err := m.Sums(ctx, "requests")
	if err != nil {
		return err
	}
	st.Totals = Totals{
		Archived: int64(sums["archived"]), Bytes: int64(sums["bytes"]), Deleted: int64(sums["deleted"]),
		QuotaWait: sums["quota_wait_seconds"], Requests: make(map[string]int64, len(requests)),
	}
	for status, n := range requests {
		if status == "none" || len(status) == 3 && strings.Trim(status, "0123456789") == "" {
			st.Totals.Requests[status] = int64(n)
		}
	}
	return nil
}
