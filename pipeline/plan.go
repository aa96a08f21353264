package pipeline

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Plan is what a run would do.
type Plan struct {
	Listed          int64            `json:"listed"`           // eligible recordings
	ListedBytes     int64            `json:"listed_bytes"`     // as VBC declares them
	AlreadyArchived int64            `json:"already_archived"` // of them
	ToArchive       int64            `json:"to_archive"`
	ToArchiveBytes  int64            `json:"to_archive_bytes"`
	ToCompare       int64            `json:"to_compare"`             // to download once more, since nobody vouches for the copies that were found
	Transcripts     int64            `json:"transcripts"`            // to archive beside them
	ToDelete        int64            `json:"to_delete"`              // leftovers included
	HeldBack        int64            `json:"held_back"`              // though eligible
	HeldBackBy      map[string]int64 `json:"held_back_by,omitempty"` // of them, by the code of why, see package code
	Leftovers       int64            `json:"leftovers"`              // begun by earlier runs and not listed any more
	Oldest          time.Time        `json:"oldest,omitzero"`
	Newest          time.Time        `json:"newest,omitzero"`
	First           []Planned        `json:"first"` // the oldest few
	Account         string           `json:"account"`
	Unreadable      int64            `json:"unreadable"`
	NotListed       int64            `json:"not_listed"`
	Troubles        int64            `json:"troubles"` // see Summary
	Problems        []string         `json:"problems,omitempty"`
	Requests        Cost             `json:"requests"` // at VBC

	File *PlanTotal `json:"plan,omitempty"` // what was written for --plan
}

// Planned is one recording of a plan.
type Planned struct {
	Kind     vbc.Kind      `json:"kind"`
	Owner    string        `json:"owner,omitempty"`
	ID       int64         `json:"id"`
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"` // negative = unknown
	Size     int64         `json:"size"`
	Archived bool          `json:"archived"`
}

const firstFew = 5

// planner is the register of a dry run: it looks and counts, and writes nothing.
type planner struct {
	Plan
	run      *run
	manifest manifest.Manifest // read-only; nil if there is none yet
	file     *planWriter       // nil if nobody wants one
	seen     map[collection]map[int64]bool
}

// DryRun lists and says what Run would do. It sends VBC only reads, the
// destination nothing, and changes no file. Parts.Manifest is one opened
// read-only, or nil if there is none; Parts.Store is not used. What would be
// deleted is written to file, if that isn't nil, for the destination of that
// name; only with a nil error is it whole.
func DryRun(parent context.Context, p Parts, o Options, file io.Writer, destination string) (Plan, error) {
	known := p.Manifest
	p.Manifest = nil
	r := newRun(p, o)
	r.reads, r.destination = known, destination
	release := r.drainAfter(parent)
	defer release()
	pl := &planner{run: r, manifest: known, seen: map[collection]map[int64]bool{}}
	if file != nil {
		pl.file = newPlanWriter(file)
	}
	err := pl.do(r.ctx)
	if err != nil && parent.Err() != nil {
		err = ErrStopped
	}
	if err == nil && pl.file != nil {
		var total PlanTotal
		total, err = pl.file.finish(r.account, destination, o.Cutoff)
		pl.File = &total
	}
	pl.trim()
	pl.Requests = CostOf(pl.ToArchive+pl.ToCompare, pl.ToDelete, pl.Transcripts+r.transcripts.pages)
	pl.Account, pl.Unreadable, pl.NotListed, pl.Troubles, pl.Problems = r.account, r.stats.Unreadable.Load(), r.report.notListed(), r.report.count(), r.report.said()
	return pl.Plan, err
}

