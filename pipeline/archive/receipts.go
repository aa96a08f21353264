package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// StoreReceipts adds to the chain what was done about holds since the run before,
// and stores beside the archive what isn't stored yet: holds, and the entries of the
// chain. They are safe in the manifest. On nil all of it is durable, and the store
// has confirmed it; after an error it may be called again. run is the one that it is
// said in.
func (a *Archive) StoreReceipts(ctx context.Context, run int64) error {
	if err := a.keepHolds(ctx, run); err != nil {
		return err
	}
	return a.storeChain(ctx)
}

func (a *Archive) storeChain(ctx context.Context) error {
	after, err := a.manifest.ReceiptsStored(ctx)
	if err != nil {
		return err
	}
	var run int64
	var lines []byte
	c := receipt.Chain{Last: after}
	first := after + 1
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		if err := a.putBundle(ctx, layout.Bundle{Chain: c.ID, First: first, Last: c.Last, Head: c.Head}, lines); err != nil {
			return err
		}
		lines, first = nil, c.Last+1
		return a.manifest.SetReceiptsStored(ctx, c.Last)
	}
	for line, err := range a.manifest.Receipts(ctx, after) {
		if err != nil {
			return err
		}
		var e receipt.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.Run != run || len(lines)+len(line) >= layout.MaxReceipts {
			if err := flush(); err != nil {
				return err
			}
		}
		run, c.ID, c.Last, c.Head = e.Run, e.Chain, e.Seq, storage.SumOf(line)
		lines = append(append(lines, line...), '\n')
	}
	return flush()
}

// putBundle stores lines.
func (a *Archive) putBundle(ctx context.Context, b layout.Bundle, lines []byte) error {
	return a.putProven(ctx, b.Key(a.account), lines, "application/x-ndjson")
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

// takeOverReceipts adds to the manifest what the archive has of its chain and
// it hasn't: then it was restored from an older copy. A chain that can't be
// continued is left alone; vbcvault audit says where it breaks.
func (a *Archive) takeOverReceipts(ctx context.Context) error {
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	for o, err := range a.store.List(ctx, layout.Receipts(a.account)+"chain="+c.ID+"/") {
		if err != nil {
			return fmt.Errorf("read the receipts in the destination: %w", err)
		}
		b, ok := layout.ParseBundle(o)
		if !ok || b.Last <= c.Last {
			continue
		}
		lines, err := b.Lines(ctx, a.store)
		if err == nil {
			lines = layout.Behind(lines, c.Last-b.First+1)
			err = a.manifest.TakeOver(ctx, lines)
		}
		if _, broken := errors.AsType[*receipt.Break](err); broken {
			a.log.Warn("the receipts in the destination don't match those of this manifest; vbcvault audit shows details", "reason", err)
			return nil
		}
		if err != nil {
			return err
		}
		a.log.Info("this manifest is older than the archive; receipts were copied from the archive", "entries", b.Last-c.Last)
		if c, err = a.manifest.Chain(ctx); err != nil {
			return err
		}
	}
	return nil
}
