package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Erasing writes down that a recording is about to be erased from the archive.
// Only when it has returned nil may that be begun. It is a *HeldError if the
// recording is under a hold at that very moment, and then nothing is written.
func (m *Manifest) Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error {
	return m.do(ctx, func(tx *txn) error {
		if err := unheld(tx, r); err != nil {
			return err
		}
		if err := addEntry(tx, begun); err != nil {
			return err
		}
		return move(tx, r, manifest.StepErasing, erasingColumns+copyColumns, objectOf(*begun.Audio), objectOf(*begun.Sidecar))
	})
}

// ErasingFound is Erasing for what lies in the archive and has no row: it gets one.
func (m *Manifest) ErasingFound(ctx context.Context, row *manifest.Row, begun receipt.Entry) error {
	found := row.Recording
	return m.do(ctx, func(tx *txn) error {
		if err := unheld(tx, found); err != nil {
			return err
		}
		if err := addEntry(tx, begun); err != nil {
			return err
		}
		return insertErasing(tx, row)
	})
}

// insertErasing adds a row behind those that its id has had. VBC has it no more under
// that id, as far as anybody knows, so it counts as displaced.
func insertErasing(tx *txn, row *manifest.Row) error {
	err := tx.QueryRow("SELECT coalesce(max(nth) + 1, 0) FROM vbcvault.recording WHERE account = $1 AND kind = $2 AND owner = $3 AND id = $4", row.Kind, row.Owner, row.ID).Scan(&row.Nth)
	if err == nil {
		begun := manifest.Row{Recording: row.Recording, State: manifest.Erasing, Copy: row.Copy}
		begun.Copy.ArchivedAt = time.Time{}
		var w rowsToWrite
		w.add(begun, -1)
		err = insertRows(tx, &w)
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// Erased writes down that nothing of a recording is in the archive any more.
// The row keeps its id, its start, and sizes and digests of what was there.
// What VBC said of the call is on disk until Scrub.
func (m *Manifest) Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error {
	return m.do(ctx, func(tx *txn) error {
		if err := addEntry(tx, done); err != nil {
			return err
		}
		if err := forgetAround(tx, r); err != nil {
			return err
		}
		if err := move(tx, r, manifest.StepErased, erasedColumns); err != nil {
			return err
		}
		return forgetCalls(tx, []vbc.Recording{r})
	})
}

// What it means that a recording is being erased, and that it is: of VBC's JSON
// nothing about a call is left, see forgetCalls.
const (
	erasingColumns = "archived_at = 0, damaged = ''"
	// What never had a copy has the place where the entries say that it would be.
	copyColumns   = ", audio = coalesce(audio, $6), sidecar = coalesce(sidecar, $7)"
	erasedColumns = erasingColumns + ", reappeared = false, " + healed + ", said = ''"
)

// forgetCalls leaves no more of what VBC has said of recordings than erased rows keep.
func forgetCalls(tx *txn, recordings []vbc.Recording) error {
	all := keysOf(recordings)
	type kept struct {
		vbc.Recording
		start, size int64
	}
	rows, err := collect(tx, func(row pgx.CollectableRow) (k kept, err error) {
		return k, row.Scan(&k.Kind, &k.Owner, &k.ID, &k.Nth, &k.start, &k.size)
	}, "SELECT r.kind, r.owner, r.id, r.nth, r.start, r.size FROM vbcvault.recording r, "+theseKeys+" WHERE "+theseRows, all.values()...)
	if err != nil {
		return writeError(err)
	}
	var w rewriting
	for _, k := range rows {
		at := vbc.ParseRecording(k.Kind, k.Owner, manifest.Erasure(k.ID, k.start, k.size))
		at.Nth = k.Nth
		w.add(at, nil)
	}
	if err := w.write(tx, ""); err != nil {
		return writeError(err)
	}
	return nil
}

// takeOverErasure applies what the chain says of an erasure to a manifest that
// was restored from before it: what was erased is not missing.
func takeOverErasure(tx *txn, e receipt.Entry) error {
	state, set := manifest.Erasing, erasingColumns
	switch e.Type {
	case receipt.Erasing:
	case receipt.Erased:
		state, set = manifest.Erased, erasedColumns
	default:
		return nil
	}
	// By its copy, or, where the manifest knows of none or of another one, by what an
	// archive tells recordings apart by.
	done, err := collect(tx, scanRecording, "UPDATE vbcvault.recording SET state = $5, "+set+copyColumns+` WHERE account = $1 AND kind = $2 AND owner = $3 AND id = $4 AND
		(audio ->> 'key' = $8 OR start / 1000 = $9 AND (audio IS NULL OR (audio ->> 'size')::bigint = $10)) RETURNING kind, owner, id, nth, raw`,
		e.Kind, e.Owner, e.ID, string(state), objectOf(*e.Audio), objectOf(*e.Sidecar), Storable(e.Audio.Key), second(e.Start), e.Audio.Size)
	switch {
	case err != nil:
		return writeError(err)
	case len(done) > 0 && state == manifest.Erased:
		return forgetCalls(tx, done)
	case len(done) > 0 || e.Start.IsZero() || state != manifest.Erasing:
		return nil
	}
	// It isn't known at all, and has to be, so that it isn't archived again.
	row := manifest.Row{Recording: vbc.ParseRecording(e.Kind, e.Owner, manifest.Bare(e.ID, e.Start, e.Audio.Size))}
	row.Copy.Audio, row.Copy.Sidecar = *e.Audio, *e.Sidecar
	if e.Transcript != nil {
		row.Copy.Transcript = *e.Transcript
	}
	return insertErasing(tx, &row)
}
