package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lockFor has what follows in a batch wait so long for a lock, at most.
func (m *Manifest) lockFor(b *pgx.Batch, d time.Duration) {
	b.Queue("SELECT set_config('lock_timeout', $1, true)", fmt.Sprintf("%dms", d.Milliseconds()))
}

// isLocked reports whether an error is that of having waited too long for a lock.
func isLocked(err error) bool {
	const notAvailable = "55P03"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == notAvailable
}

// endStuck ends sessions that have the manifest's row of lease locked for longer than any
// transaction may. The server does that itself where it waits for the next statement, but
// not where it has only a part of one: then it waits for hours for the rest of it, from a
// machine that may be gone, and nobody could take over.
//
// Nothing is lost by it: what isn't committed was reported to nobody. It is tried, no more:
// the session may be another user's.
func (m *Manifest) endStuck() {
	ctx, cancel := context.WithTimeout(context.Background(), m.leaseFor/12)
	defer cancel()
	_, _ = m.db.leases.Exec(ctx, `SELECT pg_terminate_backend(a.pid) FROM vbcvault.lease l
		JOIN pg_locks k ON k.locktype = 'transactionid' AND k.granted AND k.transactionid = l.xmax
		JOIN pg_stat_activity a ON a.pid = k.pid AND a.usename = current_user
		WHERE l.account = $1 AND a.xact_start < clock_timestamp() - $2::bigint * interval '1 microsecond'`, m.account, (m.leaseFor / 5).Microseconds())
}
