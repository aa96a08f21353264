package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
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
func (a *Archive) openLog(ctx context.Context, o Options) error {
	var err error
	if a.key, err = a.manifest.SigningKey(); err != nil {
		return unsigned(err)
	}
	if a.own, err = receipt.NewKeys(a.key.Verifier()); err != nil {
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
	for object, err := range a.store.List(ctx, layout.Receipts(a.account)) {
		if err != nil {
			return fmt.Errorf("read the receipts in the destination: %w", err)
		}
		if object.Key == layout.VerifierKey(a.account, c.ID) {
			if err := a.readKey(ctx, object); err != nil {
				return err
			}
		}
		if b, ok := layout.ParseBundle(object); ok {
			all = append(all, b)
		}
	}
	own := slices.DeleteFunc(slices.Clone(all), func(b layout.Bundle) bool { return b.Chain != c.ID })
	if err := a.isAsSigned(ctx, c, own, checkpoint); err != nil {
		return err
	}
	for _, err := range unstored(ctx, a.manifest) {
		if err != nil {
			return err // before anything is done that adds to it
		}
	}
	if err := a.takeOverReceipts(ctx, c, own, o.TrustArchive); err != nil {
		return err
	}
	if err := a.restore(ctx, own); err != nil {
		return err
	}
	if a.stored, err = a.manifest.ReceiptsStored(ctx); err != nil {
		return err
	}
	return a.lookAtTips(ctx, c.ID, all, o.Moved)
}

// readKey looks whether the verifier that lies beside the archive is the key's. If it
// isn't, it is stored again.
func (a *Archive) readKey(ctx context.Context, o storage.Object) error {
	text, err := layout.Read(ctx, a.store, o, maxVerifier)
	if denied(err) {
		a.keyStored = true // nobody needs it so much that a run would stop for it
		return nil
	}
	if err != nil && !layout.Unreadable(err) {
		return err
	}
	verifier := strings.TrimSpace(string(text))
	if a.keyStored = verifier == a.key.Verifier(); a.keyStored {
		return nil
	}
	if _, err := receipt.NewKeys(verifier); err == nil {
		a.doubt("%s beside the archive names another key than this manifest's; it is replaced", o.Key)
	}
	return nil
}

const maxVerifier = 1 << 16 // bytes

// unsigned says how to mend that there is no key.
func unsigned(err error) error {
	missing, ok := errors.AsType[*manifest.KeyError](err)
	if !ok {
		return err
	}
	return &refusal.Refusal{
		Code:   code.NoKey,
		Reason: fmt.Sprintf("%v; nothing was changed", missing),
		Hint: "put this file back from a backup of the manifest (there it is FILE.key), or name its place with VBCVAULT_SIGNING_KEY_FILE; " +
			"if the key is lost, move the manifest away with its -wal and -shm, if it has them, and make a new one with vbcvault rebuild --key " + missing.Verifier,
	}
}

// isAsSigned refuses a manifest whose log isn't what its key has signed last: what
// somebody has changed in its file gets no signature. Where a manifest remembers no
// checkpoint, that of the archive counts, if there is one.
func (a *Archive) isAsSigned(ctx context.Context, c receipt.Chain, own []layout.Bundle, checkpoint []byte) error {
	t, err := storedTree(ctx, a.manifest)
	if err != nil {
		return err
	}
	remembered := checkpoint != nil
	if !remembered {
		if checkpoint, err = a.lastSigned(ctx, c, own); err != nil {
			return err
		}
	}
	signed, _, err := a.own.Open(checkpoint)
	if err != nil && !remembered {
		return nil // nobody has signed anything yet
	}
	if err == nil && signed.Size >= t.Size() {
		t, err = grown(ctx, a.manifest, t, signed.Size)
	} else if err == nil {
		t, err = grown(ctx, a.manifest, receipt.Tree{}, signed.Size)
	}
	if err == nil && signed == receipt.CheckpointOf(c.ID, t) {
		a.signed = true
		return nil
	}
	return changed("the receipts in this manifest are not those that its key has signed")
}

// lastSigned is the last checkpoint in the archive that the manifest's key has signed,
// and that speaks of entries which the manifest has; nil if there is none. The verifier
// is stored before anything is signed: without it, the last bundle is enough.
func (a *Archive) lastSigned(ctx context.Context, c receipt.Chain, own []layout.Bundle) ([]byte, error) {
	older := slices.DeleteFunc(slices.Clone(own), func(b layout.Bundle) bool { return b.Last > c.Last })
	slices.SortStableFunc(older, func(x, y layout.Bundle) int { return cmp.Compare(y.Last, x.Last) })
	for _, b := range older {
		_, checkpoint, err := b.Read(ctx, a.store)
		if err != nil && !isStrange(err) && (!denied(err) || a.keyStored) {
			return nil, unread(b, err)
		}
		if signed, _, err := a.own.Open(checkpoint); err == nil && signed.Size == b.Last {
			return checkpoint, nil
		}
		if !a.keyStored {
			break
		}
	}
	return nil, nil
}

// isStrange reports whether a bundle can't be what its name says.
func isStrange(err error) bool {
	_, broken := errors.AsType[*receipt.Break](err)
	return broken || layout.Unreadable(err)
}

// denied reports whether a store doesn't give an object out as long as nobody does
// something about it.
func denied(err error) bool {
	return errors.Is(err, storage.ErrCold) || errors.Is(err, storage.ErrRefused)
}

// unread says how to go on where a bundle of the manifest's own log can't be read. It
// may be what the manifest lacks, and it may be anybody's.
func unread(b layout.Bundle, err error) error {
	reason := fmt.Sprintf("receipts of this manifest's log are in the destination and can't be read, so it is unknown whether the manifest lacks them: %v", err)
	remove := ". If no vbcvault of yours has written it, remove it"
	switch {
	case errors.Is(err, storage.ErrCold):
		return &refusal.Refusal{
			Code: code.Cold, Reason: reason,
			Hint: "restore " + b.Object.Key + " from cold storage with the tools of the destination, and keep receipts/ out of rules that move it there" + remove,
		}
	case errors.Is(err, storage.ErrRefused):
		return &refusal.Refusal{Code: code.StoreRefused, Reason: reason, Hint: "allow vbcvault to read " + b.Object.Key + remove}
	}
	return err
}

// changed refuses a manifest that somebody has changed.
func changed(how string) error {
	return &refusal.Refusal{
		Code:   code.ReceiptsChanged,
		Reason: how + ": somebody or something has changed the manifest",
		Hint:   "vbcvault audit shows details; restore a backup of the manifest, or move it away with its -wal and -shm, if it has them, and make a new one with vbcvault rebuild",
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

// restore stores the entries again that were stored before and are gone: the manifest
// has them still. It goes by names alone. What can't be stored now, the next run stores.
func (a *Archive) restore(ctx context.Context, own []layout.Bundle) error {
	stored, err := a.manifest.ReceiptsStored(ctx)
	if err != nil {
		return err
	}
	missing := layout.Missing(own, stored)
	if len(missing) == 0 {
		return nil
	}
	t, err := storedTree(ctx, a.manifest)
	if err != nil {
		return err
	}
	if whole, err := grown(ctx, a.manifest, receipt.Tree{}, stored); err != nil || whole.Root() != t.Root() {
		return errors.Join(err, changed("the receipts in this manifest are not those that it has stored in the destination"))
	}
	what := fmt.Sprintf("receipts of this manifest's log were stored beside the archive and are missing now (entries %d to %d", missing[0][0], missing[0][1])
	if n := len(missing) - 1; n > 0 {
		what += fmt.Sprintf(", and others in %d more places", n)
	}
	t = receipt.Tree{}
	for _, m := range missing {
		if t, err = grown(ctx, a.manifest, t, m[0]-1); err != nil {
			return err
		}
		err := a.putLines(ctx, t, between(ctx, a.manifest, m[0]-1, m[1]), func(receipt.Tree, []byte) error { return nil })
		if refusal.Code(err) != "" || ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.doubt("%s); they could not be stored again, and the next run tries it: %v", what, err)
			return nil
		}
	}
	a.doubt("%s); they were stored again from the manifest", what)
	return nil
}

// lookAtTips compares the ends of the other manifests' logs with those that were seen
// before, by their names, and remembers what is new. Logs that a known key has signed
// must be there for ever. That another one is gone is said once: anybody may have put it
// there, and somebody may have removed it for that.
func (a *Archive) lookAtTips(ctx context.Context, own string, all []layout.Bundle, moved bool) error {
	known, looked, err := a.manifest.Tips(ctx)
	if err != nil {
		return err
	}
	keys, err := Keys(ctx, a.manifest)
	if err != nil {
		return err
	}
	seen := TipsOf(all)
	delete(seen, own) // which the manifest has itself
	var changed []string
	var tips []manifest.Tip // of those
	gone := func(t manifest.Tip) bool { return !hasTip(all, t) }
	for _, t := range known {
		switch {
		case !gone(t):
			continue
		case moved:
			a.log.Warn("a log of receipts of another manifest did not move along with the archive; it is forgotten", "log", t.Chain, "entries", t.Last)
		case t.Known:
			a.doubt("the log of receipts %s of another manifest has become shorter: the file with its entry %d was beside the archive and is gone", t.Chain, t.Last)
			delete(seen, t.Chain) // what is known of it stays known
			tips = append(tips, t)
			continue
		default:
			a.doubt("receipts of the log %s, which no known key has signed, were beside the archive and are gone (its entry %d); this is said once", t.Chain, t.Last)
		}
		changed = append(changed, t.Chain) // it is forgotten
	}
	for _, chain := range slices.Sorted(maps.Keys(seen)) {
		before := ofChain(known, chain)
		isNew := func(t manifest.Tip) bool {
			return !slices.ContainsFunc(before, func(b manifest.Tip) bool { return sameTip(b, t) })
		}
		if !slices.ContainsFunc(seen[chain], isNew) && !slices.Contains(changed, chain) {
			continue
		}
		changed = append(changed, chain)
		for _, t := range seen[chain] {
			t.First = !looked
			if t.Known, err = a.isKnown(ctx, keys, all, t); err != nil {
				return err
			}
			tips = append(tips, t)
		}
		// Whatever lies behind it that nobody has signed, an end that a known key has
		// signed must stay.
		if !slices.ContainsFunc(tips, func(t manifest.Tip) bool { return t.Chain == chain && t.Known }) {
			tips = append(tips, slices.DeleteFunc(before, func(t manifest.Tip) bool { return !t.Known || gone(t) })...)
		}
	}
	if looked && len(changed) == 0 {
		return nil
	}
	return a.manifest.SeeTips(ctx, changed, slices.DeleteFunc(tips, func(t manifest.Tip) bool { return !slices.Contains(changed, t.Chain) }))
}

// isKnown reports whether a known key has signed the end of a log. What can't be read is
// looked at again when the log has become longer.
func (a *Archive) isKnown(ctx context.Context, keys receipt.Keys, all []layout.Bundle, t manifest.Tip) (bool, error) {
	i := slices.IndexFunc(all, func(b layout.Bundle) bool { return b.Chain == t.Chain && b.Last == t.Last && b.Head == t.Head })
	_, checkpoint, err := all[i].Read(ctx, a.store)
	if isStrange(err) || denied(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, _, err := keys.Open(checkpoint)
	return err == nil && c.Chain() == t.Chain && c.Size == t.Last, nil
}

// ofChain are the tips of one chain.
func ofChain(all []manifest.Tip, chain string) (tips []manifest.Tip) {
	for _, t := range all {
		if t.Chain == chain {
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
