package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// heldLogs are what logs say of holds.
type heldLogs struct {
	made     map[storage.Digest]claim // by the hold's digest
	released map[storage.Digest][]release
	hearsay  []receipt.Entry // ends in logs that no known key has signed

	known []manifest.HoldRecord // in the manifest
}

// claim is where a log says something.
type claim struct {
	seq   int64
	chain string
	own   bool
	late  bool // a run has added it since the audit began
}

// release is an entry of a hold's end: the digest of its text.
type release struct {
	claim
	removal storage.Digest
}

// text is something that a log names by its digest alone, and that lies beside the
// archive.
type text struct {
	claim
	digest storage.Digest
	code   string // of the finding that it is missing
	what   string
}

// note remembers what an entry of a log that counts says of holds and texts.
func (a *auditor) note(e receipt.Entry, from source) {
	c := claim{seq: e.Seq, chain: e.Chain, own: from.own, late: from.own && a.own.Last < e.Seq}
	h := &a.holds
	if h.made == nil {
		h.made, h.released = map[storage.Digest]claim{}, map[storage.Digest][]release{}
	}
	switch e.Type {
	case receipt.Held:
		if has, ok := h.made[e.Digest]; !ok || from.own && !has.own {
			h.made[e.Digest] = c
		}
	case receipt.Released:
		h.released[e.Digest] = append(h.released[e.Digest], release{c, e.Removal})
	case receipt.Erasing:
		what := "the reason why " + e.Recording().String() + " was erased"
		a.texts = append(a.texts, text{claim: c, digest: e.Digest, code: code.ErasureText, what: what})
	}
}

// readHolds reads the manifest's holds.
func (a *auditor) readHolds(ctx context.Context) (err error) {
	a.holds.known, err = a.m.HoldTexts(ctx)
	return err
}

// compareHolds compares the manifest's holds with what the logs say of them.
func (a *auditor) compareHolds(context.Context) error {
	if a.own.broken {
		return nil
	}
	known := map[storage.Digest]manifest.HoldRecord{}
	for _, r := range a.holds.known {
		known[r.Digest] = r
		made := manifest.HoldText{Hold: r.Digest, Text: r.Made}
		ended := manifest.HoldText{Hold: r.Digest, Text: r.Ended, Ended: true}
		switch {
		case len(r.Made) > 0 && !made.Check():
			a.wrong(code.HoldChanged, "",
				"hold %d in the manifest is not the one that was added: its text was changed", r.Number)
		case len(r.Ended) > 0 && !ended.Check():
			a.wrong(code.HoldChanged, "",
				"the end of hold %d in the manifest is not what vbcvault hold remove writes: it was changed", r.Number)
		case len(r.Ended) > 0:
			a.compareEnd(r)
		}
	}
	for _, digest := range slices.SortedFunc(maps.Keys(a.holds.made), bySum) {
		c := a.holds.made[digest]
		if _, ok := known[digest]; ok || c.late {
			continue
		}
		if c.own {
			a.wrong(code.HoldMissing, c.chain,
				"entry %d: the hold %.16s… was added, and is missing in the manifest", c.seq, digest)
		} else {
			a.remark(code.HoldNew, c.chain,
				"entry %d of the log %s: the hold %.16s… was added there, and this manifest does not know it "+
					"yet; the next run reads it", c.seq, c.chain, digest)
		}
	}
	for _, digest := range slices.SortedFunc(maps.Keys(a.holds.released), bySum) {
		i := slices.IndexFunc(a.holds.released[digest], func(r release) bool { return r.own && !r.late })
		if r, ok := known[digest]; ok && i >= 0 && len(r.Ended) == 0 {
			a.wrong(code.HoldOpen, a.Chain,
				"entry %d: hold %d was removed, and is still in force in the manifest: the text of its end was "+
					"missing when the entry was copied from the archive",
				a.holds.released[digest][i].seq, r.Number)
		}
	}
	return nil
}

// signedEnd reports whether the manifest's key has signed the end of a hold.
func (a *auditor) signedEnd(r manifest.HoldRecord, sum storage.Digest) bool {
	own, err := receipt.NewKeys(a.Key)
	return err == nil && own.HoldEnd(r.Digest, sum, r.Signed)
}

