package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// from says which states may come before a state. Anything else is a bug of
// the program, and refused.
var from = map[State][]State{
	Listed:   {Listed, Stored, Verified, Purging, Failed},
	Stored:   {Listed, Stored, Failed},
	Verified: {Stored, Verified, Purging, Failed},
	Purging:  {Stored, Verified, Purging, Failed},
	Purged:   {Purging},
	Failed:   {Listed, Stored, Verified, Purging, Failed},
	Gone:     {Listed, Failed},
	Erasing:  {Purged, Erasing},
	Erased:   {Erasing},
}

// thisRow is the condition for the row of just one recording.
const thisRow = "kind = ? AND owner = ? AND id = ? AND nth = ?"

// StateError says that a recording is not in a state from which the step is allowed.
type StateError struct {
	Recording vbc.Recording
	To        State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("manifest: %s can't become %q from its present state", e.Recording, e.To)
}

// Transcribed adds an intended transcript to a copy, before it becomes visible
// in the store. The copy as a whole is to be verified again. A recording whose
// purge was begun stays in the state purging.
func (m *Manifest) Transcribed(ctx context.Context, r vbc.Recording, transcript storage.Object) error {
	return m.do(ctx, func(tx txn) error {
		err := moveFrom(tx, r, []State{Stored, Verified, Failed}, Stored, "transcript = ?", encodeObject(transcript))
		if _, ok := errors.AsType[*StateError](err); ok {
			return moveFrom(tx, r, []State{Purging}, Purging, "transcript = ?", encodeObject(transcript))
		}
		return err
	})
}

// Verified writes down that the store has confirmed the copy at the time at.
// done says that this was all there was to do, and earlier failures are over.
func (m *Manifest) Verified(ctx context.Context, r vbc.Recording, c Copy, at time.Time, done bool) error {
	return m.do(ctx, func(tx txn) error {
		set := verifiedColumns
		if done {
			set += ", " + healed
		}
		if err := accept(tx, c); err != nil {
			return err
		}
		return move(tx, r, Verified, set, verifiedValues(c, at)...)
	})
}

// What it means that a copy is verified, in a step of its own and as part of
// purging; and that what has failed before has now been done.
const (
	verifiedColumns = "audio = ?, sidecar = ?, transcript = ?, archived_at = CASE archived_at WHEN 0 THEN ? ELSE archived_at END, refuted = refuted AND NOT ?"
	healed          = "reason = '', permanent = 0, attempts = 0, acknowledged = '', acknowledging = ''"
)

func verifiedValues(c Copy, at time.Time) []any {
	return []any{encodeObject(c.Audio), encodeObject(c.Sidecar), encodeObject(c.Transcript), millis(at), c.read()}
}

// Doubt writes down that a copy isn't what it should be, while VBC may still
// have the recording: the next run reads it, and archives the recording anew if
// it is still wrong. Until then nothing that the store remembers of it counts.
func (m *Manifest) Doubt(ctx context.Context, r vbc.Recording) error {
	return m.do(ctx, func(tx txn) error {
		_, err := tx.Exec("UPDATE recording SET refuted = 1, state = CASE state WHEN 'verified' THEN 'stored' ELSE state END WHERE "+thisRow,
			r.Kind, r.Owner, r.ID, r.Nth)
		if err != nil {
			return &WriteError{err}
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
	return m.exec(ctx, "UPDATE recording SET acknowledged = ?, acknowledging = reason WHERE "+thisRow, why, r.Kind, r.Owner, r.ID, r.Nth)
}

// Relist forgets a copy that turned out to be missing, damaged or another's, save
// its transcript, which is looked at by itself. The audio must come from VBC again.
// What was found wrong of it is remembered, as by Refuse.
func (m *Manifest) Relist(ctx context.Context, r vbc.Recording, wrong ...Refused) error {
	return m.do(ctx, func(tx txn) error {
		if err := refuse(tx, wrong); err != nil {
			return err
		}
		return move(tx, r, Listed, "audio = '', sidecar = '', archived_at = 0")
	})
}

// Purging writes down the receipt's intent. Only when it has returned nil may
// the DELETE be sent. It is a *HeldError if the recording is under a hold at
// that very moment, a *SuspectError if its copy may be another one's audio, and
// then nothing is written.
func (m *Manifest) Purging(ctx context.Context, r vbc.Recording, c Copy, intent receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := unheld(tx, r); err != nil {
			return err
		}
		if err := addEntry(tx, intent); err != nil {
			return err
		}
		if err := accept(tx, c); err != nil {
			return err
		}
		err := moveWhere(tx, r, from[Purging], Purging, fmt.Sprint(" AND alike <> ", int(Suspect)), verifiedColumns, verifiedValues(c, intent.Verified)...)
		if _, ok := errors.AsType[*StateError](err); ok && isSuspect(tx, r) {
			return &SuspectError{Recording: r}
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
		return move(tx, r, Purged, "reappeared = 0, "+healed)
	})
}

// Found writes down that a copy has been found in the store, and proven, of a
// recording that VBC has no more: another manifest, or a later state of this
// one, has archived it.
func (m *Manifest) Found(ctx context.Context, r vbc.Recording, c Copy, outcome receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := accept(tx, c); err != nil {
			return err
		}
		if err := move(tx, r, Stored, "stored_at = ?", millis(c.StoredAt)); err != nil {
			return err
		}
		if err := move(tx, r, Verified, verifiedColumns, verifiedValues(c, outcome.Verified)...); err != nil {
			return err
		}
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return moveFrom(tx, r, []State{Verified}, Purged, "reappeared = 0, "+healed)
	})
}

