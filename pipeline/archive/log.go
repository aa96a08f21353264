package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
)

func now() time.Time { return time.Now().UTC() }

// Keys are those whose signatures a manifest takes: its own, and those of other
// manifests that somebody has said it may trust.
func Keys(ctx context.Context, m interface {
	Verifier(ctx context.Context) (string, error)
	Trusted(ctx context.Context) ([]manifest.Trusted, error)
},
) (receipt.Keys, error) {
	own, err := m.Verifier(ctx)
	if err != nil {
		return receipt.Keys{}, err
	}
	trusted, err := m.Trusted(ctx)
	if err != nil {
		return receipt.Keys{}, err
	}
	var texts []string
	if own != "" {
		texts = append(texts, own)
	}
	for _, t := range trusted {
		texts = append(texts, t.Verifier)
	}
	return receipt.NewKeys(texts...)
}

// openLog gets ready what signs the manifest's log, and looks at what the archive has
// of all logs: what the own one lacks is taken over, if it is signed; and none may
// have become shorter.
func (a *Archive) openLog(ctx context.Context, trustArchive bool) error {
	var err error
	if a.key, err = a.manifest.SigningKey(); err != nil {
		return unsigned(err)
	}
	if a.keys, err = Keys(ctx, a.manifest); err != nil {
		return err
	}
	checkpoint, err := a.manifest.Checkpoint(ctx)
	if err != nil {
		return err
	}
	a.signed = checkpoint != nil
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	var all []layout.Bundle
	for o, err := range a.store.List(ctx, layout.Receipts(a.account)) {
		if err != nil {
			return fmt.Errorf("read the receipts in the destination: %w", err)
		}
		a.keyStored = a.keyStored || o.Key == layout.VerifierKey(a.account, c.ID)
		if b, ok := layout.ParseBundle(o); ok {
			all = append(all, b)
		}
	}
	own := slices.DeleteFunc(slices.Clone(all), func(b layout.Bundle) bool { return b.Chain != c.ID })
	if err := a.isAsSigned(ctx, c.ID, own, checkpoint); err != nil {
		return err
	}
	if err := a.takeOverReceipts(ctx, c, own, trustArchive); err != nil {
		return err
	}
	if err := a.restore(ctx, own); err != nil {
		return err
	}
	if a.stored, err = a.manifest.ReceiptsStored(ctx); err != nil {
		return err
	}
	return a.lookAtTips(ctx, c.ID, all)
}

// unsigned says how to mend that there is no key.
func unsigned(err error) error {
	missing, ok := errors.AsType[*manifest.KeyError](err)
	if !ok {
		return err
	}
	return &refusal.Refusal{
		Code:   code.NoKey,
		Reason: fmt.Sprintf("%v; nothing was changed", missing),
		Hint: "put the file of the key " + missing.Verifier + " back from a backup, or give the key with VBCVAULT_SIGNING_KEY_FILE; " +
			"if it is lost, move the manifest away and make a new one with vbcvault rebuild",
	}
}

// isAsSigned refuses a manifest whose log isn't what its key has signed last: what
// somebody has changed in its file gets no signature. Where a manifest remembers no
// checkpoint, that of the archive counts, if there is one.
func (a *Archive) isAsSigned(ctx context.Context, chain string, own []layout.Bundle, checkpoint []byte) error {
	t, err := storedTree(ctx, a.manifest)
	if err != nil {
		return err
	}
	remembered := checkpoint != nil
	if older := slices.DeleteFunc(slices.Clone(own), func(b layout.Bundle) bool { return b.Last > t.Size() }); !remembered && len(older) > 0 {
		last := slices.MaxFunc(older, func(x, y layout.Bundle) int { return cmp.Compare(x.Last, y.Last) })
		_, checkpoint, err = last.Read(ctx, a.store)
		if _, broken := errors.AsType[*receipt.Break](err); err != nil && !broken && !layout.Unreadable(err) {
			return err
		}
	}
	signed, _, err := a.keys.Open(checkpoint)
	if err != nil && !remembered {
		return nil //nolint:nilerr // nobody has signed anything yet
	}
	if err == nil && signed.Size >= t.Size() {
		t, err = grown(ctx, a.manifest, t, signed.Size)
	} else if err == nil {
		t, err = grown(ctx, a.manifest, receipt.Tree{}, signed.Size)
	}
	if err == nil && signed == receipt.CheckpointOf(chain, t) {
		a.signed = true
		return nil
	}
	return &refusal.Refusal{
		Code:   code.ReceiptsChanged,
		Reason: "the receipts in this manifest are not those that its key has signed: somebody or something has changed the manifest",
		Hint:   "vbcvault audit shows details; restore a backup of the manifest, or move it away and make a new one with vbcvault rebuild",
	}
}

// Doubts are what settling the archive has found that speaks against the receipts
// or holds in the store, each in a sentence. Nothing of it was taken over.
func (a *Archive) Doubts() []string { return a.doubts }

// doubt remembers something that speaks against the receipts in the store.
func (a *Archive) doubt(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.doubts = append(a.doubts, text)
	a.log.Warn(text + "; vbcvault audit shows details")
}

