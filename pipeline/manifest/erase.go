package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Erasing writes down that a recording is about to be erased from the archive.
// Only when it has returned nil may that be begun. It is a *HeldError if the
// recording is under a hold at that very moment, and then nothing is written.
func (m *Manifest) Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error {
	return m.do(ctx, func(tx txn) error {
		holds, err := active(tx)
		if err != nil {
			return err
		}
		if h, held := Covering(holds, r); held {
			return &HeldError{Recording: r, Number: h.Number}
		}
		if err := addEntry(tx, begun); err != nil {
			return err
		}
		return move(tx, r, Erasing, "archived_at = 0, damaged = ''")
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
		return move(tx, r, Erased, "raw = ?, reappeared = 0, "+healed, bare(r.ID, r.Start, r.Size))
	})
}

// Scrub writes the manifest anew, so that nothing is left on disk of rows as
// they once were: SQLite leaves copies behind where rows move. It takes as long,
// and as much room, as copying it. Nothing else may use the manifest meanwhile.
func (m *Manifest) Scrub(ctx context.Context) error {
	db, err := sql.Open("sqlite", dsn(m.path, "rw", waitBusy))
	if err != nil {
		return &WriteError{err}
	}
	db.SetMaxOpenConns(1)
	for _, step := range []string{"PRAGMA temp_store = FILE", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} { // memory may not have the room
		if err == nil {
			_, err = db.ExecContext(ctx, step)
		}
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return &WriteError{fmt.Errorf("overwrite what was removed: %w", err)}
	}
	return nil
}

// bare is a recording's JSON without anything about a call.
func bare(id int64, start time.Time, size int64) string {
	b, err := json.Marshal(map[string]any{"id": id, "start": vbc.FormatTime(start), "file_size_in_bytes": size})
	if err != nil {
		panic(err) // numbers and a time: can't fail
	}
	return string(b)
}

// takeOverErasure applies what the chain says of an erasure to a manifest that
// was restored from before it: what was erased is not missing.
func takeOverErasure(tx txn, e receipt.Entry) error {
	if e.Type != receipt.Erasing && e.Type != receipt.Erased {
		return nil
	}
	var start, size int64
	const which = " WHERE kind = ? AND owner = ? AND id = ? AND json_extract(iif(audio = '', '{}', audio), '$.key') = ?"
	args := []any{e.Kind, e.Owner, e.ID, e.Audio.Key}
	err := tx.QueryRow("SELECT coalesce(max(start), 0), coalesce(max(size), -1) FROM recording"+which, args...).Scan(&start, &size)
	if err != nil {
		return &WriteError{err}
	}
	set, values := "state = ?, archived_at = 0, damaged = ''", []any{Erasing}
	if e.Type == receipt.Erased {
		set, values = set+", raw = ?, reappeared = 0, "+healed, []any{Erased, bare(e.ID, fromMillis(start), size)}
	}
	if _, err := tx.Exec("UPDATE recording SET "+set+which, append(values, args...)...); err != nil {
		return &WriteError{err}
	}
	return nil
}
