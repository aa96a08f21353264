package restore

import (
	"context"
	"fmt"
	"iter"
	"path"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// plan makes all names before anything is fetched, and returns the directories
// that they are in. It holds some 100 bytes for each recording.
func (r *restorer) plan(ctx context.Context) (dirs []string, err error) {
	type place [16]byte
	taken, in := map[place]int64{}, map[string]bool{".": true}
	for row, err := range r.manifest.Search(ctx, r.o.Query) {
		if err != nil {
			return nil, err
		}
		if !inArchive(row) {
			continue
		}
		r.stats.Todo.Add(1)
		for _, f := range r.o.Names.files(row) {
			if err := storage.CheckKey(f.name); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrNames, row.Recording, err)
			}
			sum := storage.SumOf([]byte(folded(f.name)))
			at := place(sum[:16])
			if id, ok := taken[at]; ok {
				return nil, fmt.Errorf("%w: recordings %d and %d would both be named %s", ErrNames, id, row.ID, f.name)
			}
			taken[at] = row.ID
			for dir := path.Dir(f.name); !in[dir]; dir = path.Dir(dir) {
				in[dir] = true
			}
		}
	}
	for dir := range in {
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// rows yields what can be restored, and counts the rest.
func (r *restorer) rows(ctx context.Context) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		known := map[int64]bool{} // of the ids that were asked for
		for row, err := range r.manifest.Search(ctx, r.o.Query) {
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			r.found.Add(1)
			if len(r.o.Query.IDs) > 0 {
				known[row.ID] = true
			}
			if !inArchive(row) {
				r.absent(row)
			} else if !yield(row, nil) {
				return
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, id := range r.o.Query.IDs {
			if !known[id] {
				known[id] = true
				r.missing = append(r.missing, id)
			}
		}
	}
}
