package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

const tellAtOnce = 500 // entries in one commit

// receipts writes down what the receipts say has become of each recording. The
// last word counts, whichever chain has it. The chains stay what they are: the
// new manifest begins one of its own, since continuing that of another machine
// would fork it.
func (b *rebuild) receipts(ctx context.Context) error {
	ids, err := b.chainsOf(ctx)
	if err != nil {
		return err
	}
	var chains []iter.Seq2[receipt.Entry, error]
	for _, id := range ids {
		chains = append(chains, b.chain(ctx, id))
	}
	var rows []manifest.Row
	for e, err := range merged(chains) {
		if err != nil {
			return err
		}
		b.sum.Receipts++
		row, ok := b.toldBy(e)
		if !ok {
			continue
		}
		if rows = append(rows, row); len(rows) == tellAtOnce {
			if err := b.manifest.Tell(ctx, rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return b.manifest.Tell(ctx, rows)
}

// toldBy is what one entry tells of a recording; ok is false if nothing.
func (b *rebuild) toldBy(e receipt.Entry) (row manifest.Row, ok bool) {
	row.SeenRun, row.Recording = toldOf, e.Recording()
	row.Copy.StoredAt = e.At // as long as nothing more is known, so that the last word counts
	switch {
	case e.Account != b.account:
		b.found.Add(check.Damaged, layout.Receipts(b.account)+"chain="+e.Chain, check.None, fmt.Sprintf("entry %d belongs to account %s", e.Seq, e.Account))
		return row, false
	case e.Type == receipt.Held:
		if !slices.Contains(b.held, e.Digest) {
			b.held = append(b.held, e.Digest)
		}
		return row, false
	case e.Type == receipt.Released, e.Type == receipt.Seen, e.Type == receipt.Signing:
		return row, false
	case e.Type == receipt.Intent:
		row.State = manifest.Purging
	case e.Type == receipt.Erasing:
		row.State = manifest.Erasing
	case e.Type == receipt.Erased:
		row.State = manifest.Erased
	case e.Type == receipt.Archived, e.Outcome == receipt.StillThere, e.Outcome == receipt.NotSent:
		row.State = manifest.Verified
	default:
		row.State = manifest.Purged
	}
	if e.Audio == nil {
		return row, true
	}
	rec, _, ok := layout.ParseKey(e.Audio.Key)
	if !ok || rec.Account != e.Account || rec.Kind != e.Kind || rec.Owner != e.Owner || rec.ID != e.ID {
		b.found.Add(check.Damaged, e.Audio.Key, row.Recording, fmt.Sprintf("entry %d of the receipts %s names this as its copy", e.Seq, e.Chain))
		return row, false
	}
	rec.Size = e.Audio.Size
	rec.Raw = manifest.Bare(rec.ID, rec.Start, rec.Size)
	row.Recording, row.Copy.Audio, row.Copy.Sidecar, row.Copy.ArchivedAt = rec, *e.Audio, *e.Sidecar, e.Verified
	if e.Transcript != nil {
		row.Copy.Transcript = *e.Transcript
		b.transcribed.Store(true)
	}
	return row, true
}

// chain yields the entries of one chain in the store. Where it breaks, that is
// a finding, and what follows isn't believed.
func (b *rebuild) chain(ctx context.Context, id string) iter.Seq2[receipt.Entry, error] {
	return func(yield func(receipt.Entry, error) bool) {
		c := receipt.Chain{ID: id}
		for o, err := range b.store.List(ctx, layout.Receipts(b.account)+"chain="+id+"/") {
			if err != nil {
				yield(receipt.Entry{}, fmt.Errorf("list receipts: %w", err))
				return
			}
			bundle, ok := layout.ParseBundle(o)
			if !ok {
				b.found.Add(check.Unknown, o.Key, check.None, "it is not a receipts file")
				continue
			}
			lines, _, err := bundle.Read(ctx, b.store)
			for line := range bytes.Lines(layout.Behind(lines, max(0, c.Last-bundle.First+1))) {
				var e receipt.Entry
				if e, err = c.Next(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
					break
				}
				if c.Last == 1 {
					b.sum.Chains++
				}
				if !yield(e, nil) {
					return
				}
			}
			if _, broken := errors.AsType[*receipt.Break](err); broken || layout.Unreadable(err) {
				b.found.Add(check.Damaged, o.Key, check.None, err.Error()+"; later entries are not trusted, so the next run asks VBC")
				return
			}
			if err != nil {
				yield(receipt.Entry{}, err)
				return
			}
		}
	}
}

// merged yields the entries of all chains by their times. Each chain keeps its
// own order, and one file of each is in memory.
func merged(chains []iter.Seq2[receipt.Entry, error]) iter.Seq2[receipt.Entry, error] {
	type head struct {
		receipt.Entry
		next func() (receipt.Entry, error, bool)
	}
	return func(yield func(receipt.Entry, error) bool) {
		var heads []head
		for _, c := range chains {
			next, stop := iter.Pull2(c)
			defer stop()
			heads = append(heads, head{next: next})
		}
		advance := func(i int) error {
			e, err, more := heads[i].next()
			if !more {
				heads = append(heads[:i], heads[i+1:]...)
				return nil
			}
			heads[i].Entry = e
			return err
		}
		var err error
		for i := len(heads) - 1; i >= 0 && err == nil; i-- {
			err = advance(i)
		}
		for err == nil && len(heads) > 0 {
			first := 0
			for i, h := range heads {
				if h.At.Before(heads[first].At) {
					first = i
				}
			}
			if !yield(heads[first].Entry, nil) {
				return
			}
			err = advance(first)
		}
		if err != nil {
			yield(receipt.Entry{}, err)
		}
	}
}

// deletion restates, in the new manifest's own chain, that a deletion at VBC was
// begun, so that its outcome, which the next run finds out, follows on a proven
// copy as any other.
func (b *rebuild) deletion(ctx context.Context, row manifest.Row, verified time.Time) error {
	intent := receipt.New(receipt.Intent, 0, row.Recording)
	audio, side := row.Copy.Audio, row.Copy.Sidecar
	intent.Destination, intent.Audio, intent.Sidecar, intent.Verified = b.store.String(), &audio, &side, verified
	if row.Copy.Transcript.Key != "" {
		text := row.Copy.Transcript
		intent.Transcript = &text
	}
	row.State = manifest.Verified
	rows := []manifest.Row{row}
	if err := b.manifest.Put(ctx, rows...); err != nil {
		return err
	}
	return b.manifest.Purging(ctx, rows[0].Recording, row.Copy, intent)
}