func (pl *planner) do(ctx context.Context) error {
	r := pl.run
	if pl.manifest != nil { // first: to its holds come those of others, once the account is known
		var err error
		if r.holds, err = pl.manifest.Holds(ctx); err != nil {
			return err
		}
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	l := &listing{run: r, register: pl}
	for _, list := range []func(context.Context) iter.Seq2[slice, error]{l.list, l.listUnsorted} {
		for _, err := range list(ctx) {
			if err != nil {
				return err
			}
		}
	}
	if pl.manifest == nil {
		return nil
	}
	bound, err := pl.manifest.Binding(ctx)
	if err != nil {
		return err
	}
	if r.account == "" && bound.Account != "" { // nothing was listed
		if err := r.foreseeSiblings(ctx, bound.Account); err != nil {
			return err
		}
	}
	if r.account != "" && bound.Account != "" && bound.Account != r.account {
		return &manifest.BoundError{What: "account", Bound: bound.Account, Wanted: r.account}
	}
	for row, err := range pl.manifest.Pending(ctx, manifest.Selection{Before: r.policy.Cutoff, Verified: r.policy.Delete}) {
		if err != nil {
			return err
		}
		if err := r.learnTranscriptOf(ctx, row); err != nil {
			return err
		}
		if !pl.seen[collectionOf(row.Recording)][row.ID] && (r.policy.eligible(row.Recording) || row.State == manifest.Purging) {
			if !r.atRest(row) {
				pl.Leftovers++
			}
			if row.Copy.ArchivedAt.IsZero() {
				pl.ToArchive++
				pl.ToArchiveBytes += max(row.Size, 0)
			}
			if err := pl.decide(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Add counts instead of writing down.
func (pl *planner) Add(ctx context.Context, _ int64, recordings []vbc.Recording) ([]manifest.Sighting, error) {
	if err := pl.run.checkClock(); err != nil {
		return nil, err // it has jumped since the run began
	}
	out := make([]manifest.Sighting, len(recordings))
	for i, rec := range recordings {
		c := collectionOf(rec)
		if pl.seen[c] == nil {
			pl.seen[c] = map[int64]bool{}
		}
		if pl.seen[c][rec.ID] {
			out[i] = manifest.Repeated
			continue
		}
		pl.seen[c][rec.ID] = true
		row := manifest.Row{Recording: rec}
		if pl.manifest != nil {
			known, s, err := pl.manifest.Look(ctx, rec)
			if err != nil {
				return nil, err
			}
			row, out[i] = known, s
		}
		if out[i] == manifest.ErasedAgain {
			continue // admit says so
		}
		if err := pl.count(row, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (pl *planner) count(row manifest.Row, s manifest.Sighting) error {
	pl.Listed++
	pl.ListedBytes += max(row.Size, 0)
	archived := s == manifest.Archived || s == manifest.Doubted || s == manifest.Reappeared
	if archived {
		pl.AlreadyArchived++
	} else {
		pl.ToArchive++
		pl.ToArchiveBytes += max(row.Size, 0)
	}
	if pl.Oldest.IsZero() || row.Start.Before(pl.Oldest) {
		pl.Oldest = row.Start
	}
	if row.Start.After(pl.Newest) {
		pl.Newest = row.Start
	}
	pl.First = append(pl.First, Planned{row.Kind, row.Owner, row.ID, row.Start, row.Duration, row.Size, archived})
	if len(pl.First) > 2*firstFew {
		pl.trim()
	}
	return pl.decide(row)
}

// decide says, as the run would, whether a recording is purged, and writes
// that into the plan.
func (pl *planner) decide(row manifest.Row) error {
	if pl.run.lacksTranscript(&item{Row: row}) {
		pl.Transcripts++
	}
	purge, held := pl.run.grantPurge(row)
	if purge {
		pl.ToDelete++
		if pl.run.policy.mustCompare(row) && !row.Displaced {
			pl.ToCompare++
		}
		if pl.file != nil {
			if err := pl.file.add(row.Recording); err != nil {
				return fmt.Errorf("write the plan: %w", err)
			}
		}
	}
	if held != "" {
		pl.HeldBack++
		if pl.HeldBackBy == nil {
			pl.HeldBackBy = map[string]int64{}
		}
		pl.HeldBackBy[held]++
	}
	return nil
}

// trim keeps the oldest few.
func (pl *planner) trim() {
	slices.SortFunc(pl.First, func(a, b Planned) int { return a.Start.Compare(b.Start) })
	pl.First = pl.First[:min(len(pl.First), firstFew)]
}
