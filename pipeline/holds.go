package pipeline

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Holds lie beside the archive too, named after the SHA-256 of what they say:
//
//	holds/account=549825/9f86d0….json           how it was made
//	holds/account=549825/9f86d0….removed.json   how it has ended
//
// So a manifest that is lost, restored or another machine's knows them.
func holdsPrefix(account string) string { return "holds/account=" + account + "/" }

func holdKey(account string, t manifest.HoldText) string {
	ending := ".json"
	if t.Ended {
		ending = ".removed.json"
	}
	return holdsPrefix(account) + t.Hold.String() + ending
}

// Two manifests may end one hold, each with words of its own: the second's lie
// beside the first's.
var holdName = regexp.MustCompile(`/([0-9a-f]{64})(\.removed(?:-[0-9a-f]{8}|-[0-9a-f]{64})?)?\.json$`)

const maxHold = 1 << 20 // bytes; most are a few hundred

// learnHolds takes the holds of the archive into the manifest, before anything
// is deleted, and then knows them all.
func (r *run) learnHolds(ctx context.Context) error {
	known := map[storage.Digest]manifest.Hold{}
	holds, err := r.manifest.Holds(ctx)
	if err != nil {
		return err
	}
	for _, h := range holds {
		known[h.Digest] = h
	}
	for o, err := range r.store.List(ctx, holdsPrefix(r.account)) {
		if err != nil {
			return fmt.Errorf("read the holds in the destination: %w", err)
		}
		m := holdName.FindStringSubmatch(o.Key)
		if m == nil {
			r.log.Warn("this object is among the holds but is not a hold", "key", o.Key)
			continue
		}
		t := manifest.HoldText{Ended: m[2] != ""}
		if t.Hold, err = storage.ParseDigest(m[1]); err != nil {
			return err
		}
		if h, ok := known[t.Hold]; ok && (!t.Ended && !h.Lost || t.Ended && h.Removed != nil) {
			continue
		}
		if t.Text, err = readObject(ctx, r.store, o, maxHold); err != nil && !errors.Is(err, errTooLarge) {
			return err
		}
		if !t.Check() {
			r.log.Warn("a hold in the destination can't be read: if it was added, every recording is held; if it was removed, it stays in force", "key", o.Key)
		}
		if err := r.manifest.LearnHold(ctx, t); err != nil {
			return err
		}
	}
	if r.policy.holds, err = r.manifest.Holds(ctx); err != nil {
		return err
	}
	if n := len(manifest.InForce(r.policy.holds)); n > 0 && r.policy.Delete {
		r.log.Info("legal holds are in force; recordings that they cover are archived but not deleted", "holds", n)
	}
	return nil
}

// keepHolds adds to the chain, and stores beside the archive, what was done
// about holds since the run before. The texts come first: a receipt without one
// would hold everything.
func (r *run) keepHolds(ctx context.Context) error {
	texts, err := r.manifest.UnstoredHolds(ctx)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if err := r.putHold(ctx, t); err != nil {
			return err
		}
		if err := r.manifest.HoldStored(ctx, t); err != nil {
			return err
		}
	}
	return r.manifest.NoteHolds(ctx, r.id)
}

// putHold stores how a hold was made, under its digest, or how it has ended, under
// the hold's: there somebody else's words may be, and stay as long as they say so.
func (r *run) putHold(ctx context.Context, t manifest.HoldText) error {
	key := holdKey(r.account, t)
	if !t.Ended {
		return r.putProven(ctx, key, t.Text, "application/json")
	}
	_, err := putBeside(key, storage.SumOf(t.Text), isA[*storage.OccupiedError], func(key string) (storage.Object, error) {
		return r.putOver(ctx, key, t.Text, "application/json", func(has storage.Object) storage.Resolution {
			text, err := readObject(ctx, r.store, has, maxHold)
			if err != nil || (manifest.HoldText{Hold: t.Hold, Ended: true, Text: text}).Check() {
				return storage.Refuse
			}
			return storage.Replace
		})
	})
	return err
}
