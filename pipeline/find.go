package pipeline

import (
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// find looks in the store for a copy of a recording that VBC has no more and
// of which the manifest knows no whole copy. If there is a proven one, the recording
// is archived, and that is written down.
func (r *run) find(row *item) (found bool, err error) {
	candidates, err := r.search(row.Recording)
	if err != nil {
		return false, &storeError{fmt.Errorf("look for a copy of %s: %w", row.Recording, err)}
	}
	known := row.Copy
	for _, row.Copy = range candidates {
		// What the archive has once had of what VBC sent is known: something else in
		// its place is no copy of it, whatever the metadata beside that says.
		if !known.ArchivedAt.IsZero() && !row.Unvouched && row.Copy.Audio.Content != known.Audio.Content {
			continue
		}
		ev, err := r.prove(row)
		if isA[*evidence.Mismatch](err) {
			continue // a damaged copy is none; a whole one may lie beside it
		}
		if err != nil {
			return false, err
		}
		outcome := receipt.New(receipt.Result, r.id, row.Recording)
		outcome.Outcome, outcome.Found = receipt.NotThere, true
		r.testify(&outcome, ev)
		if known.Known() { // a damaged one
			if err := r.manifest.Relist(r.work, row.Recording); err != nil {
				return false, err
			}
		}
		if err := r.manifest.Found(r.work, row.Recording, archive.ProofOf(ev, row.Copy), outcome); err != nil {
			return false, err
		}
		r.stats.AlreadyArchived.Add(1)
		r.log.Info("VBC no longer has this recording; the destination has a verified copy that was not in this manifest", "recording", row.Recording.String())
		return true, nil
	}
	row.Copy = known
	return false, nil
}

// search pairs each sidecar of a recording with each audio that it may go
// with, and with the transcript if there is one. Nothing is proven by that.
func (r *run) search(rec vbc.Recording) (candidates []manifest.Copy, err error) {
	base, err := layout.Stem(rec)
	if err != nil {
		return nil, err
	}
	g := layout.Group{Stem: base}
	for o, err := range r.store.List(r.work, base) {
		if err != nil {
			return nil, err
		}
		if layout.IsOf(base, o.Key) {
			g.Add(o)
		}
	}
	said, err := g.Read(r.work, r.store)
	for _, t := range said {
		if t.Wrong == nil && t.Recording.Same(rec) {
			candidates = append(candidates, g.Pairs(t)...)
		}
	}
	return candidates, err
}
