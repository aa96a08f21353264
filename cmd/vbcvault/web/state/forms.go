package state

import (
	"context"
	"time"
)

// forms are those that were sent, so that one that is sent twice does once what it asks
// for.
const forms = `
CREATE TABLE form (
	who    TEXT NOT NULL,
	token  TEXT NOT NULL,
	at     INTEGER NOT NULL, -- ms since 1970
	result TEXT NOT NULL,    -- '': not known, or not known yet
	PRIMARY KEY (who, token)
) WITHOUT ROWID;
`

// keptForms is how long a form is known that was sent.
const keptForms = 7 * 24 * time.Hour

// SendForm writes down that somebody has sent a form, by the token that stands in it.
// fresh is false if it was sent before; then result is what FormResult has said, or "".
func (d *DB) SendForm(ctx context.Context, who, token string, at time.Time) (fresh bool, result string, err error) {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return false, "", err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "DELETE FROM form WHERE at < ?", at.Add(-keptForms).UnixMilli()); err != nil {
		return false, "", err
	}
	r, err := tx.ExecContext(ctx, "INSERT INTO form VALUES (?, ?, ?, '') ON CONFLICT DO NOTHING", who, token, at.UnixMilli())
	if err != nil {
		return false, "", err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		if err == nil {
			err = tx.Commit()
		}
		return true, "", err
	}
	err = tx.QueryRowContext(ctx, "SELECT result FROM form WHERE who = ? AND token = ?", who, token).Scan(&result)
	return false, result, err
}

// FormResult writes down what a form has come to: the address of the page about it.
func (d *DB) FormResult(ctx context.Context, who, token, result string) error {
	_, err := d.db.ExecContext(ctx, "UPDATE form SET result = ? WHERE who = ? AND token = ?", result, who, token)
	return err
}

// FormFailed forgets a form that has come to nothing, so that it may be sent again.
func (d *DB) FormFailed(ctx context.Context, who, token string) error {
	_, err := d.db.ExecContext(ctx, "DELETE FROM form WHERE who = ? AND token = ? AND result = ''", who, token)
	return err
}
