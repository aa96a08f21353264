package prove

import (
	"context"
	"errors"
	"log/slog"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Vouch adds a receipt that vouches for a recording's copy, if none does and nothing
// speaks against it, after every byte of it was read. It stores that beside the
// archive, signed, with all others that are not there yet. Nothing else may use the
// manifest meanwhile. On nil the receipt is durable in both places; after an error it
// may be called again.
func Vouch(ctx context.Context, store storage.Destination, m archive.Manifest, log *slog.Logger, w Which) error {
	a, err := archive.Of(ctx, store, m, log) // after which the manifest has what the archive knows
	if err != nil {
		return err
	}
	if err := a.StoreReceipts(ctx, 0); err != nil { // signed, and what was not before is said to be
		return err
	}
	bound, err := m.Binding(ctx)
	if err != nil {
		return err
	}
	row, alone, err := w.pick(ctx, m)
	if err != nil {
		return err
	}
	one := &subject{account: bound.Account, row: row, alone: alone}
	g := gatherer{store: store, manifest: m, account: bound.Account, of: []*subject{one}}
	if err = g.logs(ctx); err == nil {
		err = one.err
	}
	if err == nil {
		_, err = g.copied(one)
	}
	if !errors.Is(err, ErrUnvouched) {
		return err
	}
	ev, err := archive.Prove(ctx, archive.Look(store, true), row)
	if _, differs := errors.AsType[*evidence.Mismatch](err); differs {
		return notIntact(row, err)
	}
	if err != nil {
		return explained(err, row)
	}
	audio, side := ev.Audio(), ev.Sidecar()
	e := receipt.New(receipt.Archived, 0, row.Recording)
	e.Account, e.Destination, e.Audio, e.Sidecar, e.Verified = bound.Account, bound.Destination, &audio, &side, ev.At().UTC()
	if text := ev.Transcript(); text.Key != "" {
		e.Transcript = &text
	}
	if err := m.AddReceipt(ctx, e); err != nil {
		return err
	}
	return a.StoreReceipts(ctx, 0)
}
