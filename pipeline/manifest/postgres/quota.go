package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/vbc"
)

// Quota is the quota of a group: of all clients, on whichever machine, whose requests VBC
// counts together. It may be used until Close.
func (c *Common) Quota(group string) *Quota { return &Quota{c.m.db, Storable(group)} }

// Quota is a row that all who have the quota read and write, as the shared quota of package
// vbc, which knows what is in it. Its clock is the database's.
type Quota struct {
	db   *pool
	name string
}

// Change replaces what is kept by what change makes of it, unless that is "". Nobody holds a lock while change is at it: what is
// written must only follow what was read, else it is read again. A crash of the database
// may take back what was written within the last moment, which costs a request or two;
// so nobody waits for its disk, or for a replica.
func (q *Quota) Change(ctx context.Context, change func(kept string, now time.Time) string) error {
	for {
		var kept string
		var version int64
		var now time.Time
		err := q.db.quotas.QueryRow(ctx, "SELECT state::text, version, clock_timestamp() FROM vbcvault.quota WHERE name = $1", q.name).Scan(&kept, &version, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			if _, err := q.db.quotas.Exec(ctx, "INSERT INTO vbcvault.quota (name) VALUES ($1) ON CONFLICT DO NOTHING", q.name); err != nil {
				return fmt.Errorf("begin quota %q: %w", q.name, explained(err))
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read quota %q: %w", q.name, explained(err))
		}
		next := change(kept, now.UTC())
		if next == "" {
			return nil
		}
		tag, err := q.db.quotas.Exec(ctx, `UPDATE vbcvault.quota SET state = $3::text::jsonb, version = version + 1, changed = clock_timestamp()
			WHERE name = $1 AND version = $2 RETURNING set_config('synchronous_commit', 'off', true)`, q.name, version, next)
		if err != nil {
			return fmt.Errorf("change quota %q: %w", q.name, explained(err))
		}
		if tag.RowsAffected() == 1 {
			return nil
		}
	}
}

// QuotaGroup is what is known of a group's quota.
type QuotaGroup struct {
	Name string
	vbc.Quota
	Changed time.Time // by the database's clock, as is ClosedUntil
}

// Quotas are all groups of the database, and what time it is there.
func (c *Common) Quotas(ctx context.Context) (all []QuotaGroup, now time.Time, err error) {
	if err := c.m.db.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return nil, now, fmt.Errorf("read quotas: %w", err)
	}
	rows, err := c.m.db.Query(ctx, "SELECT name, state::text, changed FROM vbcvault.quota ORDER BY name")
	if err != nil {
		return nil, now, fmt.Errorf("read quotas: %w", err)
	}
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g QuotaGroup, err error) {
		var kept string
		err = row.Scan(&g.Name, &kept, &g.Changed)
		g.Quota = vbc.KeptQuota(kept)
		return g, err
	})
	if err != nil {
		return nil, now, fmt.Errorf("read quotas: %w", err)
	}
	return all, now, nil
}
