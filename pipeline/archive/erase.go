package archive

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
	Start  time.Time `json:"start"` // UTC; any that it has had; may be zero if only one recording has had the id
	Bytes  int64     `json:"-"`     // of its audio, where two start in the same second; 0 = any
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`    // UTC; set by Erase
	Nonce  string    `json:"nonce"` // so that nobody guesses a name out of the digest; set by Erase
}

// Key is the key of the recording to erase.
func (e Erasure) Key() vbc.Key { return vbc.Key{Kind: e.Kind, Owner: e.Owner, ID: e.ID} }

// Erasable is what is about to be erased.
type Erasable struct {
	Rows    []manifest.Row // what the manifest has of it; those without a State only the archive has
	Starts  []time.Time    // all that it is known to have had, the earliest first
	Keys    []string       // of its objects, and of the catalogue's files that have it, in order
	Looked  int64          // names that were looked at to find these
	Unclear []string       // objects that bear its id and stay, since nobody knows whose they are

	months []manifest.Month // of whose catalogue it is part
}

// Erased is what erasing has done.
type Erased struct {
	Versions int   // of objects, that were removed
	Looked   int64 // names that were looked at
	// Objects that are left: of Unclear nobody knows whether they are the recording's;
	// Unfinished are uploads that somebody has begun, and the store doesn't give up.
	Unclear, Unfinished []string
}

// Erase removes one recording from the archive, for ever: audio, metadata, and
// whatever else lies beside them, in all versions, under every start that the recording
// has had, and what the catalogue and its versions say of it. It must be gone at VBC,
// and neither under a hold nor locked. To find all of it, every name in its collection
// is looked at. confirm is asked before anything is changed. On nil nothing is left of
// it but ids and digests, and what Erased names. After an error, Erase may be called
// again, and goes on. Nothing else may use the manifest meanwhile.
func (a *Archive) Erase(
	ctx context.Context, eraser storage.Eraser, e Erasure, confirm func(Erasable) error,
) (done Erased, err error) {
	f := &finder{Archive: a, eraser: eraser, key: e.Key()}
	if err := f.find(ctx); err != nil {
		return done, err
	}
	one, err := f.pick(e)
	if err != nil {
		return done, err
	}
	done.Looked = f.looked
	if one.over() { // what follows the first time may not have got to
		err := &refusal.Refusal{Code: code.ErasedAlready, Reason: fmt.Sprintf("%s is already erased", one.rows[0].Recording)}
		months, e := a.manifest.StaleMonths(ctx)
		return done, errors.Join(err, e, a.forget(ctx, months))
	}
	what, err := f.erasable(ctx, one)
	if err != nil {
		return done, err
	}
	if err := confirm(what); err != nil {
		return done, err
	}
	if err := a.tellOfHolds(ctx, what.Rows); err != nil {
		return done, err
	}
	if err := a.beginErasures(ctx, what.Rows, e); err != nil {
		return done, err
	}
	if err := a.storeChain(ctx); err != nil {
		return done, err // a manifest made anew, or restored, must know that it began
	}
	for _, key := range what.Keys {
		if err := a.manifest.Lease().Held(); err != nil {
			return done, err // whoever has the manifest now may say otherwise
		}
		n, err := eraser.Erase(ctx, key)
		done.Versions += n
		if err != nil {
			return done, err
		}
	}
	ctx = context.WithoutCancel(ctx)
	for _, row := range what.Rows {
		if row.State == manifest.Erased { // of which objects had come back
			continue
		}
		if err := a.manifest.Erased(ctx, row.Recording, erasureEntry(receipt.Erased, row)); err != nil {
			return done, err
		}
	}
	done.Unclear = what.Unclear
	done.Unfinished, err = f.unfinished(ctx)
	return done, errors.Join(err, a.forget(ctx, what.months))
}

// forget scrubs an erased recording out of the manifest's file and the catalogue, and
// stores what the chain says of it.
func (a *Archive) forget(ctx context.Context, months []manifest.Month) error {
	err := a.manifest.Scrub(ctx)
	for _, month := range months {
		err = errors.Join(err, a.recatalog(ctx, month.First))
	}
	return errors.Join(err, a.storeChain(ctx))
}

// beginErasures writes down of each row that its erasure begins; what has none gets
// one.
func (a *Archive) beginErasures(ctx context.Context, rows []manifest.Row, e Erasure) error {
	for i := range rows {
		if rows[i].State == manifest.Erasing || rows[i].State == manifest.Erased {
			continue
		}
		if err := a.beginErasure(ctx, &rows[i], e); err != nil {
			return err
		}
	}
	return nil
}

// beginErasure writes down that it begins: the reason beside the archive, its
// digest in the chain.
func (a *Archive) beginErasure(ctx context.Context, row *manifest.Row, e Erasure) error {
	e.At, e.Nonce, e.Start = time.Now().UTC(), rand.Text(), row.Start.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := a.putProven(ctx, layout.ErasureKey(a.account, text), text, "application/json"); err != nil {
		return err
	}
	entry := erasureEntry(receipt.Erasing, *row)
	entry.Digest = storage.SumOf(text)
	if row.State == "" {
		return a.manifest.ErasingFound(ctx, row, entry)
	}
	return a.manifest.Erasing(ctx, row.Recording, entry)
}

// erasureEntry is an entry about a row, with its copy. What never had one is named by
// where it would lie, so that whoever reads the entry knows which start it is about.
func erasureEntry(t receipt.Type, row manifest.Row) receipt.Entry {
	entry := receipt.New(t, 0, row.Recording)
	audio, side := row.Copy.Audio, row.Copy.Sidecar
	if stem, err := layout.Stem(row.Recording); err == nil && audio.Key == "" {
		audio.Key, audio.Size, side.Key = stem+".mp3", max(row.Size, 0), stem+".json"
	}
	entry.Audio, entry.Sidecar = &audio, &side
	if transcript := row.Copy.Transcript; transcript.Key != "" {
		entry.Transcript = &transcript
	}
	return entry
}
