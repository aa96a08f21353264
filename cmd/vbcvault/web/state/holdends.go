package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// holdEnds are requests to end a hold: a second person agrees, or declines.
const holdEnds = `
CREATE TABLE hold_end (
	id         TEXT PRIMARY KEY,
	account    TEXT NOT NULL,    -- number
	hold       TEXT NOT NULL,    -- digest
	reason     TEXT NOT NULL,
	who        TEXT NOT NULL,    -- who asks, by the name that they had
	person     TEXT NOT NULL,    -- and whoever that is, whatever they are called
	at         INTEGER NOT NULL, -- ms since 1970
	expires    INTEGER NOT NULL,
	decision   TEXT NOT NULL,    -- '', agreed or declined
	decided_by TEXT NOT NULL,
	decided_at INTEGER NOT NULL,
	text       BLOB              -- of the end, once it is agreed
) WITHOUT ROWID;
-- One that nobody has decided on yet, for each hold.
CREATE UNIQUE INDEX hold_end_open ON hold_end (account, hold) WHERE decision = '';
`

// HoldEnd is a request to end a hold.
type HoldEnd struct {
	ID, Account, Hold, Reason, Who string
	Person                         string // the id of who asks: names change
	At, Expires                    time.Time
	Decision                       Decision
	DecidedBy                      string
	DecidedAt                      time.Time
	Text                           []byte // of the end, once it is agreed
}

// Decision is what a second person has said.
type Decision string

const (
	Undecided Decision = ""
	Agreed    Decision = "agreed"
	Declined  Decision = "declined"
)

var (
	// ErrAsked says that somebody has asked for the same already.
	ErrAsked = errors.New("somebody has asked for this already")
	// ErrDecided says that there is no such request that is still to be decided on.
	ErrDecided = errors.New("there is no such request to decide on")
)

const keptHoldEnds = 30 * 24 * time.Hour

// AskHoldEnd writes down a request. Those that have expired make room; the error is
// ErrAsked if there is one for the same hold that has not.
func (d *DB) AskHoldEnd(ctx context.Context, e HoldEnd) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "DELETE FROM hold_end WHERE decision = '' AND expires <= ? OR at < ?",
		e.At.UnixMilli(), e.At.Add(-keptHoldEnds).UnixMilli()); err != nil {
		return err
	}
	r, err := tx.ExecContext(ctx, "INSERT INTO hold_end VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, NULL) ON CONFLICT DO NOTHING",
		e.ID, e.Account, e.Hold, e.Reason, e.Who, e.Person, e.At.UnixMilli(), e.Expires.UnixMilli())
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrAsked)
	}
	return tx.Commit()
}

// DecideHoldEnd writes down what a second person says of a request, once: the error is
// ErrDecided if it was decided on before, has expired, or isn't there. Whoever has asked
// for it can't be the second person.
func (d *DB) DecideHoldEnd(ctx context.Context, id string, say Decision, who, person string, at time.Time, text []byte) error {
	r, err := d.db.ExecContext(ctx, `UPDATE hold_end SET decision = ?, decided_by = ?, decided_at = ?, text = ?
		WHERE id = ? AND decision = '' AND expires > ? AND lower(trim(who)) <> lower(trim(?)) AND person <> ?`,
		say, who, at.UnixMilli(), text, id, at.UnixMilli(), who, person)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrDecided
	}
	return err
}

// DropHoldEnd forgets a request that nobody has decided on.
func (d *DB) DropHoldEnd(ctx context.Context, id string) error {
	_, err := d.db.ExecContext(ctx, "DELETE FROM hold_end WHERE id = ? AND decision = ''", id)
	return err
}

// HoldEnds are the requests about an account's holds, the newest first, without those
// that have expired undecided.
func (d *DB) HoldEnds(ctx context.Context, account string, now time.Time) (all []HoldEnd, err error) {
	rows, err := d.db.QueryContext(ctx, `SELECT id, account, hold, reason, who, person, at, expires, decision, decided_by, decided_at, text
		FROM hold_end WHERE account = ? AND (decision <> '' OR expires > ?) ORDER BY at DESC, id`, account, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanHoldEnd(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

func scanHoldEnd(rows *sql.Rows) (e HoldEnd, err error) {
	var at, expires, decided int64
	err = rows.Scan(&e.ID, &e.Account, &e.Hold, &e.Reason, &e.Who, &e.Person, &at, &expires, &e.Decision, &e.DecidedBy, &decided, &e.Text)
	e.At, e.Expires = time.UnixMilli(at).UTC(), time.UnixMilli(expires).UTC()
	if decided > 0 {
		e.DecidedAt = time.UnixMilli(decided).UTC()
	}
	return e, err
}
