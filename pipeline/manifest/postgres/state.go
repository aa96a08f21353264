package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Transcribed adds an intended transcript to a copy, before it becomes visible
// in the store. The copy as a whole is to be verified again. A recording whose
// purge was begun stays in the state purging.
func (m *Manifest) Transcribed(ctx context.Context, r vbc.Recording, transcript storage.Object) error {
	return m.do(ctx, func(tx *txn) error {
		return move(tx, r, manifest.StepTranscribed, "transcript = $6", objectOf(transcript))
	})
}

// Verified writes down that the store has confirmed the copy at the time at.
// done says that this was all there was to do, and earlier failures are over.
func (m *Manifest) Verified(ctx context.Context, r vbc.Recording, c manifest.Copy, at time.Time, done bool) error {
	return m.do(ctx, func(tx *txn) error {
		set := verifiedColumns
		if done {
			set += ", " + healed
		}
		if err := accept(tx, c); err != nil {
			return err
		}
		return move(tx, r, manifest.StepVerified, set, verifiedValues(c, at)...)
	})
}

// What it means that a copy is verified, in a step of its own and as part of
// purging; and that what has failed before has now been done.
const (
	verifiedColumns = "audio = $6, sidecar = $7, transcript = $8, archived_at = CASE archived_at WHEN 0 THEN $9 ELSE archived_at END, refuted = refuted AND NOT $10"
	healed          = "code = '', reason = '', permanent = false, attempts = 0, acknowledged = '', acknowledging = '', acknowledging_code = ''"
)

func verifiedValues(c manifest.Copy, at time.Time, more ...any) []any {
	return append([]any{objectOf(c.Audio), objectOf(c.Sidecar), objectOf(c.Transcript), millis(at), c.ProvenByReading()}, more...)
}

// Relist forgets a copy that turned out to be missing, damaged or another's, save
// its transcript, which is looked at by itself. The audio must come from VBC again.
// What was found wrong of it is remembered, as by Refuse.
func (m *Manifest) Relist(ctx context.Context, r vbc.Recording, wrong ...manifest.Refused) error {
	return m.do(ctx, func(tx *txn) error {
		if err := refuse(tx, wrong); err != nil {
			return err
		}
		return move(tx, r, manifest.StepRelist, "audio = NULL, sidecar = NULL, archived_at = 0, unvouched = false")
	})
}

// Purging writes down the receipt's intent. Only when it has returned nil may
// the DELETE be sent. It is a *HeldError if the recording is under a hold at
// that very moment, a *SuspectError if its copy may be another one's audio, a
// *RefutedError if it was found wrong and the caller doesn't know that, and then
// nothing is written.
func (m *Manifest) Purging(ctx context.Context, r vbc.Recording, c manifest.Copy, intent receipt.Entry, refuted bool) error {
	return m.do(ctx, func(tx *txn) error {
		if _, err := deletable(tx, r, refuted); err != nil {
			return err
		}
		if err := addEntry(tx, intent); err != nil {
			return err
		}
		if err := accept(tx, c); err != nil {
			return err
		}
		err := moveWhere(tx, r, manifest.StepPurging, fmt.Sprint(" AND alike <> ", int(manifest.Suspect)), verifiedColumns, verifiedValues(c, intent.Verified)...)
		if _, ok := errors.AsType[*manifest.StateError](err); ok && isSuspect(tx, r) {
			return &manifest.SuspectError{Recording: r}
		}
		return err
	})
}

// Purged writes down that the recording is no longer at VBC.
func (m *Manifest) Purged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.noting(ctx, r, manifest.StepPurged, outcome, "reappeared = false, "+healed)
}

// Withdrawn writes down that a DELETE, whose intent is on disk, was not sent. It is
// not for recordings of which an earlier one may have been: what became of that
// is an open question.
func (m *Manifest) Withdrawn(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.noting(ctx, r, manifest.StepWithdrawn, outcome, "")
}

// NotPurged writes down that a recording whose purge was begun is still at VBC.
func (m *Manifest) NotPurged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.noting(ctx, r, manifest.StepNotPurged, outcome, "")
}

// noting takes a step with a receipt.
func (m *Manifest) noting(ctx context.Context, r vbc.Recording, step manifest.Step, e receipt.Entry, set string) error {
	return m.do(ctx, func(tx *txn) error {
		if err := addEntry(tx, e); err != nil {
			return err
		}
		return move(tx, r, step, set)
	})
}

// Found writes down that a copy has been found in the store, and proven, of a
// recording that VBC has no more: another manifest, or a later state of this
// one, has archived it.
func (m *Manifest) Found(ctx context.Context, r vbc.Recording, c manifest.Copy, outcome receipt.Entry) error {
	return m.do(ctx, func(tx *txn) error {
		if err := accept(tx, c); err != nil {
			return err
		}
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, manifest.StepFound, verifiedColumns+", stored_at = $11, reappeared = false, unvouched = true, "+healed,
			verifiedValues(c, outcome.Verified, millis(c.StoredAt))...)
	})
}

// Failed writes down that run could not do the recording: the Code, Reason and
// Permanent of f. One whose purge was begun stays in the state purging: whether
// VBC still has it is an open question, and not to be forgotten. What was
// acknowledged when failures had no codes goes by the code from now on, if it
// still fails for that reason.
func (m *Manifest) Failed(ctx context.Context, r vbc.Recording, run int64, f manifest.Failure) error {
	return m.do(ctx, func(tx *txn) error {
		return move(tx, r, manifest.StepFailed, failedColumns, Storable(f.Code), Storable(f.Reason), f.Permanent, millis(time.Now()), run)
	})
}

const failedColumns = `acknowledging_code = CASE WHEN acknowledged <> '' AND acknowledging_code = '' AND acknowledging = $7 THEN $6 ELSE acknowledging_code END,
	code = $6, reason = $7, permanent = $8, attempts = attempts + 1, failed_at = $9, failed_run = $10`

// Gone writes down that VBC has the recording no more, and that there is no copy.
func (m *Manifest) Gone(ctx context.Context, r vbc.Recording) error {
	return m.do(ctx, func(tx *txn) error {
		return move(tx, r, manifest.StepGone, "audio = NULL, sidecar = NULL, transcript = NULL")
	})
}

// move takes one step of the state machine, together with other columns, "" for
// none. Their values begin with $6.
func move(tx *txn, r vbc.Recording, step manifest.Step, set string, values ...any) error {
	return moveWhere(tx, r, step, "", set, values...)
}

// moveWhere is move under one more condition.
func moveWhere(tx *txn, r vbc.Recording, step manifest.Step, condition, set string, values ...any) error {
	to := "'" + string(step.To()) + "'"
	if stays := step.Stays(); len(stays) > 0 {
		to = "CASE WHEN state IN " + inText(stays) + " THEN state ELSE " + to + " END"
	}
	if set != "" {
		set = ", " + set
	}
	n, err := tx.Exec("UPDATE vbcvault.recording SET state = "+to+set+" WHERE "+thisRow+" AND state IN "+inText(step.From())+condition, keyOf(r, values...)...)
	if err != nil {
		return writeError(err)
	}
	if n != 1 {
		return &manifest.StateError{Recording: r, To: step.To()}
	}
	return nil
}
