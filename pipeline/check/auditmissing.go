package check

import (
	"context"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// compareStories names recordings that the own log knows as deleted or erased, and of
// which there is no row; and erasures that have an end alone.
func (a *auditor) compareStories(ctx context.Context, v *verdict) error {
	if v.missing.count+v.unbegun.count == 0 {
		return nil
	}
	in := func(f firsts[identity], i identity) bool {
		return slices.ContainsFunc(f.first, func(o ordered[identity]) bool { return o.is == i })
	}
	named := map[string]int{}
	name := func(e receipt.Entry, start int64) {
		i := identityOf(e.Kind, e.Owner, e.ID, start)
		ends := e.Outcome == receipt.Deleted || e.Outcome == receipt.NotThere || e.Type == receipt.Erased
		if ends && e.Chain == a.Chain && named[code.RowMissing] < namedRows && in(v.missing, i) {
			named[code.RowMissing]++
			a.wrong(code.RowMissing, e.Chain, "entry %d: %s has a receipt, and is missing in the manifest", e.Seq, e.Recording())
		}
		if e.Type == receipt.Erased && named[code.NoErasing] < namedRows && in(v.unbegun, i) {
			named[code.NoErasing]++
			a.wrong(code.NoErasing, e.Chain, "entry %d: the erasure of %s has an end and no beginning", e.Seq, e.Recording())
		}
	}
	if err := a.everyEntry(ctx, name); err != nil {
		return err
	}
	all := map[string]int64{code.RowMissing: v.missing.count, code.NoErasing: v.unbegun.count}
	for _, c := range slices.Sorted(maps.Keys(all)) { // so that two reports of the same are the same
		if named[c] == namedRows && all[c] > namedRows {
			a.wrong(c, a.Chain, "%s: %d in all", c, all[c])
		}
	}
	return nil
}

// everyEntry goes through the own log, and those that a known key has signed, once more.
func (a *auditor) everyEntry(ctx context.Context, do func(e receipt.Entry, start int64)) error {
	intents := openIntents{}
	one := func(e receipt.Entry) {
		start := startOf(e)
		switch e.Type {
		case receipt.Intent:
			intents.open(e)
		case receipt.Result:
			start, _, _ = intents.end(e)
		}
		do(e, start)
	}
	c := receipt.Chain{ID: a.Chain}
	for line, err := range a.m.Receipts(ctx, 0) {
		if err != nil {
			return err
		}
		e, err := c.Next(line)
		if err != nil {
			break
		}
		one(e)
	}
	if a.store == nil {
		return nil
	}
	for _, g := range a.logs.Logs {
		if g.Chain == a.Chain || g.Signed == 0 {
			continue
		}
		intents = openIntents{}
		if err := a.signedEntries(ctx, g, one); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) signedEntries(ctx context.Context, g *ledger.Log, do func(receipt.Entry)) error {
	for line, err := range a.logs.Lines(ctx, g) {
		if err != nil {
			return broken(err)
		}
		if line.Signed {
			do(line.Entry)
		}
	}
	return nil
}
