package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// forget is how long a wrong password is remembered.
const forget = 24 * time.Hour

// Throttle is something of which few tries are allowed: a user, or an address.
type Throttle struct {
	What string
	Wait func(count int) time.Duration // that follows so many tries of the last 24 hours
}

// Try counts a try before it is made, so that many at once are no way around it. If one
// of the throttles has to wait still, nothing is counted, and until is when that is over.
func (d *DB) Try(ctx context.Context, now time.Time, throttles ...Throttle) (until time.Time, err error) {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return until, err
	}
	defer tx.Rollback()
	counts := make([]int, len(throttles))
	for i, t := range throttles {
		var last, wait int64
		err := tx.QueryRowContext(ctx, "SELECT count, last, until FROM failure WHERE what = ?", t.What).Scan(&counts[i], &last, &wait)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return until, err
		}
		if last < now.Add(-forget).UnixMilli() {
			counts[i] = 0
		}
		if u := time.UnixMilli(wait); u.After(now) && u.After(until) {
			until = u
		}
	}
	if !until.IsZero() {
		return until, nil
	}
	for i, t := range throttles {
		n := counts[i] + 1
		if _, err := tx.ExecContext(ctx, `INSERT INTO failure (what, count, last, until) VALUES (?, ?, ?, ?)
			ON CONFLICT (what) DO UPDATE SET count = excluded.count, last = excluded.last, until = excluded.until`,
			t.What, n, now.UnixMilli(), now.Add(t.Wait(n)).UnixMilli()); err != nil {
			return until, err
		}
	}
	return until, tx.Commit()
}

// Forgive forgets the tries of a user, who has signed in from an address: it is one of
// theirs from now on, and that try of it isn't counted.
func (d *DB) Forgive(ctx context.Context, now time.Time, user, userThrottle, address, addressThrottle string) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM failure WHERE what = ?", []any{userThrottle}},
		{"UPDATE failure SET count = max(count - 1, 0), until = 0 WHERE what = ?", []any{addressThrottle}},
		{"INSERT INTO known (user, address, last) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last", []any{user, address, now.UnixMilli()}},
	} {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Knows reports whether a user has signed in from an address before.
func (d *DB) Knows(ctx context.Context, user, address string) (known bool, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM known WHERE user = ? AND address = ?)", user, address).Scan(&known)
	return known, err
}
