package archive

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
)

// way is one way in which the chain may go on: from what the manifest has, with
// bundles of the store that nobody has vouched for yet. Their lines aren't kept: the
// head of each says what they are.
type way struct {
	receipt.Chain
	tree   receipt.Tree
	pieces []piece
}

// piece is a bundle, and the tree at its end.
type piece struct {
	layout.Bundle
	tree receipt.Tree
}

// takeOverReceipts adds to the manifest what the archive has of its chain and
// it hasn't, as far as a known key has signed that: then it was restored from an
// older copy. What nobody has signed is left alone, and so is a chain that can't be
// continued; vbcvault audit says where it breaks.
func (a *Archive) takeOverReceipts(ctx context.Context, c receipt.Chain, own []layout.Bundle, trustArchive bool) error {
	newer := slices.DeleteFunc(slices.Clone(own), func(b layout.Bundle) bool { return b.Last <= c.Last })
	if len(newer) == 0 {
		return nil
	}
	t, err := storedTree(ctx, a.manifest)
	if err == nil {
		t, err = grown(ctx, a.manifest, t, c.Last)
	}
	if err != nil {
		return err
	}
	ways := []way{{Chain: c, tree: t}}
	var strangers []string
	for _, b := range newer {
		if b.Last <= ways[0].Last {
			continue
		}
		lines, checkpoint, err := b.Read(ctx, a.store)
		if err != nil && isStrange(err) {
			strangers = append(strangers, err.Error())
			continue
		}
		if err != nil {
			return unread(b, err)
		}
		on, ok := follow(ways, b, lines)
		switch {
		case !ok:
			strangers = append(strangers, b.Object.Key+" doesn't continue the log of this manifest")
		case a.vouches(on, checkpoint):
			if err := a.take(ctx, ways[0].Last, on, checkpoint); err != nil {
				return err
			}
			on.pieces = nil
			ways = []way{on}
		default:
			ways = append(ways, on)
		}
	}
	// The longest of what nobody has signed
	last := slices.MaxFunc(ways, func(x, y way) int { return int(x.Last - y.Last) })
	switch {
	case last.Last == ways[0].Last:
	case trustArchive && !a.signed:
		return a.take(ctx, ways[0].Last, last, nil)
	case !a.signed:
		return untold(ways[0].Last+1, last)
	default:
		a.doubt("the archive has receipts %d to %d of this manifest's log that the manifest's key has not signed; they are ignored", ways[0].Last+1, last.Last)
	}
	return a.nameStrangers(ctx, ways[0].Chain, strangers)
}

// nameStrangers says what it means that bundles don't continue the manifest's log: a
// fork, or something that isn't its own.
func (a *Archive) nameStrangers(ctx context.Context, c receipt.Chain, strangers []string) error {
	if len(strangers) == 0 {
		return nil
	}
	forked, err := a.forks(ctx, c)
	if err != nil {
		return err
	}
	if forked && !a.signed { // a manifest that goes on by itself remembers what it has signed
		return contradicted()
	}
	if forked {
		a.doubt("the log of this manifest forks: a copy of the manifest, or an older state of it, was in use beside it. " +
			"Nothing is lost, and each of them goes on by itself; to end this, use one manifest for each machine, made with vbcvault rebuild")
		return nil
	}
	for i, s := range strangers {
		if i == maxStrangers {
			a.doubt("%d more files of receipts in the destination don't match those of this manifest", len(strangers)-i)
			break
		}
		a.doubt("the receipts in the destination don't match those of this manifest: %s", s)
	}
	return nil
}

const maxStrangers = 10 // that are named; there may be as many as somebody likes

// forks reports whether the manifest's key has signed a log of this chain in the archive that
// says something else than the manifest does.
func (a *Archive) forks(ctx context.Context, c receipt.Chain) (bool, error) {
	logs, err := ledger.Read(ctx, a.store, a.account, a.own, func(chain string) bool { return chain == c.ID })
	if err != nil && denied(err) {
		return false, nil // it can't be told
	}
	if err != nil {
		return false, err
	}
	for _, g := range logs.Logs {
		if g.Signed < g.Last {
			continue
		}
		if g.Last > c.Last {
			return true, nil // else it would have been taken over
		}
		t, err := grown(ctx, a.manifest, receipt.Tree{}, g.Last)
		if err != nil || t.Root() != g.Tree.Root() {
			return err == nil, err
		}
	}
	return false, nil
}

// follow goes on with lines where one of the ways ends within or right before them.
func follow(ways []way, b layout.Bundle, lines []byte) (on way, ok bool) {
	for _, on = range slices.Backward(ways) {
		if b.First > on.Last+1 || b.Last <= on.Last {
			continue
		}
		rest, fits := layout.Behind(lines, on.Last-b.First+1), true
		for line := range bytes.Lines(rest) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if _, err := on.Next(line); err != nil {
				fits = false
				break
			}
			on.tree.Add(line)
		}
		if fits {
			on.pieces = append(slices.Clone(on.pieces), piece{b, on.tree})
			return on, true
		}
	}
	return way{}, false
}

// vouches reports whether the manifest's key has signed just where a way ends. Those
// of other manifests, trusted or not, have nothing to say in its log.
func (a *Archive) vouches(w way, checkpoint []byte) bool {
	c, _, err := a.own.Open(checkpoint)
	return err == nil && c == receipt.CheckpointOf(w.ID, w.tree)
}

// take takes over what lies behind entry after, one bundle after the other: a crash
// leaves some of them for the next run. They are read once more, and are what they
// were, or their names would be others.
func (a *Archive) take(ctx context.Context, after int64, w way, checkpoint []byte) error {
	last := after
	for i, p := range w.pieces {
		lines, _, err := p.Read(ctx, a.store)
		if err != nil {
			return err
		}
		var signed []byte
		if i == len(w.pieces)-1 {
			signed = checkpoint
		}
		if err := a.manifest.TakeOver(ctx, layout.Behind(lines, last-p.First+1), p.tree, signed); err != nil {
			return err
		}
		last = p.Last
	}
	a.signed = a.signed || checkpoint != nil
	a.log.Info("this manifest is older than the archive; receipts were copied from the archive", "entries", w.Last-after)
	return nil
}

// untold refuses entries that may be an earlier program's, or anybody's.
func untold(first int64, w way) error {
	return &refusal.Refusal{
		Code: code.UnsignedReceipts,
		Reason: fmt.Sprintf("the archive has receipts %d to %d of this manifest's log (from %s on), which the manifest lacks and which its key has not signed. "+
			"Versions of vbcvault before signatures wrote such receipts, so the manifest may be restored from an older copy; or somebody has put them there", first, w.Last, w.pieces[0].Object.Key),
		Hint: "if the manifest was restored from a backup, run vbcvault archive once with --trust-archive; if not, find out who wrote that file, and remove it",
	}
}