// StillListed finds, among recordings that a listing of run shows, those that
// this manifest holds for purged, and takes that back: VBC has them still.
func (m *Manifest) StillListed(ctx context.Context, run int64, recordings []vbc.Recording) (still []vbc.Recording, err error) {
	err = m.do(ctx, func(tx txn) error {
		for _, r := range recordings {
			s, err := look(tx, 0, r)
			if err != nil {
				return &WriteError{err}
			}
			if s.is != Reappeared {
				continue
			}
			r.Nth = s.nth
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
		return moveFrom(tx, r, []State{Purging}, Verified, "reappeared = reappeared")
	})
}

// NotPurged writes down that a recording whose purge was begun is still at VBC.
func (m *Manifest) NotPurged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, outcome); err != nil {
			return err
		}
		return move(tx, r, Verified, "reappeared = reappeared")
	})
}

// Failed writes down that run could not do the recording. One whose purge was
// begun stays in the state purging: whether VBC still has it is an open
// question, and not to be forgotten.
func (m *Manifest) Failed(ctx context.Context, r vbc.Recording, run int64, reason string, permanent bool) error {
	return m.do(ctx, func(tx txn) error {
		return move(tx, r, Failed, "state = CASE state WHEN 'purging' THEN state ELSE 'failed' END, reason = ?, permanent = ?, attempts = attempts + 1, failed_at = ?, failed_run = ?",
			reason, permanent, millis(time.Now()), run)
	})
}

// Gone writes down that VBC has the recording no more, and that there is no copy.
func (m *Manifest) Gone(ctx context.Context, r vbc.Recording) error {
	return m.do(ctx, func(tx txn) error { return move(tx, r, Gone, "audio = '', sidecar = '', transcript = ''") })
}

// move takes one step of the state machine, together with other columns.
func move(tx txn, r vbc.Recording, to State, set string, values ...any) error {
	return moveFrom(tx, r, from[to], to, set, values...)
}

// moveFrom is move for the rare steps that not every caller may take.
func moveFrom(tx txn, r vbc.Recording, before []State, to State, set string, values ...any) error {
	return moveWhere(tx, r, before, to, "", set, values...)
}

// moveWhere is moveFrom under one more condition.
func moveWhere(tx txn, r vbc.Recording, before []State, to State, condition, set string, values ...any) error {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(before)), ",")
	args := append(slices.Clone(values), r.Kind, r.Owner, r.ID, r.Nth)
	for _, s := range before {
		args = append(args, s)
	}
	if to != Failed {
		set = "state = '" + string(to) + "', " + set
	}
	res, err := tx.Exec("UPDATE recording SET "+set+" WHERE "+thisRow+" AND state IN ("+marks+")"+condition, args...)
	if err != nil {
		return &WriteError{err}
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return &StateError{Recording: r, To: to}
	}
	return nil
}

// Unfinished reports whether there may be work left in a state.
func (s State) Unfinished() bool { return !slices.Contains([]State{Purged, Gone}, s) }