// way is one way in which the chain may go on: from what the manifest has, with
// lines of the store that nobody has vouched for yet.
type way struct {
	receipt.Chain
	tree  receipt.Tree
	lines []byte
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
		if _, broken := errors.AsType[*receipt.Break](err); broken || layout.Unreadable(err) {
			strangers = append(strangers, err.Error())
			continue
		}
		if err != nil {
			return err
		}
		on, ok := follow(ways, b, lines)
		switch {
		case !ok:
			strangers = append(strangers, b.Object.Key+" doesn't continue the log of this manifest")
		case a.vouches(on, checkpoint):
			if err := a.take(ctx, ways[0].Last, on, checkpoint); err != nil {
				return err
			}
			on.lines = nil
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
		return a.untold(ways[0].Last+1, last.Last)
	default:
		a.doubt("the archive has receipts %d to %d of this manifest's log that no known key has signed; they are ignored", ways[0].Last+1, last.Last)
	}
	for _, s := range strangers {
		a.doubt("the receipts in the destination don't match those of this manifest: %s", s)
	}
	return nil
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
			on.lines = slices.Concat(on.lines, rest)
			return on, true
		}
	}
	return way{}, false
}

// vouches reports whether a known key has signed just where a way ends.
func (a *Archive) vouches(w way, checkpoint []byte) bool {
	c, _, err := a.keys.Open(checkpoint)
	return err == nil && c == receipt.CheckpointOf(w.ID, w.tree)
}

// take takes over what lies behind entry after.
func (a *Archive) take(ctx context.Context, after int64, w way, checkpoint []byte) error {
	if err := a.manifest.TakeOver(ctx, w.lines, w.tree, checkpoint); err != nil {
		return err
	}
	a.signed = a.signed || checkpoint != nil
	a.log.Info("this manifest is older than the archive; receipts were copied from the archive", "entries", w.Last-after)
	return nil
}

// untold refuses entries that may be an earlier program's, or anybody's.
func (a *Archive) untold(first, last int64) error {
	return &refusal.Refusal{
		Code: code.UnsignedReceipts,
		Reason: fmt.Sprintf("the archive has receipts %d to %d of this manifest's log, which the manifest lacks and which no known key has signed. "+
			"Versions of vbcvault before signatures wrote such receipts, so the manifest may be restored from an older copy; or somebody has put them there", first, last),
		Hint: "if the manifest was restored from a backup, run this command once with --trust-archive; if not, find out who wrote to receipts/ in the destination",
	}
}

// restore has the entries stored again that were stored before and are gone: the
// manifest has them still. It goes by names alone.
func (a *Archive) restore(ctx context.Context, own []layout.Bundle) error {
	stored, err := a.manifest.ReceiptsStored(ctx)
	if err != nil {
		return err
	}
	missing := layout.Missing(own, stored)
	if len(missing) == 0 {
		return nil
	}
	a.doubt("receipts of this manifest's log were stored beside the archive and are missing now (entries %d to %d and on); they are stored again", missing[0][0], missing[0][1])
	t, err := grown(ctx, a.manifest, receipt.Tree{}, missing[0][0]-1)
	if err != nil {
		return err
	}
	return a.manifest.SetReceiptsStored(ctx, t, nil)
}

// lookAtTips compares the ends of the other manifests' logs with those that were seen
// before, by their names, and remembers what is new.
func (a *Archive) lookAtTips(ctx context.Context, own string, all []layout.Bundle) error {
	known, looked, err := a.manifest.Tips(ctx)
	if err != nil {
		return err
	}
	seen := TipsOf(all)
	delete(seen, own) // which the manifest has itself
	for _, t := range known {
		if !hasTip(all, t) {
			a.doubt("the log of receipts %s of another manifest has become shorter: the file with its entry %d was beside the archive and is gone", t.Chain, t.Last)
			delete(seen, t.Chain) // what is known of it stays known
		}
	}
	var news []manifest.Tip
	for _, chain := range slices.Sorted(maps.Keys(seen)) {
		if slices.Equal(ofChain(known, chain), seen[chain]) {
			delete(seen, chain)
			continue
		}
		for _, t := range seen[chain] {
			t.First = !looked
			news = append(news, t)
		}
	}
	if looked && len(news) == 0 {
		return nil
	}
	return a.manifest.SeeTips(ctx, slices.Collect(maps.Keys(seen)), news)
}

// ofChain are the tips of one chain, as a listing shows them.
func ofChain(all []manifest.Tip, chain string) (tips []manifest.Tip) {
	for _, t := range all {
		if t.Chain == chain {
			t.First = false
			tips = append(tips, t)
		}
	}
	return tips
}

func sameTip(a, b manifest.Tip) bool {
	return a.Chain == b.Chain && a.Head == b.Head && a.Last == b.Last
}

func hasTip(all []layout.Bundle, t manifest.Tip) bool {
	return slices.ContainsFunc(all, func(b layout.Bundle) bool { return b.Chain == t.Chain && b.Last == t.Last && b.Head == t.Head })
}

// TipsOf are the ends of the logs that have these bundles, as their names say them.
func TipsOf(all []layout.Bundle) map[string][]manifest.Tip {
	tips := map[string][]manifest.Tip{}
	for _, b := range all {
		t := manifest.Tip{Chain: b.Chain, Last: b.Last, Head: b.Head}
		switch has := tips[b.Chain]; {
		case len(has) == 0 || has[0].Last < t.Last:
			tips[b.Chain] = []manifest.Tip{t}
		case has[0].Last == t.Last && !slices.ContainsFunc(has, func(h manifest.Tip) bool { return sameTip(h, t) }):
			tips[b.Chain] = append(has, t)
		}
	}
	return tips
}
