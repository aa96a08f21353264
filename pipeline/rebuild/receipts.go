package rebuild

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// tellAtOnce is how many entries are written down in one commit. With five times as many,
// SQLite spends a fifth of all of it on what it keeps for undoing one statement of so many.
const tellAtOnce = 100

// receipts writes down what the receipts say has become of each recording. What
// nobody known has signed comes first, so that it can't replace anything that is
// signed; of each of the two the last word counts, whichever log has it. The logs stay
// what they are: the new manifest begins one of its own, since continuing that of
// another machine would fork it.
func (b *rebuild) receipts(ctx context.Context) error {
	branches, err := b.branches(ctx)
	if err != nil {
		return err
	}
	chains := map[string]bool{}
	for _, one := range branches {
		chains[one.Chain] = true
	}
	b.sum.Chains = int64(len(chains))
	for _, counts := range []bool{false, true} {
		var logs []iter.Seq2[ledger.Line, error]
		for _, one := range branches {
			logs = append(logs, b.linesOf(ctx, one, counts))
		}
		if err := b.tell(ctx, merged(logs), counts); err != nil {
			return err
		}
	}
	return b.compareSeen(ctx)
}

// linesOf yields those entries of a branch that count, or the others.
func (b *rebuild) linesOf(ctx context.Context, one branch, counts bool) iter.Seq2[ledger.Line, error] {
	return func(yield func(ledger.Line, error) bool) {
		if counts && !b.trust && one.Signed <= one.after || !counts && (b.trust || one.Signed == one.Last) {
			return // there are none, and nothing has to be read
		}
		for line, err := range b.logs.Lines(ctx, one.Log) {
			if err == nil && (line.Seq <= one.after || (line.Signed || b.trust) != counts) {
				continue
			}
			if err == nil {
				b.tallyLine(one, line)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// tallyLine counts an entry.
func (b *rebuild) tallyLine(one branch, line ledger.Line) {
	b.sum.Receipts++
	switch {
	case line.Signed:
		b.sum.ReceiptsSigned++
	case one.Claims != "" && !b.keys.HasName(one.Claims):
		b.sum.ReceiptsForeign++
	default:
		b.sum.ReceiptsUnsigned++
	}
}

// tell writes down what entries tell, in their order.
func (b *rebuild) tell(ctx context.Context, entries iter.Seq2[ledger.Line, error], counts bool) error {
	var rows []manifest.Row
	for e, err := range entries {
		if err != nil {
			return err
		}
		row, ok := b.toldBy(e.Entry, counts)
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

// place is what an archive tells recordings apart by.
type place struct {
	stem  string
	bytes int64 // of audio
}

// toldBy is what one entry tells of a recording; ok is false if nothing. counts says
// that a known key has signed it.
func (b *rebuild) toldBy(e receipt.Entry, counts bool) (row manifest.Row, ok bool) {
	row.SeenRun, row.Recording = toldOf, e.Recording()
	if !counts {
		row.SeenRun = rumoured
	}
	row.Copy.StoredAt = e.At // as long as nothing more is known, so that the last word counts
	switch {
	case e.Account != b.account:
		b.found.Add(check.Damaged, layout.Receipts(b.account)+"chain="+e.Chain, check.None, fmt.Sprintf("entry %d belongs to account %s", e.Seq, e.Account))
		return row, false
	case e.Type == receipt.Held:
		if !slices.ContainsFunc(b.held, func(h made) bool { return h.hold == e.Digest }) {
			b.held = append(b.held, made{e.At, e.Digest})
		}
		return row, false
	case e.Type == receipt.Listened:
		b.heard.note(e, counts)
		return row, false
	case e.Type == receipt.Seen && counts:
		b.seenLogs = append(b.seenLogs, claim{e.Chain, *e.Log})
		return row, false
	case e.Type == receipt.Released, e.Type == receipt.Seen, e.Type == receipt.Signing:
		return row, false
	case e.Type == receipt.Intent && !counts:
		// To go on with somebody's deletion would be to sign that its copy justifies it.
		row.State = manifest.Verified
	default:
		row.State = stateAfter(e)
	}
	if e.Audio == nil {
		return row, true
	}
	rec, stem, ok := layout.ParseKey(e.Audio.Key)
	if !ok || rec.Account != e.Account || rec.Kind != e.Kind || rec.Owner != e.Owner || rec.ID != e.ID {
		b.found.Add(check.Damaged, e.Audio.Key, row.Recording, fmt.Sprintf("entry %d of the receipts %s names this as its copy", e.Seq, e.Chain))
		return row, false
	}
	if at := (place{stem, e.Audio.Size}); row.State == manifest.Erasing || row.State == manifest.Erased {
		if !counts {
			b.erasures[at] = e.At
			return row, false
		}
		delete(b.erasures, at) // which is known from somebody who is believed
	}
	rec.Size = e.Audio.Size
	rec.Raw = manifest.Bare(rec.ID, rec.Start, rec.Size)
	row.Recording, row.Copy.Audio, row.Copy.Sidecar, row.Copy.ArchivedAt = rec, *e.Audio, *e.Sidecar, e.Verified
	row.Unvouched = !b.trust && (!counts || e.Found)
	if e.Transcript != nil {
		row.Copy.Transcript = *e.Transcript
		b.transcribed.Store(true)
	}
	return row, true
}

// stateAfter is the state in which an entry leaves a recording, "" if as it was.
func stateAfter(e receipt.Entry) manifest.State {
	switch {
	case e.Type == receipt.Intent:
		return manifest.Purging
	case e.Type == receipt.Erasing:
		return manifest.Erasing
	case e.Type == receipt.Erased:
		return manifest.Erased
	case e.Type == receipt.Archived:
		return "" // it says nothing of VBC
	case e.Outcome == receipt.StillThere, e.Outcome == receipt.NotSent:
		return manifest.Verified
	}
	return manifest.Purged
}

// merged yields the entries of all logs by their times. Each keeps its own order, and
// one file of each is in memory.
func merged(logs []iter.Seq2[ledger.Line, error]) iter.Seq2[ledger.Line, error] {
	type head struct {
		ledger.Line
		next func() (ledger.Line, error, bool)
	}
	return func(yield func(ledger.Line, error) bool) {
		var heads []head
		for _, c := range logs {
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
			heads[i].Line = e
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
			if !yield(heads[first].Line, nil) {
				return
			}
			err = advance(first)
		}
		if err != nil {
			yield(ledger.Line{}, err)
		}
	}
}

// deletion restates, in the new manifest's own chain, that a deletion at VBC was
// begun, so that its outcome, which the next run finds out, follows on a proven
// copy as any other.
func (b *rebuild) deletion(ctx context.Context, row manifest.Row, verified time.Time) error {
	intent := receipt.New(receipt.Intent, 0, row.Recording)
	audio, side := row.Copy.Audio, row.Copy.Sidecar
	intent.Destination, intent.Audio, intent.Sidecar, intent.Verified, intent.Found = b.store.String(), &audio, &side, verified, row.Unvouched
	if row.Copy.Transcript.Key != "" {
		text := row.Copy.Transcript
		intent.Transcript = &text
	}
	row.State = manifest.Verified
	rows := []manifest.Row{row}
	if err := b.manifest.Put(ctx, rows...); err != nil {
		return err
	}
	return b.manifest.Purging(ctx, rows[0].Recording, row.Copy, intent, row.Refuted)
}

// sameCopy reports whether two copies are the same objects, as far as they justify a
// deletion: where its audio lies, what that is, and what its metadata says.
func sameCopy(a, b manifest.Copy) bool {
	return a.Audio.Key == b.Audio.Key && a.Audio.Content == b.Audio.Content && a.Sidecar.Content == b.Sidecar.Content && a.Sidecar.Content != storage.Content{}
}
