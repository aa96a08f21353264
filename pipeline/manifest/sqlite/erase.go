package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Erasing writes down that a recording is about to be erased from the archive.
// Only when it has returned nil may that be begun. It is a *HeldError if the
// recording is under a hold at that very moment, and then nothing is written.
func (m *Manifest) Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := unheld(tx, r); err != nil {
			return err
		}
		if err := addEntry(tx, begun); err != nil {
			return err
		}
		return move(tx, r, manifest.StepErasing, erasingColumns+copyColumns, manifest.EncodeObject(*begun.Audio), manifest.EncodeObject(*begun.Sidecar))
	})
}

// ErasingFound is Erasing for what lies in the archive and has no row: it gets one.
func (m *Manifest) ErasingFound(ctx context.Context, row *manifest.Row, begun receipt.Entry) error {
	found := row.Recording // before it gets its Nth
	return m.do(ctx, func(tx txn) error {
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
func insertErasing(tx txn, row *manifest.Row) error {
	err := tx.QueryRow("SELECT coalesce(max(nth) + 1, 0) FROM recording WHERE kind = ? AND owner = ? AND id = ?", row.Kind, row.Owner, row.ID).Scan(&row.Nth)
	if err == nil {
		_, err = tx.Exec(`INSERT INTO recording (kind, owner, id, nth, start, size, raw, odd, state, audio, sidecar, transcript, stored_at, displaced)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, -1)`, row.Kind, row.Owner, row.ID, row.Nth, row.Start.UnixMilli(), row.Size, string(row.Raw),
			legible(row.Recording), manifest.Erasing, manifest.EncodeObject(row.Copy.Audio), manifest.EncodeObject(row.Copy.Sidecar), manifest.EncodeObject(row.Copy.Transcript), millis(row.Copy.StoredAt))
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
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, done); err != nil {
			return err
		}
		if err := forgetAround(tx, r); err != nil {
			return err
		}
		return move(tx, r, manifest.StepErased, erasedColumns)
	})
}

// What it means that a recording is being erased, and that it is: of VBC's JSON
// nothing about a call is left.
const (
	erasingColumns = "archived_at = 0, damaged = ''"
	// What never had a copy has the place where the entries say that it would be.
	copyColumns   = ", audio = iif(audio = '', ?, audio), sidecar = iif(sidecar = '', ?, sidecar)"
	erasedColumns = erasingColumns + ", reappeared = 0, " + healed + `, odd = 0, said = '', raw = json_object('id', id, 'start', strftime('%Y-%m-%dT%H:%M:%S', start / 1000, 'unixepoch') ||
		iif(start % 1000, printf('.%03d', start % 1000), '') || '+0000', 'file_size_in_bytes', size)`
)

// Scrub writes the manifest anew, so that nothing is left on disk of rows as
// they once were: SQLite leaves copies behind where rows move. It takes as long,
// and as much room, as copying it. Nothing else may use the manifest meanwhile.
func (m *Manifest) Scrub(ctx context.Context) error {
	db, err := sql.Open("sqlite", dsn(m.path, "rw", waitBusy))
	if err != nil {
		return writeError(err)
	}
	db.SetMaxOpenConns(1)
	for _, step := range []string{"PRAGMA temp_store = FILE", forgetWords, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} { // memory may not have the room
		if err == nil {
			_, err = db.ExecContext(ctx, step)
		}
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return writeError(fmt.Errorf("overwrite what was removed: %w", err))
	}
	return nil
}

// takeOverErasure applies what the chain says of an erasure to a manifest that
// was restored from before it: what was erased is not missing.
func takeOverErasure(tx txn, e receipt.Entry) error {
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
	done, err := tx.Exec("UPDATE recording SET state = ?, "+set+copyColumns+` WHERE kind = ? AND owner = ? AND id = ? AND
		(audio <> '' AND audio ->> '$.key' = ? OR start / 1000 = ? AND (audio = '' OR audio ->> '$.size' = ?))`,
		state, manifest.EncodeObject(*e.Audio), manifest.EncodeObject(*e.Sidecar), e.Kind, e.Owner, e.ID, e.Audio.Key, second(e.Start), e.Audio.Size)
	if err != nil {
		return writeError(err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 || e.Start.IsZero() || state != manifest.Erasing {
		return err
	}
	// It isn't known at all, and has to be, so that it isn't archived again.
	row := manifest.Row{Recording: vbc.ParseRecording(e.Kind, e.Owner, manifest.Bare(e.ID, e.Start, e.Audio.Size))}
	row.Copy.Audio, row.Copy.Sidecar = *e.Audio, *e.Sidecar
	if e.Transcript != nil {
		row.Copy.Transcript = *e.Transcript
	}
	return insertErasing(tx, &row)
}
