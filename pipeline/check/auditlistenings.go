package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// heard is what there is of who has listened.
type heard struct {
	noted   map[storage.Digest]claim // in logs that count, by the digest of the text
	hearsay map[storage.Digest]bool  // in others
	rows    []heardRow               // in the manifest, in the order of numbers
}

// heardRow is a row of the manifest. There may be many, so it has no text.
type heardRow struct {
	number, seq  int64
	digest, prev storage.Digest
	other        bool // another manifest has written it
	read         bool // its text is known
	intact       bool
	signed       bool
	stored       bool
}

// noteListening remembers what a log says. counts says that the log is believed.
func (a *auditor) noteListening(e receipt.Entry, c claim, counts bool) {
	if e.Type != receipt.Listened {
		return
	}
	h := &a.heard
	if h.noted == nil {
		h.noted, h.hearsay = map[storage.Digest]claim{}, map[storage.Digest]bool{}
	}
	if !counts {
		h.hearsay[e.Digest] = true
	} else if has, ok := h.noted[e.Digest]; !ok || c.own && !has.own {
		h.noted[e.Digest] = c
	}
}

// readListenings reads the manifest's rows.
func (a *auditor) readListenings(ctx context.Context) error {
	keys, err := receipt.NewKeys(a.Key)
	if err != nil {
		keys = receipt.Keys{} // which is said already
	}
	for r, err := range a.m.ListeningTexts(ctx) {
		if err != nil {
			return err
		}
		row := heardRow{
			number: r.Number, seq: r.Seq, digest: r.Digest, other: r.Log != "", read: len(r.Text) > 0, intact: r.Intact,
			signed: keys.Listening(r.Digest, r.Signed), stored: r.Stored,
		}
		if l, err := r.Listening(); err == nil {
			row.prev = l.Prev
		}
		a.heard.rows = append(a.heard.rows, row)
	}
	return nil
}

// compareListenings compares the manifest's rows with one another and with what the
// logs say.
func (a *auditor) compareListenings(context.Context) error {
	if a.own.broken {
		return nil
	}
	known := map[storage.Digest]heardRow{}
	for _, r := range a.heard.rows {
		known[r.digest] = r
	}
	for _, r := range a.heard.rows {
		a.compareListening(r)
		if _, there := known[r.prev]; !there && !r.prev.IsZero() && !r.other && r.intact {
			a.wrong(code.ListeningMissing, "",
				"listening %d in the manifest follows on one that is missing (%.16s…): it was removed", r.number, r.prev)
		}
	}
	for _, digest := range slices.SortedFunc(maps.Keys(a.heard.noted), bySum) {
		c := a.heard.noted[digest]
		if r, ok := known[digest]; c.late || !c.own && !ok || ok && r.read {
			continue
		}
		a.wrong(code.ListeningMissing, c.chain,
			"entry %d: somebody has listened to a recording, and who did is missing in the manifest (%.16s…)", c.seq, digest)
	}
	if a.Pending > 0 {
		a.remark(code.ListeningPending, "", "%d listenings in the manifest have no receipts yet: the next run writes them", a.Pending)
	}
	return nil
}

// compareListening looks for what vouches for one row: its receipt, or the manifest's
// signature until there is one.
func (a *auditor) compareListening(r heardRow) {
	c, noted := a.heard.noted[r.digest]
	switch {
	case !r.read: // said of its receipt
	case !r.intact:
		a.wrong(code.ListeningChanged, "", "listening %d in the manifest is not what was written: it was changed", r.number)
	case noted && (c.own || r.other):
	case r.seq < 0 || r.seq == 0 && !r.signed:
		a.wrong(code.ListeningUnsigned, "", "listening %d in the manifest is not signed with the manifest's key: somebody has changed the manifest's file", r.number)
	case r.seq == 0:
		a.Pending++
	case r.other && (a.store == nil || a.heard.hearsay[r.digest]):
		// which was taken in good faith, or can't be looked up
	case r.seq > a.own.Last:
		// A run is adding it.
	default:
		a.wrong(code.ListeningUnsigned, "", "listening %d in the manifest should have a receipt, and no log has it", r.number)
	}
}

// compareListeningTexts looks whether the texts that logs name lie beside the archive,
// word by word, and whether others do.
func (a *auditor) compareListeningTexts(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	unstored := map[storage.Digest]bool{}
	known := map[storage.Digest]bool{}
	for _, r := range a.heard.rows {
		known[r.digest] = true
		unstored[r.digest] = !r.stored
	}
	there, err := a.listeningTexts(ctx, known)
	if err != nil {
		return err
	}
	for _, digest := range slices.SortedFunc(maps.Keys(a.heard.noted), bySum) {
		c := a.heard.noted[digest]
		if there[digest] || c.late || c.own && unstored[digest] {
			continue
		}
		a.wrong(code.ListeningText, c.chain,
			"destination: the text that says who listened, which entry %d of the log %s names, is missing beside the archive, "+
				"changed, or in cold storage (listenings/…, SHA-256 %.16s…)", c.seq, c.chain, digest)
	}
	return nil
}

// listeningTexts are the digests of the texts beside the archive. What no log and no
// row knows is named.
func (a *auditor) listeningTexts(ctx context.Context, known map[storage.Digest]bool) (map[storage.Digest]bool, error) {
	there := map[storage.Digest]bool{}
	for o, err := range a.store.List(ctx, layout.Listenings(a.Account)) {
		if err != nil {
			return nil, fmt.Errorf("read what lies beside the archive: %w", err)
		}
		f, ok := layout.ParseListenings(o)
		if !ok {
			a.remark(code.NotReceipts, "", "destination: %s is not a listenings file", o.Key)
			continue
		}
		body, err := f.Read(ctx, a.store)
		if errors.Is(err, storage.ErrCold) || layout.Unreadable(err) {
			continue // its texts are missed below
		}
		if err != nil && !errors.Is(err, layout.ErrNotAsNamed) {
			return nil, err
		}
		strange := 0
		for digest := range layout.Texts(body) {
			there[digest] = true
			if _, noted := a.heard.noted[digest]; !noted && !a.heard.hearsay[digest] && !known[digest] {
				strange++
			}
		}
		if strange > 0 {
			a.remark(code.ListeningStrange, f.Chain, "destination: %s has %d texts that no receipt names; they are not believed", o.Key, strange)
		}
	}
	return there, nil
}
