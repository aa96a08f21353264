package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// audits are the last audits that somebody had the page do, by the account's name.
const audits = `
CREATE TABLE audit (
	account TEXT PRIMARY KEY,
	at      INTEGER NOT NULL, -- ms since 1970
	who     TEXT NOT NULL,
	failed  INTEGER NOT NULL, -- it came to no end; why is in the log
	result  BLOB              -- JSON of package check's
) WITHOUT ROWID;
`

// Audit is an audit that has ended.
type Audit struct {
	At     time.Time
	Who    string
	Failed bool   // it came to no end
	Result []byte // JSON, nil if it failed
}

// SetAudit writes down what the last audit of an account came to.
func (d *DB) SetAudit(ctx context.Context, account string, a Audit) error {
	_, err := d.db.ExecContext(ctx, `INSERT INTO audit VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, who = excluded.who, failed = excluded.failed, result = excluded.result`,
		account, a.At.UnixMilli(), a.Who, a.Failed, a.Result)
	return err
}

// Audit is the last audit of an account, nil if there was none.
func (d *DB) Audit(ctx context.Context, account string) (*Audit, error) {
	var a Audit
	var at int64
	err := d.db.QueryRowContext(ctx, "SELECT at, who, failed, result FROM audit WHERE account = ?", account).Scan(&at, &a.Who, &a.Failed, &a.Result)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	a.At = time.UnixMilli(at).UTC()
	return &a, err
}
