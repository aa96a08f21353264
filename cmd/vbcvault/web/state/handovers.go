package state

import (
	"context"
	"time"
)

// handovers are the recordings of hand-overs that somebody has got by one sign-in: the
// listening log has that once for each, however often a transfer goes on.
const handovers = `
CREATE TABLE handed (
	handover TEXT NOT NULL,
	session  TEXT NOT NULL,
	item     INTEGER NOT NULL,
	at       INTEGER NOT NULL, -- ms since 1970
	PRIMARY KEY (handover, session, item)
) WITHOUT ROWID;
`

// Handed reports whether the listening log has it already that a recording of a hand-over
// was sent to a sign-in.
func (d *DB) Handed(ctx context.Context, handover, session string, item int) (is bool, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM handed WHERE handover = ? AND session = ? AND item = ?)",
		handover, session, item).Scan(&is)
	return is, err
}

// NoteHanded writes down that the listening log has it.
func (d *DB) NoteHanded(ctx context.Context, handover, session string, item int, at time.Time) error {
	_, err := d.db.ExecContext(ctx, "INSERT INTO handed VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", handover, session, item, at.UnixMilli())
	return err
}

// ForgetHanded forgets what is older.
func (d *DB) ForgetHanded(ctx context.Context, before time.Time) error {
	_, err := d.db.ExecContext(ctx, "DELETE FROM handed WHERE at < ?", before.UnixMilli())
	return err
}
