package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// deleteTimeout bounds the wait for a DELETE's answer, which goes on even when
// the run is being stopped: the answer is worth more than a second.
const deleteTimeout = time.Minute

// purge deletes a recording at VBC. Each try begins with a slot, so that what
// the store says is never older than the permission to send the DELETE.
func (r *run) purge(ctx context.Context, row *item) error {
	if err := r.outlasts(row); err != nil {
		return err
	}
	for try := 1; ; try++ {
		reads, err := r.reread(row)
		if err != nil {
			return err
		}
		err = r.attemptFor(ctx, &row.patience, vbc.RankPurge, func(ctx context.Context, slot *vbc.Slot) error {
			ev, err := r.proveBy(row, reads && !wasSeen(row.Copy))
			if err != nil {
				return err
			}
			return r.delete(ctx, slot, row, ev)
		})
		if isA[*unclearError](err) {
			return r.unclear(ctx, row, err)
		}
		if !isA[*evidence.StaleError](err) && !isA[*evidence.Changed](err) || try == maxStale {
			return err
		}
		r.log.Info("the check of a copy was too old, or the copy has changed, before the deletion was sent; nothing was sent, and the check is repeated", "recording", row.Recording.String(), "reason", err)
	}
}

// maxStale bounds how often one purge begins anew because its proof was too old.
const maxStale = 5

// gone writes down that a recording is no longer at VBC, with the proof that
// would have justified its purge. VBC may have its transcript still.
func (r *run) gone(ctx context.Context, row *item) error {
	if r.lacksTranscript(row) {
		if err := r.addTranscript(ctx, row); err != nil { // as where VBC has deleted it too
			r.log.Warn("a transcript can't be archived, because VBC no longer has its recording", "recording", row.Recording.String(), "reason", err)
		}
	}
	ev, err := r.prove(row)
	if err != nil {
		return err
	}
	if err := r.intend(row, ev); err != nil {
		return err
	}
	return r.conclude(row, receipt.NotThere, 0)
}

// intend writes down the receipt's intent.
func (r *run) intend(row *item, ev evidence.Verified) error {
	intent := receipt.New(receipt.Intent, r.id, ev.Recording())
	r.testify(&intent, ev)
	intent.Found = r.policy.mustCompare(row.Row) // VBC has no more to compare it with
	return r.manifest.Purging(r.work, ev.Recording(), archive.ProofOf(ev, row.Copy), intent, row.Refuted)
}

// testify writes into an entry what the store has confirmed.
func (r *run) testify(e *receipt.Entry, ev evidence.Verified) {
	audio, side, transcript := ev.Audio(), ev.Sidecar(), ev.Transcript()
	e.Destination, e.Audio, e.Sidecar, e.Verified = r.store.String(), &audio, &side, ev.At().UTC()
	if transcript.Key != "" {
		e.Transcript = &transcript
	}
}

// delete is the irreversible step. It takes evidence, and refuses any that is
// older than the slot.
func (r *run) delete(ctx context.Context, slot *vbc.Slot, row *item, ev evidence.Verified) error {
	if err := ev.Since(slot.Granted()); err != nil {
		return err
	}
	if r.readsBack(row) && !ev.Read() {
		return fmt.Errorf("the copy of %s must be read before the deletion, and was not", ev.Recording())
	}
	if r.policy.mustCompare(row.Row) {
		return fmt.Errorf("the copy of %s was found in the archive and must be compared with what VBC sends before the deletion, and was not", ev.Recording())
	}
	if err := r.lasting(row, ev); err != nil {
		return err
	}
	// A crash before this commit leaves a verified copy and the recording at
	// VBC. One after it leaves the state purging: the next run looks at the
	// store and at VBC again before it does anything.
	if err := r.intend(row, ev); err != nil {
		return err
	}
	r.archived(row, ev)
	if ctx.Err() != nil {
		return context.Cause(ctx) // stopped while committing: the DELETE is not sent
	}
	answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	status, err := slot.Delete(answer, ev.Recording(), func() error { return r.stillJustified(answer, ev) })
	if lost, ok := errors.AsType[*manifest.LeaseError](err); ok {
		return lost // it was not sent, and the intent is for whoever has the manifest now to settle
	}
	if isA[*vbc.NotSentError](err) {
		return errors.Join(err, r.withdraw(row))
	}
	row.sent = true
	e := vbc.AsError(err)
	if e != nil {
		err = &deletionError{err}
	}
	switch {
	case err == nil:
		return r.conclude(row, receipt.Deleted, status)
	case saysGone(err):
		// An earlier try has taken effect, or somebody else was faster, or it is
		// not about the recording at all. The intent stays open until that is known.
		return &unclearError{Err: err}
	case e != nil && !e.Temporary():
		// VBC has understood and refused: the recording is still there.
		return errors.Join(err, r.conclude(row, receipt.StillThere, e.Status))
	}
	return err
}

