package pipeline

import (
	"iter"
	"sync"
)

// postponed are the recordings that failed while nothing at all was answered:
// VBC may have been out of order, and no recording is to blame for that. They are
// begun once more at the end of the run.
type postponed struct {
	mu    sync.Mutex
	items []*item
}

func (r *run) postpone(row *item, why error) {
	r.log.Info("a recording failed while VBC was unavailable; it is retried at the end of this run", "recording", row.Recording.String(), "reason", why)
	r.unfinished.postponed.mu.Lock()
	defer r.unfinished.postponed.mu.Unlock()
	r.unfinished.postponed.items = append(r.unfinished.postponed.items, row)
}

// postponedTasks are those, as the manifest has them now.
func (r *run) postponedTasks() iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		r.unfinished.postponed.mu.Lock()
		items := r.unfinished.postponed.items
		r.unfinished.postponed.mu.Unlock()
		for _, p := range items {
			row, err := r.manifest.Row(r.work, p.Key(), p.Nth)
			if !yield(task{Row: row, again: &p.patience}, err) || err != nil {
				return
			}
		}
	}
}
