package archive

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// StoreReceipts adds to the chain what was done about holds and who has listened since
// the run before, and stores beside the archive what isn't stored yet: holds,
// listenings, and the entries of the chain, signed. They are safe in the manifest. On nil all of it is durable, and the
// store has confirmed it; after an error it may be called again. run is the one that
// it is said in.
func (a *Archive) StoreReceipts(ctx context.Context, run int64) error {
	if err := a.keepHolds(ctx, run); err != nil {
		return err
	}
	if err := a.keepListenings(ctx, run); err != nil {
		return err
	}
	if err := a.signFromHereOn(ctx, run); err != nil {
		return err
	}
	if err := a.storeChain(ctx); err != nil {
		return err
	}
	return a.keepKey(ctx)
}

// signFromHereOn adds an entry where there are some that an earlier program has
// stored without signing them: the checkpoint behind it vouches for all.
func (a *Archive) signFromHereOn(ctx context.Context, run int64) error {
	if a.stored == 0 || a.signed {
		return nil
	}
	for line, err := range unstored(ctx, a.manifest) {
		if err != nil {
			return err
		}
		if line.Type == receipt.Signing && line.Verifier == a.key.Verifier() { // it could not be stored then
			a.signed = true
			return nil
		}
	}
	e := receipt.Entry{Type: receipt.Signing, At: now(), Run: run, Account: a.account, Verifier: a.key.Verifier()}
	if err := a.manifest.AddReceipt(ctx, e); err != nil {
		return err
	}
	a.signed = true
	return nil
}

func (a *Archive) storeChain(ctx context.Context) error {
	t, err := storedTree(ctx, a.manifest)
	if err != nil {
		return err
	}
	return a.putLines(ctx, t, unstored(ctx, a.manifest), func(t receipt.Tree, signed []byte) error {
		return a.manifest.SetReceiptsStored(ctx, t, signed)
	})
}

// putLines stores lines that come behind t, those of each run as an object of their own,
// and says of each how far it goes.
func (a *Archive) putLines(ctx context.Context, t receipt.Tree, all iter.Seq2[ownLine, error], stored func(t receipt.Tree, signed []byte) error) error {
	var lines []byte
	var last ownLine
	first := t.Size() + 1
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		c := last.chain
		signed, err := a.key.Sign(receipt.CheckpointOf(c.ID, t))
		if err != nil {
			return err
		}
		if !a.keyStored {
			if err := a.putKey(ctx, c.ID); err != nil {
				return err
			}
		}
		if err := a.putBundle(ctx, layout.Bundle{Chain: c.ID, First: first, Last: c.Last, Head: c.Head}, lines, signed); err != nil {
			return err
		}
		lines, first = nil, c.Last+1
		return stored(t, signed)
	}
	for line, err := range all {
		if err != nil {
			return err
		}
		if line.Run != last.Run || len(lines)+len(line.text) >= layout.MaxReceipts {
			if err := flush(); err != nil {
				return err
			}
		}
		last = line
		lines = append(append(lines, line.text...), '\n')
		t.Add(line.text)
	}
	return flush()
}

// ownLine is an entry of the manifest.
type ownLine struct {
	receipt.Entry
	text  []byte
	chain receipt.Chain // up to it
}

// unstored yields the entries that aren't beside the archive yet. The error is a
// refusal if they don't continue what is: nobody may sign that.
func unstored(ctx context.Context, m logReader) iter.Seq2[ownLine, error] {
	return func(yield func(ownLine, error) bool) {
		stored, err := m.ReceiptsStored(ctx)
		if err != nil {
			yield(ownLine{}, err)
			return
		}
		between(ctx, m, stored, math.MaxInt64)(yield)
	}
}

// between yields the entries behind after, up to last.
func between(ctx context.Context, m logReader, after, last int64) iter.Seq2[ownLine, error] {
	return func(yield func(ownLine, error) bool) {
		c, err := m.Chain(ctx)
		if err != nil {
			yield(ownLine{}, err)
			return
		}
		c.Last, c.Head = after, storage.Digest{}
		for line, err := range m.Receipts(ctx, max(0, after-1)) {
			if err == nil && after > 0 && c.Head.IsZero() {
				c.Head = storage.SumOf(line) // of entry after
				continue
			}
			if c.Last == last {
				return
			}
			var e receipt.Entry
			if err == nil {
				if e, err = c.Next(line); err != nil {
					err = changed(err.Error())
				}
			}
			if !yield(ownLine{e, line, c}, err) || err != nil {
				return
			}
		}
	}
}

