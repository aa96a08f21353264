package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// deleteTimeout bounds the wait for a DELETE's answer, which goes on even when
// the run is being stopped: the answer is worth more than a second.
const deleteTimeout = time.Minute

// purge deletes a recording at VBC. Each try begins with a slot, so that what
// the store says is never older than the permission to send the DELETE.
func (r *run) purge(ctx context.Context, row *item) error {
	return r.attemptFor(ctx, &row.patience, func(ctx context.Context, slot *vbc.Slot) error {
		ev, err := r.prove(row)
		if err != nil {
			return err
		}
		return r.delete(ctx, slot, row, ev)
	})
}

// delete is the irreversible step. It takes evidence, and refuses any that is
// older than the slot.
func (r *run) delete(ctx context.Context, slot *vbc.Slot, row *item, ev evidence.Verified) error {
	if err := ev.Since(slot.Granted()); err != nil {
		return err
	}
	if on := ev.Expires(); !on.IsZero() && !r.policy.AllowExpiring {
		// The copy is good for as long as it lasts: archived, not purged.
		if err := r.proven(row, ev, false); err != nil {
			return err
		}
		return &expiringError{On: on}
	}
	rec, audio, side := ev.Recording(), ev.Audio(), ev.Sidecar()
	intent := receipt.New(receipt.Intent, r.id, rec)
	intent.Destination, intent.Audio, intent.Sidecar, intent.Verified = r.store.String(), &audio, &side, ev.At().UTC()

	// A crash before this commit leaves a verified copy and the recording at
	// VBC. One after it leaves the state purging: the next run looks at the
	// store and at VBC again before it does anything.
	if err := r.manifest.Purging(r.work, rec, proofOf(ev, row.Copy), intent); err != nil {
		return err
	}
	r.archived(row, ev)
	if ctx.Err() != nil {
		return context.Cause(ctx) // stopped while committing: the DELETE is not sent
	}
	answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	status, err := slot.Delete(answer, rec)
	switch e := vbc.AsError(err); {
	case err == nil:
		return r.note(row, receipt.Deleted, status)
	case e != nil && e.NotFound():
		// An earlier try has taken effect, or somebody else was faster. The
		// copy is proven, so there is nothing left to do.
		return r.note(row, receipt.NotThere, e.Status)
	case e != nil && !e.Temporary():
		// VBC has understood and refused: the recording is still there.
		return errors.Join(err, r.note(row, receipt.StillThere, e.Status))
	}
	return err
}

// settle finds out what became of a purge that was begun, by asking VBC, in a
// run that may not delete the recording itself.
func (r *run) settle(ctx context.Context, row *item) error {
	var there bool
	err := r.attemptFor(ctx, &row.patience, func(ctx context.Context, slot *vbc.Slot) (err error) {
		there, err = slot.Exists(r.work, row.Recording)
		return err
	})
	if err != nil {
		return err
	}
	if there {
		return r.note(row, receipt.StillThere, 0)
	}
	r.log.Info("an interrupted run's deletion had taken effect", "recording", row.Recording.String())
	return r.note(row, receipt.NotThere, 0)
}

// note writes down the outcome of a purge, also when the run is being stopped.
func (r *run) note(row *item, o receipt.Outcome, status int) error {
	entry := receipt.New(receipt.Result, r.id, row.Recording)
	entry.Outcome, entry.Status = o, status
	ctx := context.WithoutCancel(r.work)
	if o == receipt.StillThere {
		return r.manifest.NotPurged(ctx, row.Recording, entry)
	}
	if err := r.manifest.Purged(ctx, row.Recording, entry); err != nil {
		return err
	}
	r.stats.Deleted.Add(1)
	r.purged.add(row.Recording)
	return nil
}
