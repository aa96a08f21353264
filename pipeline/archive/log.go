package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
