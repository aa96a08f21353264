package check

import (
	"context"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// reached is how far a log had come at some entry.
type reached struct {
	head storage.Digest
	root receipt.Root
}

// ownLog is the manifest's log as it was read.
type ownLog struct {
	receipt.Chain
	tree    receipt.Tree
	intents openIntents
	at      map[int64]reached // by entry, where somebody wants to know
	broken  bool              // it is no chain behind Last
	binds   bool              // entries were noted by this program, as they are, when rows changed
}

// readOwn goes through the manifest's log.
func (a *auditor) readOwn(ctx context.Context) error {
	own := &a.own
	own.ID, own.intents, own.at = a.Chain, openIntents{}, a.wanted()
	err := a.readCheckpoint(ctx)
	if err != nil {
		return err
	}
	if own.binds = a.everSigned; !own.binds {
		if own.binds, err = a.signedInArchive(ctx); err != nil {
			return err
		}
	}
	for line, err := range a.m.Receipts(ctx, 0) {
		if err != nil {
			return err
		}
		e, err := own.Next(line)
		if err != nil {
			own.broken = true
			a.wrong(code.LogChanged, own.ID, "manifest: %v", err)
			break // what follows can't be judged
		}
		own.tree.Add(line)
		if _, wanted := own.at[own.Last]; wanted {
			own.at[own.Last] = reached{own.Head, own.tree.Root()}
		}
		if err := a.take(e, false); err != nil {
			return err
		}
	}
	a.Entries, a.Head, a.Root, a.Open = own.Last, own.Head, own.tree.Root(), own.intents.count()
	return a.checkTree(ctx)
}

// take takes one entry of the own log. late says that a run has added it since the
// audit began.
func (a *auditor) take(e receipt.Entry, late bool) error {
	a.underLease(e)
	var size int64
	intended := true
	start := startOf(e)
	switch e.Type {
	case receipt.Intent:
		a.own.intents.open(e)
	case receipt.Result:
		start, size, intended = a.own.intents.end(e)
	case receipt.Signing:
		// What is before it was written by an earlier program, which didn't note what
		// it took over.
		if err := a.aside.loosen(); err != nil {
			return err
		}
	case receipt.Seen:
		a.seen = append(a.seen, e)
	}
	// Whether it says only once more what an earlier one has proven is known when all
	// about the recording is together: see replay.
	unproven := !late && !intended && e.Audio == nil && (e.Outcome == receipt.Deleted || e.Outcome == receipt.NotThere)
	if !late && !unproven {
		a.count(e, size, intended)
	}
	from := source{own: true, signed: true, loose: late || !a.own.binds || a.takenOver(e.Seq)}
	if err := a.aside.tell(e, start, from, unproven); err != nil {
		return err
	}
	a.note(e, from)
	a.noteListening(e, claim{seq: e.Seq, chain: e.Chain, own: true, late: late}, true)
	return nil
}

func (a *auditor) takenOver(seq int64) bool {
	return slices.ContainsFunc(a.taken, func(p manifest.Piece) bool { return p.First <= seq && seq <= p.Last })
}

// wanted are the entries of the own log at which somebody else says how far it had
// come.
func (a *auditor) wanted() map[int64]reached {
	at := map[int64]reached{a.storedLast: {}}
	for _, e := range a.expect {
		if e.Chain() == a.Chain {
			at[e.Size] = reached{}
		}
	}
	if a.logs != nil {
		for _, b := range a.logs.Bundles {
			if b.Chain == a.Chain {
				at[b.Last] = reached{}
			}
		}
	}
	return at
}

// readCheckpoint reads the checkpoint that the manifest says was stored last.
func (a *auditor) readCheckpoint(ctx context.Context) error {
	text, err := a.m.Checkpoint(ctx)
	if err != nil || len(text) == 0 {
		return err
	}
	a.everSigned = true
	c, verifier, err := a.keys.Open(text)
	switch {
	case err != nil || verifier != a.Key:
		a.wrong(code.LogCheckpoint, a.Chain, "manifest: its last checkpoint is not signed by its key")
	case c.Origin != a.Origin:
		a.wrong(code.LogCheckpoint, a.Chain,
			"manifest: its last checkpoint is of the log %s, and its log is %s: the log was replaced", c.Origin, a.Origin)
	default:
		a.signed, a.Signed = c, c.Size
		a.own.at[c.Size] = reached{}
	}
	return nil
}

// signedInArchive reports whether the archive has a part of the manifest's log that the
// manifest's key has signed, though the manifest has no checkpoint. A crash leaves that
// right after the first was stored, and nothing else does.
func (a *auditor) signedInArchive(ctx context.Context) (signed bool, err error) {
	c, err := a.m.Chain(ctx)
	if err != nil || a.logs == nil {
		return false, err
	}
	for _, g := range a.logs.Logs {
		for end := range g.Ends() {
			if g.Chain != a.Chain || end.Verifier != a.Key || a.Key == "" || end.Last > c.Last {
				continue
			}
			if signed = true; end.Last <= a.storedLast {
				a.wrong(code.LogCheckpoint, a.Chain,
					"manifest: its last checkpoint is missing, and the archive has one of its first %d entries", end.Last)
				return true, nil
			}
		}
	}
	return signed, nil
}

// checkTree compares what the manifest says of its log with the log.
func (a *auditor) checkTree(ctx context.Context) error {
	own := &a.own
	if own.broken {
		return nil
	}
	if last := max(a.storedLast, a.signed.Size); last > own.Last {
		a.wrong(code.LogShorter, own.ID,
			"manifest: entries %d to %d of its log were stored beside the archive, and are missing in the "+
				"manifest", own.Last+1, last)
		return nil
	}
	if a.signed.Size > 0 && own.at[a.signed.Size].root != a.signed.Root {
		own.broken = true
		a.wrong(code.LogChanged, own.ID,
			"manifest: its first %d entries are not those that its key has signed: one of them was changed", a.signed.Size)
		return nil
	}
	t, err := a.m.Tree(ctx)
	switch stored := own.at[a.storedLast]; {
	case err != nil:
		a.wrong(code.LogCheckpoint, own.ID, "manifest: what it says of its log can't be read: %v", err)
	case t.Size() == 0 && !a.everSigned: // an earlier program's
	case t.Size() != a.storedLast, a.storedLast > 0 && t.Root() != stored.root:
		a.wrong(code.LogCheckpoint, own.ID,
			"manifest: what it says of its first %d entries is not what they are", a.storedLast)
	}
	return nil
}
