package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RefusedLogin is a login that VBC has refused. What it is told by is made elsewhere, and
// has no password in it.
type RefusedLogin struct {
	Salt   []byte // of the digests; no two have the same
	Whose  []byte // a little of whose it is
	Digest []byte
	Age    time.Duration // by the database's clock
	Reason string
	Locked bool
}

// RefusedLogins are those that were refused no longer ago than within.
func (c *Common) RefusedLogins(ctx context.Context, within time.Duration) ([]RefusedLogin, error) {
	rows, err := c.m.db.quotas.Query(ctx, `SELECT salt, whose, digest, greatest(0, extract(epoch FROM clock_timestamp() - at) * 1000)::bigint, reason, locked
		FROM vbcvault.refused_login WHERE at > clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY at DESC`, within.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("read refused logins: %w", explained(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l RefusedLogin, err error) {
		var age int64
		err = row.Scan(&l.Salt, &l.Whose, &l.Digest, &age, &l.Reason, &l.Locked)
		l.Age = time.Duration(age) * time.Millisecond
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read refused logins: %w", explained(err))
	}
	return all, nil
}

// AddRefusedLogin keeps one that was refused just now, and drops those that were refused
// longer ago than within. It is durable on return, and known to all machines.
func (c *Common) AddRefusedLogin(ctx context.Context, l RefusedLogin, within time.Duration) error {
	_, err := c.m.db.quotas.Exec(ctx, `WITH old AS (DELETE FROM vbcvault.refused_login WHERE at <= clock_timestamp() - $6::bigint * interval '1 millisecond')
		INSERT INTO vbcvault.refused_login (salt, whose, digest, reason, locked) VALUES ($1, $2, $3, $4, $5)`,
		l.Salt, l.Whose, l.Digest, Storable(l.Reason), l.Locked, within.Milliseconds())
	if err != nil {
		return fmt.Errorf("keep a refused login: %w", explained(err))
	}
	return nil
}

// ForgetRefusedLogins drops those with these salts.
func (c *Common) ForgetRefusedLogins(ctx context.Context, salts [][]byte) error {
	if _, err := c.m.db.quotas.Exec(ctx, "DELETE FROM vbcvault.refused_login WHERE salt = ANY($1)", salts); err != nil {
		return fmt.Errorf("forget a refused login: %w", explained(err))
	}
	return nil
}
