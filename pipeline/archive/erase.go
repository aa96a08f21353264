package archive

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Erasure says which recording is erased from the archive, why, and who says so.
type Erasure struct {
	Kind   vbc.Kind  `json:"kind"`
	Owner  string    `json:"owner,omitempty"`
	ID     int64     `json:"id"`
	Start  time.Time `json:"start"` // UTC; may be zero if only one recording has had the id
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`    // UTC; set by Erase
	Nonce  string    `json:"nonce"` // so that nobody guesses a name out of the digest; set by Erase
}

// Key is the key of the recording to erase.
func (e Erasure) Key() vbc.Key { return vbc.Key{Kind: e.Kind, Owner: e.Owner, ID: e.ID} }

// erasable is what may be erased.
type erasable struct {
	row     manifest.Row
	keys    []string
	catalog string // the key of its month's file, which is erased too and then made anew
	listed  bool   // that file is there
}

// Erase removes one recording from the archive, for ever: audio, metadata, and
// whatever else lies beside them, in all versions, and what the catalogue and
// its versions say of it. It must be gone at VBC, and neither under a hold nor
// locked. confirm is asked, with the keys, before anything is changed. On nil
// nothing is left of it but ids and digests. After an error, Erase may be called
// again, and goes on. Nothing else may use the manifest meanwhile.
func (a *Archive) Erase(
	ctx context.Context, eraser storage.Eraser, e Erasure, confirm func(row manifest.Row, keys []string) error,
) (versions int, err error) {
	what, err := a.erasable(ctx, eraser, e)
	if err != nil {
		return 0, err
	}
	if what.row.State == manifest.Erased {
		err := &refusal.Refusal{Code: code.ErasedAlready, Reason: fmt.Sprintf("%s is already erased", what.row.Recording)}
		return 0, errors.Join(err, a.forget(ctx, what.row)) // which the first time may not have got to
	}
	shown := what.keys
	if what.listed { // if not, older versions of it may be there all the same
		shown = append(shown, what.catalog)
	}
	if err := confirm(what.row, shown); err != nil {
		return 0, err
	}
	if err := a.tellOfHolds(ctx, what.row); err != nil {
		return 0, err
	}
	if what.row.State != manifest.Erasing {
		if err := a.beginErasure(ctx, what.row, e); err != nil {
			return 0, err
		}
	}
	if err := a.storeChain(ctx); err != nil {
		return 0, err // a manifest made anew, or restored, must know that it began
	}
	for _, key := range append(what.keys, what.catalog) {
		n, err := eraser.Erase(ctx, key)
		versions += n
		if err != nil {
			return versions, err
		}
	}
	if err := a.manifest.Erased(context.WithoutCancel(ctx), what.row.Recording, erasureEntry(receipt.Erased, what.row)); err != nil {
		return versions, err
	}
	ctx = context.WithoutCancel(ctx)
	return versions, a.forget(ctx, what.row)
}

// forget scrubs an erased recording out of the manifest's file and the catalogue, and
// stores what the chain says of it.
func (a *Archive) forget(ctx context.Context, row manifest.Row) error {
	return errors.Join(a.manifest.Scrub(ctx), a.recatalog(ctx, row.Start), a.storeChain(ctx))
}

// erasable finds what is to be erased, and whether it may be.
func (a *Archive) erasable(ctx context.Context, eraser storage.Eraser, e Erasure) (w erasable, err error) {
	others, err := a.pick(ctx, &w, e)
	if err != nil {
		return w, err
	}
	switch w.row.State {
	case manifest.Purged, manifest.Erasing:
	case manifest.Erased:
		return w, nil
	case manifest.Purging:
		return w, &refusal.Refusal{
			Code:   code.DeletionOpen,
			Reason: fmt.Sprintf("the deletion of %s at VBC was started, and its outcome is not known yet", w.row.Recording),
			Hint:   "run vbcvault archive, which finds out; then run vbcvault erase again",
		}
	default:
		return w, &refusal.Refusal{
			Code:   code.StillAtVBC,
			Reason: fmt.Sprintf("%s may still be at VBC, so the next run would archive it again", w.row.Recording),
			Hint:   "run vbcvault archive --delete first, so that it is deleted at VBC; then run vbcvault erase again",
		}
	}
	if h, held := manifest.Covering(a.holds, w.row); held {
		return w, &refusal.Refusal{Code: code.Hold, Reason: fmt.Sprintf("%s is under hold %d", w.row.Recording, h.Number), Hint: "vbcvault hold list shows why; vbcvault hold remove removes the hold"}
	}
	base, err := layout.Stem(w.row.Recording)
	if err != nil {
		return w, err
	}
	for _, o := range []storage.Object{w.row.Copy.Audio, w.row.Copy.Sidecar, w.row.Copy.Transcript} {
		if o.Key != "" {
			w.keys = append(w.keys, o.Key)
		}
	}
	there, err := eraser.Keys(ctx, base)
	if err != nil {
		return w, err
	}
	for _, key := range there {
		if layout.IsOf(base, key) {
			w.keys = append(w.keys, key)
		}
	}
	for _, o := range others {
		if o.State == manifest.Erasing || o.State == manifest.Erased {
			continue // it keeps nothing
		}
		// in the same place, if VBC has changed nothing but the size
		w.keys = slices.DeleteFunc(w.keys, func(key string) bool { return slices.Contains(o.Copy.Keys(), key) })
	}
	slices.Sort(w.keys)
	w.keys = slices.Compact(w.keys)
	if err := a.lookForCatalog(ctx, &w); err != nil {
		return w, err
	}
	for _, key := range append(w.keys, w.catalog) {
		err := eraser.Retained(ctx, key)
		if _, locked := errors.AsType[*storage.RetainedError](err); locked {
			err = &refusal.Refusal{Code: code.Retained, Reason: fmt.Sprintf("%s can't be erased: %v", w.row.Recording, err), Hint: "nothing was changed; wait until then, or ask somebody who may remove the lock"}
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// pick finds the row of the recording that is meant, and the others that have
// had its id.
func (a *Archive) pick(ctx context.Context, w *erasable, e Erasure) (others []manifest.Row, err error) {
	rows, err := a.manifest.All(ctx, e.Key())
	if err != nil {
		return nil, err
	}
	meant := func(row manifest.Row) bool {
		return e.Start.IsZero() || row.Start.Truncate(time.Second).Equal(e.Start.Truncate(time.Second))
	}
	var found []manifest.Row
	var starts []string
	for _, row := range rows {
		starts = append(starts, row.Start.UTC().Format(time.RFC3339))
		if meant(row) {
			found = append(found, row)
		} else {
			others = append(others, row)
		}
	}
	i := slices.IndexFunc(found, func(row manifest.Row) bool { return row.State != manifest.Erased })
	switch {
	case len(rows) == 0:
		return nil, fmt.Errorf("%s is %w", e.Key(), manifest.ErrUnknown)
	case len(found) == 0, len(found) > 1 && e.Start.IsZero():
		return nil, &refusal.Refusal{
			Code:   code.WhichOne,
			Reason: fmt.Sprintf("several recordings have the id %d, or none starts at that time; they start at %s", e.ID, strings.Join(starts, ", ")),
			Hint:   "choose one with --start; nothing was changed",
		}
	case i < 0:
		i = 0
	}
	w.row = found[i]
	return slices.Concat(others, found[:i], found[i+1:]), nil
}

// lookForCatalog finds the catalogue's file that has a recording, and gets rid
// of what a crash may have left of making it.
func (a *Archive) lookForCatalog(ctx context.Context, w *erasable) error {
	if _, err := a.store.Tidy(ctx, layout.Catalog(a.account)); err != nil {
		return err
	}
	month, err := a.manifest.MonthOf(ctx, w.row.Start)
	if err != nil {
		return err
	}
	w.catalog = layout.CatalogKey(a.account, month)
	for o, err := range a.store.List(ctx, w.catalog) {
		if err != nil {
			return err
		}
		w.listed = w.listed || o.Key == w.catalog
	}
	return nil
}

// beginErasure writes down that it begins: the reason beside the archive, its
// digest in the chain.
func (a *Archive) beginErasure(ctx context.Context, row manifest.Row, e Erasure) error {
	e.At, e.Nonce, e.Start = time.Now().UTC(), rand.Text(), row.Start.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := a.putProven(ctx, layout.ErasureKey(a.account, text), text, "application/json"); err != nil {
		return err
	}
	entry := erasureEntry(receipt.Erasing, row)
	entry.Digest = storage.SumOf(text)
	return a.manifest.Erasing(ctx, row.Recording, entry)
}

func erasureEntry(t receipt.Type, row manifest.Row) receipt.Entry {
	entry := receipt.New(t, 0, row.Recording)
	audio, side := row.Copy.Audio, row.Copy.Sidecar
	entry.Audio, entry.Sidecar = &audio, &side
	if transcript := row.Copy.Transcript; transcript.Key != "" {
		entry.Transcript = &transcript
	}
	return entry
}
