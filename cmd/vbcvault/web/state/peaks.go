package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// peaksSchema has what was reckoned of audio, so that it is read once: audio is the
// SHA-256 of a recording's bytes, form says how it was reckoned, millis is how long it
// lasts, levels are at most a thousand bytes, none if nothing can be drawn of its format,
// and at is when, in milliseconds.
const peaksSchema = `
CREATE TABLE peaks (audio TEXT PRIMARY KEY, form INTEGER NOT NULL, millis INTEGER NOT NULL, levels BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX peaks_at ON peaks (at);`

const (
	peaksLast = 30 * 24 * time.Hour // nothing of a recording that was erased is known for longer
	mostPeaks = 50_000              // of them, a thousand bytes each
)

// Peaks are those that were kept of a recording's bytes within the last 30 days, by how
// they were reckoned; ok is false if there are none.
func (d *DB) Peaks(ctx context.Context, audio string, form int, now time.Time) (length time.Duration, levels []byte, ok bool, err error) {
	var millis int64
	err = d.db.QueryRowContext(ctx, "SELECT millis, levels FROM peaks WHERE audio = ? AND form = ? AND at > ?", audio, form, now.Add(-peaksLast).UnixMilli()).Scan(&millis, &levels)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, fmt.Errorf("read peaks: %w", err)
	}
	return time.Duration(millis) * time.Millisecond, levels, true, nil
}

// KeepPeaks keeps them, and forgets those that are old, or too many.
func (d *DB) KeepPeaks(ctx context.Context, audio string, form int, length time.Duration, levels []byte, now time.Time) error {
	if levels == nil {
		levels = []byte{}
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write peaks: %w", err)
	}
	defer tx.Rollback()
	for _, change := range []struct {
		text string
		args []any
	}{
		{"INSERT OR REPLACE INTO peaks (audio, form, millis, levels, at) VALUES (?, ?, ?, ?, ?)", []any{audio, form, length.Milliseconds(), levels, now.UnixMilli()}},
		{"DELETE FROM peaks WHERE at <= ?", []any{now.Add(-peaksLast).UnixMilli()}},
		{"DELETE FROM peaks WHERE at < (SELECT at FROM peaks ORDER BY at DESC LIMIT 1 OFFSET ?)", []any{mostPeaks}},
	} {
		if _, err := tx.ExecContext(ctx, change.text, change.args...); err != nil {
			return fmt.Errorf("write peaks: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write peaks: %w", err)
	}
	return nil
}

// ForgetPeaks forgets those of a recording's bytes.
func (d *DB) ForgetPeaks(ctx context.Context, audio string) error {
	if _, err := d.db.ExecContext(ctx, "DELETE FROM peaks WHERE audio = ?", audio); err != nil {
		return fmt.Errorf("write peaks: %w", err)
	}
	return nil
}
