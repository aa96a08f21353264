package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// erasable is all that is to be erased of a recording. The error is a *Refusal where
// any of it must not be.
func (f *finder) erasable(ctx context.Context, one recordingOf) (w Erasable, err error) {
	taken := f.apart(one)
	one.keys = slices.DeleteFunc(slices.Clone(one.keys), func(key string) bool { return slices.Contains(taken, key) })
	found, err := f.orphans(ctx, one)
	if err != nil {
		return w, err
	}
	w = Erasable{Rows: slices.Concat(one.rows, found), Starts: one.starts(), Looked: f.looked, Unclear: f.unclear(one)}
	for _, row := range w.Rows {
		if err := f.refuseErasing(row); err != nil {
			return w, err
		}
	}
	files, err := f.lookForCatalog(ctx, &w)
	if err != nil {
		return w, err
	}
	w.Keys = slices.Concat(one.keys, files)
	for _, key := range w.Keys {
		err := f.eraser.Retained(ctx, key)
		if _, locked := errors.AsType[*storage.RetainedError](err); locked {
			err = &refusal.Refusal{
				Code: code.Retained, Reason: fmt.Sprintf("%s can't be erased: %v", f.key, err),
				Hint: "nothing was changed; wait until then, or ask somebody who may remove the lock",
			}
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// refuseErasing says why a row must not be erased, nil if it may be.
func (f *finder) refuseErasing(row manifest.Row) error {
	switch row.State {
	case manifest.Purged, manifest.Gone, manifest.Erasing, manifest.Erased, "": // of the last nobody knows that VBC has it
	case manifest.Purging:
		return &refusal.Refusal{
			Code:   code.DeletionOpen,
			Reason: fmt.Sprintf("the deletion of %s at VBC was started, and its outcome is not known yet", row.Recording),
			Hint:   "run vbcvault archive, which finds out; then run vbcvault erase again",
		}
	default:
		return &refusal.Refusal{
			Code:   code.StillAtVBC,
			Reason: fmt.Sprintf("%s may still be at VBC, so the next run would archive it again", row.Recording),
			Hint:   "run vbcvault archive --delete first, so that it is deleted at VBC; then run vbcvault erase again",
		}
	}
	if h, held := manifest.Covering(f.holds, row); held {
		return &refusal.Refusal{Code: code.Hold, Reason: fmt.Sprintf("%s is under hold %d", row.Recording, h.Number), Hint: "vbcvault hold list shows why; vbcvault hold remove removes the hold"}
	}
	return nil
}

// lookForCatalog finds the catalogue's files that may have a recording, in all their
// versions, and gets rid of what a crash may have left of making one.
func (f *finder) lookForCatalog(ctx context.Context, w *Erasable) (files []string, err error) {
	if !slices.ContainsFunc(w.Rows, func(row manifest.Row) bool { return row.State != manifest.Erased }) {
		return nil, nil // objects have come back, and it says nothing of them
	}
	if _, err := f.store.Tidy(ctx, layout.Catalog(f.account)); err != nil {
		return nil, err
	}
	for _, start := range w.Starts {
		month, err := f.manifest.MonthOf(ctx, start)
		if err != nil {
			return nil, err
		}
		key := layout.CatalogKey(f.account, month)
		there, err := f.eraser.Keys(ctx, key, func(has string) bool { return has == key })
		if err != nil {
			return nil, err
		}
		if len(there) > 0 && !slices.Contains(files, key) {
			files = append(files, key)
		}
		if !slices.ContainsFunc(w.months, func(m manifest.Month) bool { return m.First.Equal(month.First) }) {
			w.months = append(w.months, month)
		}
	}
	return files, nil
}

// unfinished are the uploads under the recording's stems that somebody has begun, and
// neither ended nor given up: they hold audio that no listing shows.
func (f *finder) unfinished(ctx context.Context) (left []string, err error) {
	for _, p := range f.places {
		for name, err := range f.store.Unfinished(ctx, p.stem) {
			if errors.Is(err, storage.ErrHidden) {
				return nil, nil // and Tidy has said so
			}
			if err != nil {
				return nil, err
			}
			if layout.IsOf(p.stem, name) {
				left = append(left, name)
			}
		}
	}
	return left, nil
}
