package prove

import (
	"context"
	"errors"
	"log/slog"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// Vouch reads every byte of a recording's copy and adds a receipt that vouches for it,
// which it stores beside the archive, signed, with all others that are not there yet.
// Nothing else may use the manifest meanwhile. On nil the receipt is durable in both
// places. It decides nothing: whoever calls it has learned from Write that there is a
// copy, and that nothing speaks against it.
func Vouch(ctx context.Context, store storage.Destination, m archive.Manifest, log *slog.Logger, w Which) error {
	a, err := archive.Of(ctx, store, m, log)
	if err != nil {
		return err
	}
	row, _, err := w.pick(ctx, m)
	if err != nil {
		return err
	}
	if row.Unvouched || !row.Copy.Known() {
		return &refusal.Refusal{Code: code.Unvouched, Reason: row.Recording.String() + " has changed meanwhile", Hint: "run the same command again"}
	}
	ev, err := archive.Prove(ctx, archive.Look(store, true), row)
	if _, differs := errors.AsType[*evidence.Mismatch](err); differs {
		return notIntact(row, err)
	}
	if err != nil {
		return explained(err, row)
	}
	bound, err := m.Binding(ctx)
	if err != nil {
		return err
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
