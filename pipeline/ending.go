package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// storeReceipts stores the entries of the chain that aren't stored yet. They
// are safe in the manifest; what can't be stored now, the next run stores.
func (r *run) storeReceipts(ended error) {
	if r.archive == nil || errors.Is(ended, storage.ErrRefused) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), time.Minute)
	defer cancel()
	if err := r.archive.StoreReceipts(ctx, r.id); err != nil {
		r.problems = append(r.problems, "the receipts could not be stored beside the archive: "+err.Error())
		r.log.Warn("the receipts are in the manifest but could not be stored beside the archive; the next run tries again", "reason", err)
	}
}

// storeCatalog makes the files anew of which a run, or an earlier one, has
// changed something. What can't be stored now, the next run stores. The error
// says only that the run was told to stop meanwhile.
func (r *run) storeCatalog(ended error) error {
	if !r.policy.Catalog || r.archive == nil || errors.Is(ended, storage.ErrRefused) || r.ctx.Err() != nil {
		return nil //nolint:nilerr // that a run was told to stop is said elsewhere
	}
	stored, err := r.archive.RenewCatalog(r.ctx)
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case err != nil:
		r.problems = append(r.problems, "the catalogue could not be updated: "+err.Error())
		hint := refusal.Hint(err)
		if hint == "" {
			hint = "the next run with --catalog tries again"
		}
		r.log.Warn("the catalogue could not be updated", "reason", err, "hint", hint)
	case stored > 0:
		r.log.Info("the catalogue is up to date", "months", stored)
	}
	return nil
}
