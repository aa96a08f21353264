package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/moment"
)

// lease is the right of this machine to change one manifest as a run does. In the
// database it ends at a time of the database's clock; here it ends earlier, by clocks
// that count the time for which this machine stood still. See manifest.LeaseFor.
type lease struct {
	m      *Manifest
	fence  int64
	holder string
	lasts  time.Duration

	stop func() // ends the goroutine that renews
	done chan struct{}
	lost chan struct{}

	mu      sync.Mutex
	renewed moment.Moment // when the last renewal that was granted was asked for
	over    error         // nil as long as nobody knows better
}

// unleased is what was not opened for a run.
type unleased struct{ name string }

func (u unleased) Held() error {
	return &manifest.LeaseError{Manifest: u.name, Why: "it was not opened for a run"}
}
func (unleased) Lost() <-chan struct{}  { return nil }
func (unleased) Fence() (int64, string) { return 0, "" }

// takeLease takes the lease that nobody has.
func takeLease(ctx context.Context, m *Manifest) (*lease, error) {
	l := &lease{m: m, holder: rand.Text(), lasts: m.leaseFor, done: make(chan struct{}), lost: make(chan struct{})}
	take := func() error {
		l.renewed = moment.Now()
		return l.take(ctx)
	}
	err := anew(take)
	for range 3 {
		if !isLocked(err) {
			break
		}
		m.endStuck()
		err = anew(take)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, heldBy(ctx, m)
	}
	if err != nil {
		return nil, fmt.Errorf("take the lease: %w", explained(err))
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.renew(renewing)
	return l, nil
}

// take asks the database for the lease once, and gets it also where the answer to an
// earlier try was lost. The error is pgx.ErrNoRows if somebody else has it.
func (l *lease) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.lasts/2)
	defer cancel()
	var both pgx.Batch
	l.m.lockFor(&both, l.lasts/10)
	both.Queue(`UPDATE vbcvault.lease SET fence = fence + 1, holder = $2, machine = $3, until = clock_timestamp() + $4::bigint * interval '1 microsecond',
		since = clock_timestamp(), clean = false WHERE account = $1 AND (until <= clock_timestamp() OR holder = $2) RETURNING fence, batch`,
		l.m.account, l.holder, l.m.machine, l.lasts.Microseconds()).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.fence, &l.m.batch) })
	return l.m.db.leases.SendBatch(ctx, &both).Close()
}

// heldBy is the error that says who has the lease.
func heldBy(ctx context.Context, m *Manifest) error {
	var machine string
	var left float64
	err := m.db.QueryRow(ctx, "SELECT machine, extract(epoch FROM until - clock_timestamp())::float8 FROM vbcvault.lease WHERE account = $1", m.account).Scan(&machine, &left)
	if err != nil || left <= 0 {
		return errors.Join(manifest.ErrLocked, err)
	}
	return fmt.Errorf("%w: machine %q has its lease, which ends in %v unless it is renewed", manifest.ErrLocked, machine, time.Duration(left*float64(time.Second)).Round(time.Second))
}

// Held is nil as long as the lease lasts for certain.
func (l *lease) Held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil && l.renewed.Age() > l.holderFor() {
		l.end("it could not be renewed in time")
	}
	return l.over
}

// holderFor is manifest.HolderFor, in proportion.
func (l *lease) holderFor() time.Duration { return l.lasts * 2 / 3 }

// end ends the lease. The lock is held.
func (l *lease) end(why string) {
	if l.over == nil {
		l.over = &manifest.LeaseError{Manifest: l.m.place.Name, Why: why}
		close(l.lost)
	}
}

func (l *lease) lose(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(why)
}

// Lost is closed when the lease is over before Close.
func (l *lease) Lost() <-chan struct{} { return l.lost }

// Fence is the lease's number, and who has it.
func (l *lease) Fence() (int64, string) { return l.fence, l.holder }

// renew keeps the lease, until ctx ends or the lease does.
func (l *lease) renew(ctx context.Context) {
	defer close(l.done)
	every := l.lasts / 4
	for wait := every; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		asked := moment.Now()
		brief, cancel := context.WithTimeout(ctx, every)
		granted, err := l.ask(brief)
		cancel()
		switch wait = every; {
		case ctx.Err() != nil:
			return
		case err != nil:
			if wait = min(every/4, time.Second); isLocked(err) {
				l.m.endStuck()
			}
		case !granted:
			l.lose("it has ended in the database, and another machine may have it")
			return
		default:
			l.mu.Lock()
			l.renewed = asked
			l.mu.Unlock()
		}
		if l.Held() != nil {
			return
		}
	}
}

// ask asks the database to let the lease last from now on. It doesn't wait long for a
// transaction that has locked it, were it our own: there are few connections for this.
func (l *lease) ask(ctx context.Context) (granted bool, err error) {
	var both pgx.Batch
	l.m.lockFor(&both, l.lasts/30)
	both.Queue(`UPDATE vbcvault.lease SET until = clock_timestamp() + $4::bigint * interval '1 microsecond'
		WHERE account = $1 AND fence = $2 AND holder = $3 AND until > clock_timestamp()`, l.m.account, l.fence, l.holder, l.lasts.Microseconds()).
		Exec(func(tag pgconn.CommandTag) error { granted = tag.RowsAffected() > 0; return nil })
	return granted, l.m.db.leases.SendBatch(ctx, &both).Close()
}

// giveBack ends the lease, so that another machine may have it at once.
func (l *lease) giveBack() error {
	l.stop()
	<-l.done
	if l.Held() != nil {
		return nil // it isn't ours
	}
	l.lose("it was given back")
	ctx, cancel := context.WithTimeout(context.Background(), l.lasts/4)
	defer cancel()
	var err error
	for range leaseConnections + 1 { // each of which may have broken unnoticed
		_, err = l.m.db.leases.Exec(ctx, "UPDATE vbcvault.lease SET until = '-infinity', clean = true WHERE account = $1 AND fence = $2 AND holder = $3", l.m.account, l.fence, l.holder)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("give back the lease of manifest %s, which ends by itself: %w", l.m.place.Name, err)
	}
	return nil
}
