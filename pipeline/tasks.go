package pipeline

import (
	"context"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// task is one recording to be led on.
type task struct {
	manifest.Row
	entry *packed   // its audio in an export; nil = fetch it directly
	done  func()    // nil, or what to call when it is through
	again *patience // of the first time, if it was postponed
}

// listedTasks are the recordings of slices with work left. What failed in an
// earlier run comes later.
func (r *run) listedTasks(list func(context.Context) iter.Seq2[slice, error]) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		ahead := r.slicesAhead()
		fetch := func(ctx context.Context) iter.Seq2[fetched, error] {
			return r.exporter.fetch(ctx, flow.Ahead(ctx, ahead, list))
		}
		for f, err := range flow.Ahead(r.ctx, 1, fetch) {
			if err != nil {
				yield(task{}, err)
				return
			}
			for t, err := range r.tasksOf(f) {
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
	}
}

// slicesAhead is how many slices may be listed before their turn. A page of a listing
// has more than one small slice, and while it is asked for and written down, there is to
// be work. A large slice has all of a page.
func (r *run) slicesAhead() int { return sliceSize / r.sliceLimits().count }

// tasksOf are the recordings of one slice.
func (r *run) tasksOf(f fetched) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		done := func() {
			if f.left.Add(-1) == 0 {
				r.exporter.close(f)
			}
		}
		for _, p := range f.todo {
			row, err := r.manifest.Row(r.work, vbc.Key{Kind: f.kind, Owner: f.user, ID: p.id}, p.nth)
			if err != nil {
				yield(task{}, err)
				return
			}
			if row.Failure.Reason != "" {
				done()
				continue
			}
			if !yield(task{Row: row, entry: f.entries[p.id], done: done}, nil) {
				return
			}
		}
	}
}

// pendingTasks are what the manifest holds beside the listing.
func (r *run) pendingTasks(sel manifest.Selection) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		r.closeListings()
		for row, err := range r.manifest.Pending(r.work, sel) {
			if err == nil {
				err = r.learnTranscriptOf(r.ctx, row)
			}
			if err == nil && r.rests(row) {
				continue
			}
			if !yield(task{Row: row}, err) {
				return
			}
		}
	}
}
