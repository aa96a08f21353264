package state

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// playsSchema has who is hearing what: a player asks for a recording in many pieces, and
// all of them are one listening. viewer is a digest of the sign-in, recording names one
// in its account, play is what the listening log knows it by, began and last are
// milliseconds, and written says that the log has it.
const playsSchema = `
CREATE TABLE play (
	viewer TEXT NOT NULL, recording TEXT NOT NULL, play TEXT NOT NULL, began INTEGER NOT NULL, last INTEGER NOT NULL,
	written INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (viewer, recording)) STRICT, WITHOUT ROWID;
CREATE INDEX play_last ON play (last);`

const (
	playLasts  = time.Hour        // after the last request
	playLonger = 12 * time.Hour   // in all
	playNoted  = 30 * time.Second // how exactly the last request is written down
)

// Play is somebody's hearing a recording, from the first request of a player until an
// hour after the last.
type Play struct {
	ID      string // random: what the listening log knows it by
	Written bool   // the log has it
}

// Play returns the play of a recording by somebody that is going on now, or begins one.
// Another sign-in, or another recording, is another play.
func (d *DB) Play(ctx context.Context, viewer, recording string, now time.Time) (p Play, err error) {
	at := now.UnixMilli()
	var began, last int64
	err = d.db.QueryRowContext(ctx, "SELECT play, began, last, written FROM play WHERE viewer = ? AND recording = ?", viewer, recording).Scan(&p.ID, &began, &last, &p.Written)
	fits := func() bool {
		return last <= at+playLasts.Milliseconds() && at-last < playLasts.Milliseconds() && at-began < playLonger.Milliseconds()
	}
	switch {
	case err == nil && fits() && at-last < playNoted.Milliseconds():
		return p, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return Play{}, fmt.Errorf("read plays: %w", err)
	}
	tx, err := d.db.BeginTx(ctx, nil) // immediate: two first requests at once make one play
	if err != nil {
		return Play{}, fmt.Errorf("write plays: %w", err)
	}
	defer tx.Rollback()
	p, began, last = Play{}, 0, 0
	err = tx.QueryRowContext(ctx, "SELECT play, began, last, written FROM play WHERE viewer = ? AND recording = ?", viewer, recording).Scan(&p.ID, &began, &last, &p.Written)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Play{}, fmt.Errorf("read plays: %w", err)
	}
	if err != nil || !fits() {
		p, began = Play{ID: rand.Text()}, at
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM play WHERE last < ?", at-playLasts.Milliseconds())
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO play (viewer, recording, play, began, last, written) VALUES (?, ?, ?, ?, ?, ?)",
			viewer, recording, p.ID, began, at, p.Written)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return Play{}, fmt.Errorf("write plays: %w", err)
	}
	return p, nil
}

// PlayWritten writes down that the listening log has a play.
func (d *DB) PlayWritten(ctx context.Context, p Play) error {
	if _, err := d.db.ExecContext(ctx, "UPDATE play SET written = 1 WHERE play = ?", p.ID); err != nil {
		return fmt.Errorf("write plays: %w", err)
	}
	return nil
}
