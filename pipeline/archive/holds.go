package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// LearnHolds takes the holds of the archive into the manifest, before anything
// is deleted, and returns all that it knows then.
func LearnHolds(
	ctx context.Context, store storage.Store, m Learner, log *slog.Logger, account string,
) ([]manifest.Hold, error) {
	known := map[storage.Digest]manifest.Hold{}
	holds, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		known[h.Digest] = h
	}
	for o, err := range store.List(ctx, layout.Holds(account)) {
		if err != nil {
			return nil, fmt.Errorf("read the holds in the destination: %w", err)
		}
		name := layout.HoldName.FindStringSubmatch(o.Key)
		if name == nil {
			log.Warn("this object is among the holds but is not a hold", "key", o.Key)
			continue
		}
		t := manifest.HoldText{Ended: name[2] != ""}
		if t.Hold, err = storage.ParseDigest(name[1]); err != nil {
			return nil, err
		}
		if h, ok := known[t.Hold]; ok && (!t.Ended && !h.Lost || t.Ended && h.Removed != nil) {
			continue
		}
		if t.Text, err = layout.Read(ctx, store, o, layout.MaxHold); err != nil && !errors.Is(err, layout.ErrTooLarge) {
			return nil, err
		}
		if !t.Check() {
			log.Warn("a hold in the destination can't be read: if it was added, every recording is held; if it was removed, it stays in force", "key", o.Key)
		}
		if err := m.LearnHold(ctx, t); err != nil {
			return nil, err
		}
	}
	return m.Holds(ctx)
}

// keepHolds adds to the chain, and stores beside the archive, what was done
// about holds since the run before. The texts come first: a receipt without one
// would hold everything.
func (a *Archive) keepHolds(ctx context.Context, run int64) error {
	texts, err := a.manifest.UnstoredHolds(ctx)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if err := a.putHold(ctx, t); err != nil {
			return err
		}
		if err := a.manifest.HoldStored(ctx, t); err != nil {
			return err
		}
	}
	return a.manifest.NoteHolds(ctx, run)
}

// putHold stores how a hold was made, under its digest, or how it has ended, under
// the hold's: there somebody else's words may be, and stay as long as they say so.
func (a *Archive) putHold(ctx context.Context, t manifest.HoldText) error {
	key := layout.HoldKey(a.account, t)
	if !t.Ended {
		return a.putProven(ctx, key, t.Text, "application/json")
	}
	_, err := layout.PutBeside(key, storage.SumOf(t.Text), isOccupied, func(key string) (storage.Object, error) {
		return a.putOver(ctx, key, t.Text, "application/json", func(has storage.Object) storage.Resolution {
			text, err := layout.Read(ctx, a.store, has, layout.MaxHold)
			if err != nil || (manifest.HoldText{Hold: t.Hold, Ended: true, Text: text}).Check() {
				return storage.Refuse
			}
			return storage.Replace
		})
	})
	return err
}

func isOccupied(err error) bool {
	_, occupied := errors.AsType[*storage.OccupiedError](err)
	return occupied
}
