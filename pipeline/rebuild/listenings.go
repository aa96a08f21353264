package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// heard is what receipts say of who has listened, by the digests of the texts.
type heard struct {
	noted   map[storage.Digest]heardAt
	rumours map[storage.Digest]bool // that no known key has signed
}

// heardAt is one of them.
type heardAt struct {
	chain string
	seq   int64
	at    time.Time
}

func (h heard) note(e receipt.Entry, counts bool) {
	if !counts {
		h.rumours[e.Digest] = true
		return
	}
	delete(h.rumours, e.Digest)
	if _, ok := h.noted[e.Digest]; !ok {
		h.noted[e.Digest] = heardAt{e.Chain, e.Seq, e.At}
	}
}

// listenings brings back who has listened, from the texts beside the archive: those that
// receipts name which count. Their receipts stay where they are, in the logs of the
// manifests that have written them.
func (b *rebuild) listenings(ctx context.Context) error {
	b.sum.UnsignedListenings = int64(len(b.heard.rumours))
	if len(b.heard.noted) == 0 {
		return nil
	}
	files, err := b.listeningFiles(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := b.learnListenings(ctx, f); err != nil {
			return err
		}
	}
	if n := len(b.heard.noted); n > 0 {
		b.found.Add(check.Missing, layout.Listenings(b.account), check.None,
			fmt.Sprintf("receipts say that recordings were listened to, and %d texts that say by whom are missing, changed, or in cold storage", n))
	}
	return nil
}

// listeningFiles are the files in the order in which their first text was written.
func (b *rebuild) listeningFiles(ctx context.Context) (files []layout.ListeningFile, err error) {
	type place struct {
		chain string
		seq   int64
	}
	at := map[place]time.Time{}
	for _, h := range b.heard.noted {
		at[place{h.chain, h.seq}] = h.at
	}
	for o, err := range b.store.List(ctx, layout.Listenings(b.account)) {
		if err != nil {
			return nil, fmt.Errorf("read the listenings in the destination: %w", err)
		}
		if f, ok := layout.ParseListenings(o); ok { // else it is named already
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(x, y layout.ListeningFile) int {
		return at[place{x.Chain, x.First}].Compare(at[place{y.Chain, y.First}])
	})
	return files, nil
}

// learnListenings takes the texts of one file that receipts name, each once.
func (b *rebuild) learnListenings(ctx context.Context, f layout.ListeningFile) error {
	body, err := f.Read(ctx, b.store)
	switch {
	case layout.Unreadable(err), errors.Is(err, storage.ErrCold):
		b.found.Add(check.Damaged, f.Object.Key, check.None, "it can't be read: "+err.Error())
		return nil
	case errors.Is(err, layout.ErrNotAsNamed):
		b.found.Add(check.Damaged, f.Object.Key, check.None, "its content doesn't match its name; the texts in it that receipts name are taken")
	case err != nil:
		return err
	}
	texts := map[string][]manifest.ListeningRecord{}
	for digest, text := range layout.Texts(body) {
		h, ok := b.heard.noted[digest]
		if !ok {
			continue
		}
		delete(b.heard.noted, digest)
		texts[h.chain] = append(texts[h.chain], manifest.ListeningRecord{Seq: h.seq, Text: text})
	}
	for chain, some := range texts {
		n, err := b.manifest.LearnListenings(ctx, chain, some...)
		if err != nil {
			return err
		}
		b.sum.Listenings += n
	}
	return nil
}
