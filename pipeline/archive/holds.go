package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// LearnHolds takes the holds of the archive into the manifest, before anything
// is deleted, and returns all that it knows then, and what speaks against what the
// archive says. The end of a hold counts only where a log has its release that is
// signed with a known key.
func LearnHolds(
	ctx context.Context, store storage.Store, m Learner, log *slog.Logger, account string,
) (all []manifest.Hold, doubts []string, err error) {
	known := map[storage.Digest]manifest.Hold{}
	holds, err := m.Holds(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range holds {
		known[h.Digest] = h
	}
	var ends []manifest.HoldText // of holds that are in force
	for o, err := range store.List(ctx, layout.Holds(account)) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the holds in the destination: %w", err)
		}
		name := layout.HoldName.FindStringSubmatch(o.Key)
		if name == nil {
			log.Warn("this object is among the holds but is not a hold", "key", o.Key)
			continue
		}
		t := manifest.HoldText{Ended: name[2] != ""}
		if t.Hold, err = storage.ParseDigest(name[1]); err != nil {
			return nil, nil, err
		}
		if h, ok := known[t.Hold]; ok && (!t.Ended && !h.Lost || t.Ended && h.Removed != nil) {
			continue
		}
		if t.Text, err = layout.Read(ctx, store, o, layout.MaxHold); err != nil && !errors.Is(err, layout.ErrTooLarge) {
			return nil, nil, err
		}
		if !t.Check() {
			log.Warn("a hold in the destination can't be read: if it was added, every recording is held; if it was removed, it stays in force", "key", o.Key)
		}
		if t.Ended && t.Check() {
			ends = append(ends, t)
		}
		if err := m.LearnHold(ctx, t); err != nil {
			return nil, nil, err
		}
		if h := known[t.Hold]; h.Changed && !t.Ended && t.Check() {
			doubts = append(doubts, fmt.Sprintf("the text of hold %d in the manifest was changed; it was read again from the archive", h.Number))
			log.Warn(doubts[len(doubts)-1] + ". Find out who changed the manifest's file")
		}
	}
	if all, err = m.Holds(ctx); err != nil || len(ends) == 0 {
		return all, doubts, err
	}
	before := all
	if all, err = learnReleases(ctx, store, m, log, account, ends); err != nil && denied(err) {
		all = before // a hold that stays in force does no harm
		log.Warn(unreadReleases, "reason", err)
	} else if err != nil {
		return nil, nil, err
	}
	for _, h := range manifest.InForce(all) {
		if slices.ContainsFunc(ends, func(t manifest.HoldText) bool { return t.Hold == h.Digest }) {
			text := fmt.Sprintf("the archive says that hold %d was removed, but no receipt that a known key has signed says so; the hold stays in force", h.Number)
			doubts = append(doubts, text)
			log.Warn(text + ". If another machine removed it, trust that machine's key: vbcvault manifest trust KEY, with what vbcvault audit --key prints there. " +
				"If nobody did, find out who wrote to holds/ in the destination")
		}
	}
	return all, doubts, nil
}

const unreadReleases = "receipts of other manifests, which may say that a hold was removed, can't be read"

// learnReleases looks in other manifests' logs for the releases of holds that have
// ended, and returns all holds as they are then.
func learnReleases(
	ctx context.Context, store storage.Store, m Learner, log *slog.Logger, account string, ends []manifest.HoldText,
) ([]manifest.Hold, error) {
	all, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	open := func(digest storage.Digest) bool {
		return slices.ContainsFunc(all, func(h manifest.Hold) bool { return h.Removed == nil && h.Digest == digest })
	}
	if ends = slices.DeleteFunc(ends, func(t manifest.HoldText) bool { return !open(t.Hold) }); len(ends) == 0 {
		return all, nil
	}
	keys, err := Keys(ctx, m)
	if err != nil {
		return nil, err
	}
	own, err := m.Chain(ctx)
	if err != nil {
		return nil, err
	}
	logs, err := ledger.Read(ctx, store, account, keys, func(chain string) bool { return chain != own.ID })
	if err != nil {
		return nil, err
	}
	for _, s := range logs.Strays {
		if s.Kind == ledger.Unread {
			log.Warn(unreadReleases, "key", s.Key, "reason", "it "+s.Why)
		}
	}
	for _, g := range logs.Logs {
		if g.Signed == 0 {
			continue // it needn't be read once more
		}
		for line, err := range logs.Lines(ctx, g) {
			if err != nil {
				return nil, err
			}
			if line.Type == receipt.Released && line.Signed && line.Account == account {
				if err := m.Release(ctx, line.Digest, line.Removal); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, t := range ends {
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
