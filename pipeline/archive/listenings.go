package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// settleListenings gets the log of who has listened ready: what somebody has put into
// the manifest's file without its key is refused, what the manifest lacks after a
// restore is read, and what is gone from the archive is stored again.
func (a *Archive) settleListenings(ctx context.Context) error {
	refused, err := a.manifest.RefuseListenings(ctx)
	if err != nil {
		return err
	}
	if refused > 0 {
		a.doubt("the manifest says of %d listenings what this manifest's key has not signed: somebody has changed the manifest. They get no receipts", refused)
	}
	known, err := a.manifest.ListeningBundles(ctx)
	if err != nil {
		return err
	}
	unread, err := a.manifest.UnreadListenings(ctx)
	if err != nil || len(known) == 0 && len(unread) == 0 {
		return err
	}
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	there := map[manifest.ListeningBundle]layout.ListeningFile{}
	for o, err := range a.store.List(ctx, layout.Listenings(a.account)+"chain="+c.ID+"/") {
		if err != nil {
			return fmt.Errorf("read the listenings in the destination: %w", err)
		}
		if f, ok := layout.ParseListenings(o); ok {
			there[f.ListeningBundle] = f
		}
	}
	if err := a.restoreListenings(ctx, c.ID, known, there); err != nil || len(unread) == 0 {
		return err
	}
	return a.readListenings(ctx, c.ID, unread, there)
}

// readListenings reads the texts of receipts that were taken over. What can't be read
// now, the next run reads: the receipts are there.
func (a *Archive) readListenings(ctx context.Context, chain string, unread []int64, there map[manifest.ListeningBundle]layout.ListeningFile) error {
	for b, f := range there {
		if !slices.ContainsFunc(unread, func(seq int64) bool { return b.First <= seq && seq <= b.Last }) {
			continue
		}
		body, err := f.Read(ctx, a.store)
		if layout.Unreadable(err) || denied(err) || errors.Is(err, storage.ErrCold) || errors.Is(err, layout.ErrNotAsNamed) {
			a.log.Warn("who has listened to recordings can't be read from the archive", "key", f.Object.Key, "reason", err)
			continue
		}
		if err != nil {
			return err
		}
		var texts []manifest.ListeningRecord
		for _, text := range layout.Texts(body) {
			texts = append(texts, manifest.ListeningRecord{Text: text})
		}
		if _, err := a.manifest.LearnListenings(ctx, chain, texts...); err != nil {
			return err
		}
		if err := a.manifest.ListeningsStored(ctx, b); err != nil {
			return err
		}
	}
	if unread, err := a.manifest.UnreadListenings(ctx); err != nil || len(unread) == 0 {
		return err
	}
	a.log.Warn("receipts say that recordings were listened to, and the archive lacks the texts that say by whom; vbcvault audit shows which")
	return nil
}

// restoreListenings stores objects again that were stored before and are gone. It goes
// by names alone. What can't be stored now, the next run stores.
func (a *Archive) restoreListenings(ctx context.Context, chain string, known []manifest.ListeningBundle, there map[manifest.ListeningBundle]layout.ListeningFile) error {
	for _, b := range known {
		if _, ok := there[b]; ok {
			continue
		}
		body, err := a.listeningsOf(ctx, b)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("texts of listenings were stored beside the archive and are missing now (receipts %d to %d)", b.First, b.Last)
		if storage.SumOf(body) != b.Sum {
			a.doubt("%s; the manifest no longer has them as they were", what)
			continue
		}
		err = a.putListenings(ctx, chain, b, body)
		if refusal.Code(err) != "" || ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.doubt("%s; they could not be stored again, and the next run tries it: %v", what, err)
			return nil
		}
		a.doubt("%s; they were stored again from the manifest", what)
	}
	return nil
}

// listeningsOf are the texts of an object, as the manifest has them.
func (a *Archive) listeningsOf(ctx context.Context, b manifest.ListeningBundle) (body []byte, err error) {
	for r, err := range a.manifest.NotedListenings(ctx, b.First, b.Last) {
		if err != nil {
			return nil, err
		}
		body = append(append(body, r.Text...), '\n')
	}
	return body, nil
}

// keepListenings adds to the chain who has listened since the run before, and stores
// the texts beside the archive. The receipts are stored after them, so that none is
// there without its text.
func (a *Archive) keepListenings(ctx context.Context, run int64) error {
	if err := a.manifest.NoteListenings(ctx, run); err != nil {
		return err
	}
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	for one, err := range bundled(a.manifest.UnstoredListenings(ctx)) {
		if err != nil {
			return err
		}
		b := manifest.ListeningBundle{First: one.first, Last: one.last, Sum: storage.SumOf(one.body)}
		if err := a.putListenings(ctx, c.ID, b, one.body); err != nil {
			return err
		}
		if err := a.manifest.ListeningsStored(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) putListenings(ctx context.Context, chain string, b manifest.ListeningBundle, body []byte) error {
	f := layout.ListeningFile{Chain: chain, ListeningBundle: b}
	return a.putProven(ctx, f.Key(a.account), body, "application/x-ndjson")
}

// textsOfRun are texts that one run has added, as many as one object may have.
type textsOfRun struct {
	first, last int64 // of their receipts
	body        []byte
}

// bundled yields texts as the objects have them.
func bundled(all iter.Seq2[manifest.ListeningRecord, error]) iter.Seq2[textsOfRun, error] {
	return func(yield func(textsOfRun, error) bool) {
		var one textsOfRun
		var run int64
		for r, err := range all {
			if err != nil {
				yield(textsOfRun{}, err)
				return
			}
			if len(one.body) > 0 && (r.Run != run || len(one.body)+len(r.Text)+1 > layout.MaxListenings) {
				if !yield(one, nil) {
					return
				}
				one = textsOfRun{}
			}
			if len(one.body) == 0 {
				one.first, run = r.Seq, r.Run
			}
			one.last, one.body = r.Seq, append(append(one.body, r.Text...), '\n')
		}
		if len(one.body) > 0 {
			yield(one, nil)
		}
	}
}
