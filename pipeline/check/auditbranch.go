package check

import (
	"cmp"
	"context"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/storage"
)

// compareOwn compares the own log with what the archive has of it.
func (a *auditor) compareOwn(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	same, err := a.sameBundles(ctx)
	if err != nil {
		return err
	}
	if a.Stored = a.own.Last; len(layout.Missing(same, a.own.Last)) > 0 {
		a.Stored = layout.Missing(same, a.own.Last)[0][0] - 1
	}
	if !a.own.broken {
		for _, piece := range layout.Missing(same, min(a.storedLast, a.own.Last)) {
			a.wrong(code.Removed, a.Chain,
				"destination: entries %d to %d of this manifest's log were stored there but are missing now",
				piece[0], piece[1])
		}
		if len(layout.Missing(same, a.storedLast)) == 0 {
			a.compareSignatures()
		}
	}
	for _, g := range a.logs.Logs {
		if g.Chain == a.Chain {
			if err := a.compareBranch(ctx, g); err != nil {
				return err
			}
		}
	}
	return a.compareKeyFile(ctx)
}

// compareSignatures looks whether the archive has the checkpoint that the manifest says
// was stored there, of the same key.
func (a *auditor) compareSignatures() {
	signed, claims := int64(0), ""
	for _, g := range a.logs.Logs {
		if g.Chain == a.Chain {
			signed, claims = max(signed, g.Signed), cmp.Or(claims, g.Claims)
		}
	}
	switch {
	case !a.everSigned:
	case signed == 0 && claims != "" && !a.keys.HasName(claims):
		a.wrong(code.AnotherKey, a.Chain,
			"destination: this manifest's log is signed there by the key %s, and not by the manifest's: the "+
				"manifest's key was replaced", claims)
	case signed < a.signed.Size && !slices.ContainsFunc(a.unread[a.Chain], a.isSame):
		a.wrong(code.Removed, a.Chain,
			"destination: the checkpoint of this manifest's first %d entries was stored there but is "+
				"missing now", a.signed.Size)
	}
}

// sameBundles are those in the archive that have entries of the manifest's log.
func (a *auditor) sameBundles(ctx context.Context) (same []layout.Bundle, err error) {
	for _, b := range a.logs.Bundles {
		if b.Chain == a.Chain && a.isSame(b) && !a.damaged(b) {
			same = append(same, b)
		}
	}
	for _, g := range a.logs.Logs {
		if g.Chain != a.Chain || g.Last <= a.own.Last {
			continue
		}
		common, err := a.common(ctx, g)
		if err != nil {
			return nil, err
		}
		for b := range g.Ends() {
			if b.Last > a.own.Last && common == a.own.Last { // the manifest's end is in it, or before it
				same = append(same, b.Bundle)
			}
		}
	}
	return same, nil
}

// isSame reports whether a bundle of the own chain says by its name that it is of the
// manifest's log.
func (a *auditor) isSame(b layout.Bundle) bool {
	return b.Last <= a.own.Last && a.own.at[b.Last].head == b.Head
}

// damaged reports whether a bundle isn't what its name says.
func (a *auditor) damaged(b layout.Bundle) bool {
	return slices.ContainsFunc(a.logs.Strays, func(s ledger.Stray) bool {
		return s.Key == b.Object.Key && s.Kind == ledger.Damaged
	})
}

// compareBranch looks at one end that the own log has in the archive, and says what it
// means if that isn't a part of the manifest's.
func (a *auditor) compareBranch(ctx context.Context, g *ledger.Log) error {
	common, err := a.common(ctx, g)
	if err != nil || common == g.Last {
		return err
	}
	own := &a.own
	from := max(common, min(g.Signed, g.Last))
	extends := common == own.Last
	switch {
	case own.broken && g.Signed == 0:
		return nil // nobody knows what the manifest's are
	case own.broken: // which is named
	case g.Signed > common && extends && max(a.storedLast, a.signed.Size) > own.Last: // the same
	case g.Signed > common && extends:
		a.wrong(code.Older, own.ID,
			"destination: it has entries %d to %d of this manifest's log, signed, that the manifest lacks: "+
				"the manifest was restored from a backup (the next run repairs this), "+
				"or entries were removed from it", common+1, g.Signed)
	case g.Signed > common:
		a.wrong(code.Fork, own.ID,
			"destination: this manifest's log has another end there, signed by the same key: entries %d to "+
				"%d differ from the manifest's. "+
				"The manifest was copied, or restored while its newer state was still in use", common+1, g.Signed)
	case extends && !a.everSigned:
		a.wrong(code.UnsignedReceipts, own.ID,
			"destination: it has entries %d to %d of this manifest's log that the manifest lacks, and no "+
				"known key has signed them", common+1, g.Last)
		return nil
	}
	if from < g.Last {
		a.wrong(code.Planted, own.ID,
			"destination: entries %d to %d there are not this manifest's, though they bear the name of its "+
				"log, and %s",
			from+1, g.Last, notSigned(g))
	}
	return nil
}

// notSigned says who has signed the end of a log that no known key has.
func notSigned(g *ledger.Log) string {
	if g.Claims == "" {
		return "nobody has signed them"
	}
	return "no known key has signed them (the name in the signature is " + g.Claims + ")"
}

// common is the last entry up to which a log in the archive is the manifest's.
func (a *auditor) common(ctx context.Context, g *ledger.Log) (last int64, err error) {
	within := false // the manifest's log ends within a bundle, or may
	for b := range g.Ends() {
		if b.Last > a.own.Last {
			within = b.First <= a.own.Last
			break
		}
		if a.own.at[b.Last].head != b.Head {
			return a.commonLines(ctx, g, last)
		}
		last = b.Last
	}
	if within {
		return a.commonLines(ctx, g, last)
	}
	return last, nil
}

// commonLines is the same, line by line behind an entry.
func (a *auditor) commonLines(ctx context.Context, g *ledger.Log, last int64) (int64, error) {
	next := a.logs.Lines(ctx, g)
	theirs := map[int64]storage.Digest{}
	for line, err := range next {
		if err != nil {
			return last, broken(err)
		}
		if line.Seq > last && line.Seq <= a.own.Last {
			theirs[line.Seq] = storage.SumOf(line.Text)
		}
	}
	for line, err := range a.m.Receipts(ctx, last) {
		if err != nil {
			return last, err
		}
		if sum, ok := theirs[last+1]; !ok || sum != storage.SumOf(line) {
			return last, nil
		}
		last++
	}
	return last, nil
}
