package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// thisRow is the condition for the row of just one recording.
const thisRow = "kind = ? AND owner = ? AND id = ? AND nth = ?"

// Transcribed adds an intended transcript to a copy, before it becomes visible
// in the store. The copy as a whole is to be verified again. A recording whose
// purge was begun stays in the state purging.
func (m *Manifest) Transcribed(ctx context.Context, r vbc.Recording, transcript storage.Object) error {
	return m.do(ctx, func(tx txn) error {
		return move(tx, r, manifest.StepTranscribed, "transcript = ?", manifest.EncodeObject(transcript))
	})
}

// Verified writes down that the store has confirmed the copy at the time at.
// done says that this was all there was to do, and earlier failures are over.
func (m *Manifest) Verified(ctx context.Context, r vbc.Recording, c manifest.Copy, at time.Time, done bool) error {
	return m.do(ctx, func(tx txn) error {
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
	verifiedColumns = "audio = ?, sidecar = ?, transcript = ?, archived_at = CASE archived_at WHEN 0 THEN ? ELSE archived_at END, refuted = refuted AND NOT ?"
	healed          = "code = '', reason = '', permanent = 0, attempts = 0, acknowledged = '', acknowledging = '', acknowledging_code = ''"
)

func verifiedValues(c manifest.Copy, at time.Time) []any {
	return []any{manifest.EncodeObject(c.Audio), manifest.EncodeObject(c.Sidecar), manifest.EncodeObject(c.Transcript), millis(at), c.ProvenByReading()}
}

// Doubt writes down that a copy isn't what it should be, while VBC may still
// have the recording: the next run reads it, and archives the recording anew if
// it is still wrong. Until then nothing that the store remembers of it counts.
func (m *Manifest) Doubt(ctx context.Context, r vbc.Recording) error {
	return m.do(ctx, func(tx txn) error {
		_, err := tx.Exec("UPDATE recording SET refuted = 1, state = CASE state WHEN 'verified' THEN 'stored' ELSE state END WHERE "+thisRow,
			r.Kind, r.Owner, r.ID, r.Nth)
		if err != nil {
			return writeError(err)
		}
		return nil
	})
}

// Rewritten writes down that what was read and found wrong has been replaced, in
// this run: what the store remembers counts again.
func (m *Manifest) Rewritten(ctx context.Context, r vbc.Recording) error {
	return m.exec(ctx, "UPDATE recording SET refuted = 0 WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth)
}

// Damaged writes down what is wrong with a copy that VBC can't replace any more;
// "" says that it has been read, and is whole again.
func (m *Manifest) Damaged(ctx context.Context, r vbc.Recording, what string) error {
	return m.exec(ctx, "UPDATE recording SET damaged = ?, refuted = ? WHERE "+thisRow, what, what != "", r.Kind, r.Owner, r.ID, r.Nth)
}

// Acknowledge writes down why somebody takes a recording's last failure for
// granted.
func (m *Manifest) Acknowledge(ctx context.Context, r vbc.Recording, why string) error {
	return m.exec(ctx, "UPDATE recording SET acknowledged = ?, acknowledging = reason, acknowledging_code = code WHERE "+thisRow, why, r.Kind, r.Owner, r.ID, r.Nth)
}

// Relist forgets a copy that turned out to be missing, damaged or another's, save
// its transcript, which is looked at by itself. The audio must come from VBC again.
// What was found wrong of it is remembered, as by Refuse.
func (m *Manifest) Relist(ctx context.Context, r vbc.Recording, wrong ...manifest.Refused) error {
	return m.do(ctx, func(tx txn) error {
		if err := refuse(tx, wrong); err != nil {
			return err
		}
		return move(tx, r, manifest.StepRelist, "audio = '', sidecar = '', archived_at = 0, unvouched = 0")
	})
}

// Purging writes down the receipt's intent. Only when it has returned nil may
// the DELETE be sent. It is a *HeldError if the recording is under a hold at
// that very moment, a *SuspectError if its copy may be another one's audio, a
// *RefutedError if it was found wrong and the caller doesn't know that, and then
// nothing is written.
func (m *Manifest) Purging(ctx context.Context, r vbc.Recording, c manifest.Copy, intent receipt.Entry, refuted bool) error {
	return m.do(ctx, func(tx txn) error {
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
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, manifest.StepPurged, "reappeared = 0, "+healed)
	})
}

// Found writes down that a copy has been found in the store, and proven, of a
// recording that VBC has no more: another manifest, or a later state of this
// one, has archived it.
func (m *Manifest) Found(ctx context.Context, r vbc.Recording, c manifest.Copy, outcome receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := accept(tx, c); err != nil {
			return err
		}
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, manifest.StepFound, "stored_at = ?, "+verifiedColumns+", reappeared = 0, unvouched = 1, "+healed,
			append([]any{millis(c.StoredAt)}, verifiedValues(c, outcome.Verified)...)...)
	})
}