// compareEnd looks for the receipt of just the end that a hold has in the manifest.
func (a *auditor) compareEnd(r manifest.HoldRecord) {
	sum := storage.SumOf(r.Ended)
	isIt := func(e receipt.Entry) bool { return e.Digest == r.Digest && e.Removal == sum }
	switch {
	case slices.ContainsFunc(a.holds.released[r.Digest], func(e release) bool { return e.removal == sum }):
	case !r.Noted && !a.signedEnd(r, sum):
		a.wrong(code.HoldEnded, "",
			"hold %d has ended in the manifest, and the manifest's key has not signed that", r.Number)
	case !r.Noted:
		a.remark(code.HoldPending, "",
			"hold %d was removed in the manifest, and its receipt is not written yet: the next run writes "+
				"it. If nobody removed it, add the hold again now", r.Number)
	case slices.ContainsFunc(a.holds.hearsay, isIt):
		a.remark(code.HoldUnsigned, "",
			"hold %d has ended, and the receipt of that is in a log that no known key has signed", r.Number)
	case a.store == nil && a.mayBeElsewhere():
		a.remark(code.Elsewhere, "",
			"hold %d has ended, and the receipt of that is in another log, which --offline does not check", r.Number)
	default:
		a.wrong(code.HoldEnded, "", "hold %d has ended in the manifest, and no log has a receipt of that", r.Number)
	}
}

func bySum(a, b storage.Digest) int { return slices.Compare(a[:], b[:]) }

// compareTexts looks whether the texts of holds and erasures that logs name lie beside
// the archive, word by word.
func (a *auditor) compareTexts(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	holds, err := a.textsUnder(ctx, layout.Holds(a.Account))
	if err != nil {
		return err
	}
	ended := map[storage.Digest]bool{} // in the manifest
	for _, r := range a.holds.known {
		ended[r.Digest] = len(r.Ended) > 0
	}
	a.strayEnds(holds, ended)
	for _, digest := range slices.SortedFunc(maps.Keys(a.holds.made), bySum) {
		c := a.holds.made[digest]
		if holds[layout.HoldKey(a.Account, manifest.HoldText{Hold: digest})] == digest {
			continue
		}
		means := fmt.Sprintf(
			"destination: the text of the hold that entry %d of the log %s names is missing beside the "+
				"archive, changed, or in cold storage (holds/…/%s.json)", c.seq, c.chain, digest)
		if ended[digest] {
			a.remark(code.HoldTextLost, c.chain, "%s; the hold has ended", means)
		} else {
			a.wrong(code.HoldText, c.chain, "%s", means)
		}
	}
	for _, digest := range slices.SortedFunc(maps.Keys(a.holds.released), bySum) {
		for _, r := range a.holds.released[digest] {
			if !hasText(holds, digest, r.removal) {
				a.wrong(code.HoldText, r.chain,
					"destination: the text of the end of a hold that entry %d of the log %s names is missing beside "+
						"the archive, changed, or in cold storage (holds/…/%s.removed.json)",
					r.seq, r.chain, digest)
			}
		}
	}
	if len(a.texts) == 0 {
		return nil
	}
	erasures, err := a.textsUnder(ctx, layout.Erasures(a.Account))
	if err != nil {
		return err
	}
	for _, t := range a.texts {
		if erasures[fmt.Sprintf("%s%s.json", layout.Erasures(a.Account), t.digest)] != t.digest {
			a.wrong(t.code, t.chain,
				"destination: %s is missing beside the archive, changed, or in cold storage; entry %d of the log %s names it "+
					"(erasures/…/%s.json)", t.what, t.seq, t.chain, t.digest)
		}
	}
	return nil
}

// textsUnder are the digests of what lies under a prefix, by key.
func (a *auditor) textsUnder(ctx context.Context, prefix string) (map[string]storage.Digest, error) {
	sums := map[string]storage.Digest{}
	for o, err := range a.store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("read what lies beside the archive: %w", err)
		}
		body, err := layout.Read(ctx, a.store, o, layout.MaxHold)
		if errors.Is(err, storage.ErrCold) {
			sums[o.Key] = storage.Digest{} // nobody knows
			continue
		}
		if err != nil && !layout.Unreadable(err) {
			return nil, err
		}
		sums[o.Key] = storage.SumOf(body)
	}
	return sums, nil
}

// hasText reports whether one of the texts of a hold's end has a digest: two
// manifests may have ended it, each with words of its own.
func hasText(holds map[string]storage.Digest, hold, removal storage.Digest) bool {
	for key, sum := range holds {
		name := layout.HoldName.FindStringSubmatch(key)
		if name != nil && name[1] == hold.String() && name[2] != "" && sum == removal {
			return true
		}
	}
	return false
}

// strayEnds names ends of holds beside the archive that no log which counts knows, of
// holds that are in force.
func (a *auditor) strayEnds(holds map[string]storage.Digest, ended map[storage.Digest]bool) {
	for _, key := range slices.Sorted(maps.Keys(holds)) {
		name := layout.HoldName.FindStringSubmatch(key)
		if name == nil || name[2] == "" {
			continue
		}
		hold, err := storage.ParseDigest(name[1])
		known := slices.ContainsFunc(a.holds.released[hold], func(r release) bool { return r.removal == holds[key] })
		if gone, is := ended[hold]; err == nil && is && !gone && !known {
			a.wrong(code.HoldEnd, "",
				"destination: %s says that a hold was removed which is in force, and no receipt that a known "+
					"key has signed says so", key)
		}
	}
}