// logReader is what is needed of a manifest to know how far its log has come.
type logReader interface {
	Chain(ctx context.Context) (receipt.Chain, error)
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	Tree(ctx context.Context) (receipt.Tree, error)
}

// storedTree is the tree over the entries that are stored beside the archive. What
// an earlier program has stored without one is read.
func storedTree(ctx context.Context, m logReader) (receipt.Tree, error) {
	stored, err := m.ReceiptsStored(ctx)
	if err != nil {
		return receipt.Tree{}, err
	}
	t, err := m.Tree(ctx)
	if err != nil || t.Size() == stored {
		return t, err
	}
	return grown(ctx, m, receipt.Tree{}, stored)
}

// grown is a tree of which the manifest's lines up to entry last are part.
func grown(ctx context.Context, m logReader, t receipt.Tree, last int64) (receipt.Tree, error) {
	if t.Size() >= last {
		return t, nil
	}
	for line, err := range m.Receipts(ctx, t.Size()) {
		if err != nil {
			return t, err
		}
		if t.Add(line); t.Size() == last {
			return t, nil
		}
	}
	return t, fmt.Errorf("the manifest has %d receipts where it should have %d; vbcvault audit shows details", t.Size(), last)
}

// Checkpoint is how far a manifest's log has come, whether that is stored beside its archive
// yet or not: to be kept somewhere else, where nobody who can write to the archive or
// the manifest can change it.
func Checkpoint(ctx context.Context, m logReader) (receipt.Checkpoint, error) {
	c, err := m.Chain(ctx)
	if err != nil {
		return receipt.Checkpoint{}, err
	}
	t, err := storedTree(ctx, m)
	if err == nil {
		t, err = grown(ctx, m, t, c.Last)
	}
	return receipt.CheckpointOf(c.ID, t), err
}

// keepKey stores the verifier where it is missing, or isn't the key's, beside a log
// that has been stored.
func (a *Archive) keepKey(ctx context.Context) error {
	if a.keyStored || a.stored == 0 {
		return nil
	}
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	return a.putKey(ctx, c.ID)
}

// putKey stores the verifier of the key that signs the chain, for people to compare
// with the one that they have got elsewhere.
func (a *Archive) putKey(ctx context.Context, chain string) error {
	err := a.putProven(ctx, layout.VerifierKey(a.account, chain), []byte(a.key.Verifier()+"\n"), "text/plain")
	a.keyStored = err == nil
	return err
}

// putBundle stores lines, with the checkpoint behind them.
func (a *Archive) putBundle(ctx context.Context, b layout.Bundle, lines, checkpoint []byte) error {
	body, err := layout.Body(lines, checkpoint)
	if err != nil {
		return err
	}
	return a.putProven(ctx, b.Key(a.account), body, "application/x-ndjson")
}

// putProven stores what belongs to the archive as a whole, or finds that an
// earlier try has, and has the store confirm it. The digest in its name says what
// must be there, so anything else is damaged, and replaced.
func (a *Archive) putProven(ctx context.Context, key string, body []byte, contentType string) error {
	_, err := a.putOver(ctx, key, body, contentType, func(storage.Object) storage.Resolution { return storage.Replace })
	return err
}

// putOver is putProven under a name that others may have as well: other decides
// about what isn't ours. What the store doesn't hold as it was given, it is given
// once more.
func (a *Archive) putOver(ctx context.Context, key string, body []byte, contentType string, other func(storage.Object) storage.Resolution) (storage.Object, error) {
	want := storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
	for again := false; ; again = true {
		o, err := a.store.Put(ctx, key, storage.Body{
			Reader: bytes.NewReader(body), Size: want.Size,
			Occupied: func(has storage.Object) storage.Resolution {
				if again || has.Own {
					return storage.Replace
				}
				return other(has)
			},
		}, storage.Attrs{ContentType: contentType})
		if err != nil {
			return o, err
		}
		o.Content = want
		has, err := a.store.Stat(ctx, o)
		if err != nil || has.Content == want {
			return o, err
		}
		if again {
			return o, fmt.Errorf("%s in the destination differs from what was stored", o.Key)
		}
		a.log.Warn("an object that was just stored is damaged; storing it again", "key", o.Key, "bytes", has.Size, "should_be", want.Size)
	}
}

var _ logReader = manifest.Manifest(nil)