// StillListed finds, among recordings that a listing of run shows, those that
// this manifest holds for purged, and takes that back: VBC has them still.
func (m *Manifest) StillListed(ctx context.Context, run int64, recordings []vbc.Recording) (still []vbc.Recording, err error) {
	err = m.do(ctx, func(tx txn) error {
		still = nil
		for _, r := range recordings {
			s, err := look(tx, 0, r)
			if err != nil {
				return writeError(err)
			}
			if s.Is != manifest.Reappeared {
				continue
			}
			r.Nth = s.Nth
			if err := reappear(tx, run, r); err != nil {
				return err
			}
			still = append(still, r)
		}
		return nil
	})
	return still, err
}

// Withdrawn writes down that a DELETE, whose intent is on disk, was not sent. It is
// not for recordings of which an earlier one may have been: what became of that
// is an open question.
func (m *Manifest) Withdrawn(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, manifest.StepWithdrawn, "")
	})
}

// NotPurged writes down that a recording whose purge was begun is still at VBC.
func (m *Manifest) NotPurged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, manifest.StepNotPurged, "")
	})
}

// Failed writes down that run could not do the recording: the Code, Reason and
// Permanent of f. One whose purge was begun stays in the state purging: whether
// VBC still has it is an open question, and not to be forgotten. What was
// acknowledged when failures had no codes goes by the code from now on, if it
// still fails for that reason.
func (m *Manifest) Failed(ctx context.Context, r vbc.Recording, run int64, f manifest.Failure) error {
	return m.do(ctx, func(tx txn) error {
		return move(tx, r, manifest.StepFailed, failedColumns, f.Reason, f.Code, f.Code, f.Reason, f.Permanent, millis(time.Now()), run)
	})
}

const failedColumns = `acknowledging_code = CASE WHEN acknowledged <> '' AND acknowledging_code = '' AND acknowledging = ? THEN ? ELSE acknowledging_code END,
	code = ?, reason = ?, permanent = ?, attempts = attempts + 1, failed_at = ?, failed_run = ?`

// Gone writes down that VBC has the recording no more, and that there is no copy.
func (m *Manifest) Gone(ctx context.Context, r vbc.Recording) error {
	return m.do(ctx, func(tx txn) error { return move(tx, r, manifest.StepGone, "audio = '', sidecar = '', transcript = ''") })
}

// move takes one step of the state machine, together with other columns, "" for
// none.
func move(tx txn, r vbc.Recording, step manifest.Step, set string, values ...any) error {
	return moveWhere(tx, r, step, "", set, values...)
}

// moveWhere is move under one more condition.
func moveWhere(tx txn, r vbc.Recording, step manifest.Step, condition, set string, values ...any) error {
	to := "'" + string(step.To()) + "'"
	if stays := step.Stays(); len(stays) > 0 {
		to = "CASE WHEN state IN " + inText(stays) + " THEN state ELSE " + to + " END"
	}
	if set != "" {
		set = ", " + set
	}
	args := append(slices.Clone(values), r.Kind, r.Owner, r.ID, r.Nth)
	res, err := tx.Exec("UPDATE recording SET state = "+to+set+" WHERE "+thisRow+" AND state IN "+inText(step.From())+condition, args...)
	if err != nil {
		return writeError(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return &manifest.StateError{Recording: r, To: step.To()}
	}
	return nil
}

// inText is a list of states for SQL.
func inText(states []manifest.State) string {
	var all []string
	for _, s := range states {
		all = append(all, "'"+string(s)+"'")
	}
	return "(" + strings.Join(all, ", ") + ")"
}