// deletionError says that VBC has answered a DELETE with something else than that it
// has deleted. The same answer to a download is another failure.
type deletionError struct{ err error }

func (e *deletionError) Error() string { return e.err.Error() }
func (e *deletionError) Unwrap() error { return e.err }

// stillJustified is asked when the DELETE is about to be written: nothing may have
// come between, were it that this process stood still. Another machine may have the
// manifest by now, and what this one knows of it is worth nothing then. What asks nobody
// comes last once more: a database may take its time to say what is held.
func (r *run) stillJustified(ctx context.Context, ev evidence.Verified) error {
	if err := r.inTime(ev); err != nil {
		return err
	}
	if err := r.manifest.Deletable(ctx, ev.Recording()); err != nil {
		return err
	}
	return r.inTime(ev)
}

// inTime asks nobody whether the lease and the proof last.
func (r *run) inTime(ev evidence.Verified) error {
	if err := r.manifest.Lease().Held(); err != nil {
		return err
	}
	return ev.Fresh()
}

// refuted has a copy read before anything else is done about it: somebody who has played
// or restored it meanwhile has found it wrong.
func (r *run) refuted(_ context.Context, row *item, _ error) (ends bool, err error) {
	row.Refuted, row.trusted = true, false
	row.Copy.Audio.Seen, row.Copy.Sidecar.Seen, row.Copy.Transcript.Seen = "", "", ""
	return false, nil
}

// withdraw takes back the intent of a DELETE that was not sent. Where an earlier
// one may have been, what became of that is still open.
func (r *run) withdraw(row *item) error {
	if row.sent {
		return nil
	}
	entry := receipt.New(receipt.Result, r.id, row.Recording)
	entry.Outcome = receipt.NotSent
	return r.manifest.Withdrawn(context.WithoutCancel(r.work), row.Recording, entry)
}

// settle finds out what became of a purge that was begun, in a run that may not
// delete the recording itself.
func (r *run) settle(ctx context.Context, row *item) error {
	there, err := r.isThere(ctx, row)
	if err == nil && !there && !row.asked {
		// A listing's word is enough where the copy is whole.
		if _, e := r.prove(row); judge(e) == retry.Systemic {
			return e
		} else if e != nil {
			there, err = r.isThereStill(ctx, row)
		}
	}
	if err != nil {
		return err
	}
	if there {
		return r.conclude(row, receipt.StillThere, 0)
	}
	r.log.Info("a deletion of an interrupted run was completed at VBC", "recording", row.Recording.String())
	return r.conclude(row, receipt.NotThere, 0)
}

// conclude writes down the outcome of a purge, also when the run is being stopped.
func (r *run) conclude(row *item, o receipt.Outcome, status int) error {
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
	r.unfinished.purged.add(row.Recording)
	return nil
}

// spare ends the purge of a recording that was put under a legal hold since
// the run began. An earlier try may have sent a DELETE.
func (r *run) spare(ctx context.Context, row *item, why error) (ends bool, err error) {
	row.purge = false // also where its copy is archived anew, and whatever becomes of the hold
	r.stats.HoldBack(code.Hold)
	r.log.Info("a recording was put under a legal hold and is not deleted", "recording", row.Recording.String(), "reason", why)
	now, err := r.manifest.Row(r.work, row.Key(), row.Nth)
	switch {
	case err != nil:
		return true, err
	case now.State == manifest.Purging:
		return true, r.settle(ctx, row)
	}
	return true, r.verify(row)
}
