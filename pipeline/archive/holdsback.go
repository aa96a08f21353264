package archive

import (
	"context"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// restoreHolds stores the texts of holds in force again that were stored before and are
// gone: without them, a manifest that is made anew would hold everything. It goes by
// names alone. The text of a hold that has ended may be gone on purpose, with the
// number in it. What can't be stored now, the next run stores.
func (a *Archive) restoreHolds(ctx context.Context) error {
	if len(manifest.InForce(a.holds)) == 0 {
		return nil
	}
	there := map[string]bool{}
	for o, err := range a.store.List(ctx, layout.Holds(a.account)) {
		if err != nil {
			return fmt.Errorf("read the holds in the destination: %w", err)
		}
		there[o.Key] = true
	}
	texts, err := a.manifest.HoldTexts(ctx)
	if err != nil {
		return err
	}
	unstored, err := a.manifest.UnstoredHolds(ctx)
	if err != nil {
		return err
	}
	isNew := func(hold storage.Digest) bool {
		return slices.ContainsFunc(unstored, func(t manifest.HoldText) bool { return !t.Ended && t.Hold == hold })
	}
	for _, h := range texts {
		t := manifest.HoldText{Hold: h.Digest, Text: h.Made}
		if there[layout.HoldKey(a.account, t)] || len(h.Ended) > 0 || !t.Check() || isNew(h.Digest) {
			continue
		}
		what := fmt.Sprintf("the text of hold %d was stored beside the archive and is missing now", h.Number)
		err := a.putHold(ctx, t)
		if refusal.Code(err) != "" || ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.doubt("%s; it could not be stored again, and the next run tries it: %v", what, err)
			return nil
		}
		a.doubt("%s; it was stored again from the manifest", what)
	}
	return nil
}

// reviveHolds has holds in force again whose end is in the manifest without its
// signature: somebody has changed the file. What has really ended is learned from the
// archive, where it has the signed release of that.
func (a *Archive) reviveHolds(ctx context.Context) error {
	texts, err := a.manifest.HoldTexts(ctx)
	if err != nil {
		return err
	}
	for _, h := range texts {
		if len(h.Ended) == 0 || a.own.HoldEnd(h.Digest, storage.SumOf(h.Ended), h.Signed) {
			continue
		}
		if err := a.manifest.Revive(ctx, h.Digest); err != nil {
			return err
		}
		a.doubt("the manifest says that hold %d was removed, but this manifest's key has not signed that: somebody has changed the manifest. "+
			"The hold is in force again; if you removed it, run vbcvault hold remove again", h.Number)
	}
	return nil
}
