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
		return move(tx, r, manifest.StepErasing, erasingColumns)
	})
}

// Erased writes down that nothing of a recording is in the archive any more.
// The row keeps its id, its start, and sizes and digests of what was there.
// What VBC said of the call is on disk until Scrub.
func (m *Manifest) Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		if err := addEntry(tx, done); err != nil {
			return err
		}
		// What is known of exports has digests of file names, which have numbers in them.
		if _, err := tx.Exec("DELETE FROM export WHERE since <= ? AND until > ?", r.Start.UnixMilli(), r.Start.UnixMilli()); err != nil {
			return writeError(err)
		}
		// Runs and listings that were narrowed to a caller say to which; earlier
		// versions wrote it out. What is listed once more costs a few requests.
		for _, text := range []string{"DELETE FROM listing WHERE filter <> ''", "DELETE FROM export WHERE filter <> ''",
			"UPDATE run SET options = json_remove(options, '$.Filter') WHERE json_valid(options) AND json_type(options, '$.Filter') IS NOT NULL",
			"UPDATE run SET options = json_set(options, '$.filter', '" + filterErased + "') WHERE json_valid(options) AND json_type(options, '$.filter') IS NOT NULL"} {
			if _, err := tx.Exec(text); err != nil {
				return writeError(err)
			}
		}
		return move(tx, r, manifest.StepErased, erasedColumns)
	})
}

// filterErased is in place of a run's filter from an erasure on: that there was one
// is left.
const filterErased = "erased"

// What it means that a recording is being erased, and that it is: of VBC's JSON
// nothing about a call is left.
const (
	erasingColumns = "archived_at = 0, damaged = ''"
	erasedColumns  = erasingColumns + ", reappeared = 0, said = '', " + healed + `, odd = 0, raw = json_object('id', id, 'start', strftime('%Y-%m-%dT%H:%M:%S', start / 1000, 'unixepoch') ||
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
	for _, step := range []string{"PRAGMA temp_store = FILE", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} { // memory may not have the room
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
	_, err := tx.Exec("UPDATE recording SET state = ?, "+set+" WHERE kind = ? AND owner = ? AND id = ? AND json_extract(iif(audio = '', '{}', audio), '$.key') = ?",
		state, e.Kind, e.Owner, e.ID, e.Audio.Key)
	if err != nil {
		return writeError(err)
	}
	return nil
}
