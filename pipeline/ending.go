package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// end writes down what has become of a run, and returns why it ended, nil if it
// came to its end.
//
// The order matters. Troubles are over only where all has been done. Receipts come
// next, whatever has happened, since they say what was deleted; and then the
// catalogue, which may be made anew at any time. What can't be stored of these is
// a problem, so the summary is made after them. EndRun is the last thing written:
// a run without it was killed. Errors stand in the order in which they came about,
// for the first one is what judge and Hint go by.
//
// Nothing is written by a run whose lease is over: whoever has the manifest now
// stores what is missing.
func (r *run) end(l *listing, err error) error {
	if lost := r.manifest.Lease().Held(); lost != nil {
		r.log.Warn("the run stops early, because another machine may continue it", "code", code.Lease, "reason", lost)
		return errors.Join(lost, err)
	}
	if err == nil {
		err = l.checkListings(r.ctx)
	}
	r.storeReceipts(err)
	err = errors.Join(err, r.storeCatalog(err))
	sum := r.summary()
	switch {
	case err == nil:
	case judge(err) == retry.Cancelled:
		sum.Stopped, sum.StoppedCode = ErrStopped.Error(), code.Interrupted
	default:
		sum.Stopped, sum.StoppedCode = err.Error(), EndCode(err)
		r.log.Warn("the run stops early", "code", sum.StoppedCode)
	}
	ctx := context.WithoutCancel(r.work)
	now, e := archive.Checkpoint(ctx, r.manifest)
	if e == nil {
		c := Checkpoint(now)
		r.checkpoint, sum.Log = &c, &c
	}
	err = errors.Join(err, e, r.remember(ctx), r.manifest.EndRun(ctx, r.id, sum))
	if r.checkpoint != nil { // in the last line, for whatever keeps log lines: see Checkpoint
		r.log.Info("the run has ended", "log", r.checkpoint.Origin, "log_size", r.checkpoint.Size, "log_root", r.checkpoint.Root.String())
	}
	return err
}

// rest counts what isn't tried in this run, having failed often.
func (r *run) rest(ctx context.Context, sel manifest.Selection) error {
	rows, err := r.manifest.Resting(ctx, sel)
	if err != nil {
		return err
	}
	for _, row := range rows {
		switch {
		case !r.policy.eligible(row.Recording), r.policy.held(row) && OnlyDeletionFailed(row):
		case row.Failure.Known(row.Failure.Code, row.Failure.Reason):
			r.stats.Acknowledged.Add(1)
		default:
			r.stats.Resting.Add(1)
		}
	}
	return nil
}

// storeReceipts stores the entries of the chain that aren't stored yet. They
// are safe in the manifest; what can't be stored now, the next run stores.
func (r *run) storeReceipts(ended error) {
	if r.archive == nil || errors.Is(ended, storage.ErrRefused) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), time.Minute)
	defer cancel()
	if err := r.archive.StoreReceipts(ctx, r.id); err != nil {
		r.report.add("the receipts could not be stored beside the archive: " + err.Error())
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
		r.report.add("the catalogue could not be updated: " + err.Error())
		hint := refusal.Hint(err)
		if hint == "" {
			hint = "the next run with --catalog tries again"
		}
		r.log.Warn("the catalogue could not be updated", "code", refusal.Code(err), "reason", err, "hint", hint)
	case stored > 0:
		r.log.Info("the catalogue is up to date", "months", stored)
	}
	return nil
}
