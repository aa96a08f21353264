package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// write is one caller's change. It may be carried out several times, of which only the
// last one counts: what it tells its caller, it sets anew each time.
type write struct {
	change func(*txn) error
	done   chan error
}

// maxBatch is how many changes go into one commit. Each is a subtransaction, and of more
// than 64 PostgreSQL keeps a list on disk, which slows down everybody.
const maxBatch = 60

// do has change carried out in a transaction and returns when that is durable.
// Once the writer has taken the change, ctx no longer matters: the answer is
// always the truth.
func (m *Manifest) do(ctx context.Context, change func(*txn) error) error {
	w := write{change: change, done: make(chan error, 1)}
	select {
	case m.queue <- w:
		return <-w.done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// exec has one statement carried out; arguments begin with $2.
func (m *Manifest) exec(ctx context.Context, text string, args ...any) error {
	return m.do(ctx, func(tx *txn) error {
		if _, err := tx.Exec(text, args...); err != nil {
			return writeError(err)
		}
		return nil
	})
}

// beginWriting starts the goroutine that writes.
func (m *Manifest) beginWriting() {
	m.queue, m.stopped = make(chan write), make(chan struct{})
	go m.writer()
}

// writer is the one goroutine that writes. It commits together whatever has
// come in while it was busy with the commit before.
func (m *Manifest) writer() {
	defer close(m.stopped)
	var batch []write
	for first := range m.queue {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case next, ok := <-m.queue:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		for rest := batch; len(rest) > 0; {
			errs := m.commit(rest)
			for i, err := range errs {
				rest[i].done <- err
			}
			rest = rest[len(errs):]
		}
	}
}

// besideFor is how long a change is tried again whose connection broke: as long as a server
// takes to start again. A run's is as long as it has its lease, but not for ever: where
// leases are renewed all the while, the database is there, and can't do it.
const besideFor = 20 * time.Second

func (m *Manifest) patience() time.Duration {
	if m.lease == nil {
		return besideFor
	}
	return 3 * m.leaseFor
}

// oneTry is how long one transaction may take, so that nobody waits longer for the lock.
func (m *Manifest) oneTry() time.Duration { return m.leaseFor / 6 }

// commit carries out the first of the changes, as many as a transaction has time for, and
// says what came of each. A change that fails is taken back alone; if the transaction
// fails, all have failed.
//
// Where a connection breaks, it is tried again, as long as nothing can have come of it:
// before the COMMIT was sent, or where the mark that this try would have left isn't
// there.
func (m *Manifest) commit(batch []write) []error {
	begun, pause := time.Now(), 50*time.Millisecond
	for {
		errs, err := m.try(batch)
		if err == nil {
			return errs
		}
		var again *againError
		over := time.Since(begun) > m.patience()
		if lost := m.stillOurs(); lost != nil && errors.As(err, &again) {
			err, over = lost, true // which is why it isn't tried again
		}
		if over && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the database has had %v for it again and again, and is too slow: %w", m.oneTry(), err)
		}
		if !errors.As(err, &again) || over || again.forGood() {
			errs = make([]error, len(batch))
			for i := range errs {
				errs[i] = failed(err)
			}
			return errs
		}
		if time.Since(begun) >= m.oneTry() {
			m.endStuck()
		}
		time.Sleep(pause)
		pause = min(2*pause, time.Second)
	}
}

// failed is what a change comes to whose transaction failed.
func failed(err error) error {
	if unknown, ok := errors.AsType[*manifest.WriteError](err); ok {
		return unknown // also where the lease is over by now
	}
	if lost, ok := errors.AsType[*manifest.LeaseError](err); ok {
		return lost
	}
	return writeError(err)
}

// stillOurs is a *manifest.LeaseError where the lease that a change needs is over.
func (m *Manifest) stillOurs() error {
	if m.lease == nil {
		return nil
	}
	return m.lease.Held()
}

// againError says that a transaction failed, that nothing has come of it, and that it may
// well be tried again.
type againError struct{ err error }

func (e *againError) Error() string { return e.err.Error() }
func (e *againError) Unwrap() error { return e.err }

// forGood reports whether it would be the same again.
func (e *againError) forGood() bool {
	const lacksRight, noTable = "42501", "42P01"
	server, ok := errors.AsType[*pgconn.PgError](e.err)
	return ok && (server.Code == lacksRight || server.Code == noTable)
}

// try carries out the changes once. An error is one of the transaction.
func (m *Manifest) try(batch []write) ([]error, error) {
	if err := m.stillOurs(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.oneTry())
	defer cancel()
	begun := time.Now()
	conn, err := m.db.writes.Acquire(ctx)
	if err != nil {
		return nil, &againError{err}
	}
	defer conn.Release()
	// What a transaction reads once it has the lock must be what the one before has left:
	// with another isolation, which a server may have as its default, it would be what was
	// there when it began to wait.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, &againError{err}
	}
	defer m.takeBack(tx)
	mark := rand.Text()
	if err := m.lock(ctx, tx, mark); err != nil {
		return nil, err
	}
	var errs []error
	for _, w := range batch {
		own, err := m.carryOut(ctx, tx, w)
		if err != nil {
			return nil, &againError{err}
		}
		if errs = append(errs, own); time.Since(begun) > m.oneTry()/3 {
			break // on a slow database, the rest is for the next one
		}
	}
	switch err := m.reallyCommit(ctx, tx); {
	case err == nil:
	case m.commits != nil: // a test's: it may have committed, and may not
		_ = tx.Rollback(ctx) // there may be nothing to take back
		if is, e := m.marked(mark); e == nil && is {
			m.batch = mark
		}
		return nil, errors.Join(err, m.stillOurs())
	case m.lease == nil:
		return nil, err // whether it is committed, nobody can tell
	default:
		is, e := m.marked(mark)
		if e != nil {
			return nil, &manifest.WriteError{Err: errors.Join(err, e)}
		}
		if !is {
			return nil, &againError{err}
		}
	}
	m.batch = mark
	return errs, nil
}

// takeBack takes back what a transaction has left undone, if anything. It doesn't wait
// for a connection through which nothing gets any more.
func (m *Manifest) takeBack(tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), m.leaseFor/12)
	defer cancel()
	_ = tx.Rollback(ctx) // else the server does it, when it hears of the end
}

// lock locks the manifest's row of lease until the transaction ends, and leaves the
// transaction's mark there if it is a run's. It has the server end a transaction of which
// it hears nothing more: else a machine that stands still would keep others from taking
// over. And it has the commit be on disk when it is answered, also where the database or
// the user has synchronous_commit off.
func (m *Manifest) lock(ctx context.Context, tx pgx.Tx, mark string) error {
	const idle = "set_config('idle_in_transaction_session_timeout', $2, true) || " +
		"CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) ELSE '' END"
	timeout := fmt.Sprintf("%dms", m.oneTry().Milliseconds())
	var is, movedTo string
	if m.lease == nil {
		err := tx.QueryRow(ctx, "SELECT "+idle+" FROM vbcvault.lease WHERE account = $1 FOR NO KEY UPDATE", m.account, timeout).Scan(&is)
		if err == nil { // a statement of its own: it sees what was done while the lock was waited for
			err = tx.QueryRow(ctx, "SELECT coalesce(max(value), '') FROM vbcvault.meta WHERE account = $1 AND key = '"+successor+"'", m.account).Scan(&movedTo)
		}
		if err != nil {
			return &againError{fmt.Errorf("lock the manifest: %w", err)}
		}
		if movedTo != "" {
			return &manifest.MovedError{Path: m.place.String(), To: movedTo}
		}
		return nil
	}
	err := tx.QueryRow(ctx, `UPDATE vbcvault.lease SET batch = $5 WHERE account = $1 AND fence = $3 AND holder = $4 AND until > clock_timestamp() AND batch = $6
		RETURNING `+idle, m.account, timeout, m.lease.fence, m.lease.holder, mark, m.batch).Scan(&is)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return m.whyNot(ctx, tx)
	case err != nil:
		return &againError{fmt.Errorf("lock the manifest: %w", err)}
	}
	return nil
}

// whyNot says why the lease doesn't let a transaction through.
func (m *Manifest) whyNot(ctx context.Context, tx pgx.Tx) error {
	var ours, marked bool
	err := tx.QueryRow(ctx, "SELECT fence = $2 AND holder = $3 AND until > clock_timestamp(), batch = $4 FROM vbcvault.lease WHERE account = $1",
		m.account, m.lease.fence, m.lease.holder, m.batch).Scan(&ours, &marked)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return &againError{err}
	case ours && !marked:
		m.lease.lose(lostCommits)
	default:
		m.lease.lose("it has ended in the database, and another machine may have it")
	}
	return m.lease.Held()
}

const lostCommits = "the database no longer has what it had confirmed: a replica that lacked the latest changes has taken its place, or an older copy was restored. " +
	"The next run compares everything with the archive again before it deletes"

// carryOut carries out one change. An error, other than the change's own, is the
// transaction's: it can't go on.
func (m *Manifest) carryOut(ctx context.Context, tx pgx.Tx, w write) (own, err error) {
	part, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return nil, err
	}
	if own = w.change(&txn{ctx: ctx, tx: part, m: m}); own != nil {
		if err := part.Rollback(ctx); err != nil {
			return nil, fmt.Errorf("%w (after: %w)", err, own)
		}
		return own, nil
	}
	return nil, part.Commit(ctx)
}

// reallyCommit commits, as tests like it.
func (m *Manifest) reallyCommit(ctx context.Context, tx pgx.Tx) error {
	commit := func() error { return tx.Commit(ctx) }
	if m.commits == nil {
		return commit()
	}
	return m.commits(commit)
}

// marked reports whether a transaction has left its mark: whether a COMMIT was carried
// out of which no answer came. While the server may still be at it, its row is locked.
func (m *Manifest) marked(mark string) (is bool, err error) {
	for m.stillOurs() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), m.oneTry())
		err = m.db.writes.QueryRow(ctx, "SELECT batch = $2 FROM vbcvault.lease WHERE account = $1 FOR NO KEY UPDATE", m.account, mark).Scan(&is)
		cancel()
		if err == nil {
			return is, nil
		}
		time.Sleep(min(m.leaseFor/60, 500*time.Millisecond))
	}
	return false, errors.Join(err, m.stillOurs())
}

// txn carries out statements within a transaction. The manifest's number is $1 in each.
type txn struct {
	ctx context.Context
	tx  pgx.Tx
	m   *Manifest
}

func (t *txn) args(args []any) []any { return append([]any{t.m.account}, args...) }

// Exec carries out a statement, and says how many rows it changed.
func (t *txn) Exec(text string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(t.ctx, text, t.args(args)...)
	return tag.RowsAffected(), err
}

func (t *txn) Query(text string, args ...any) (pgx.Rows, error) {
	return t.tx.Query(t.ctx, text, t.args(args)...)
}

func (t *txn) QueryRow(text string, args ...any) pgx.Row {
	return t.tx.QueryRow(t.ctx, text, t.args(args)...)
}

func writeError(err error) error {
	if already, ok := errors.AsType[*manifest.WriteError](err); ok {
		return already
	}
	return &manifest.WriteError{Err: explained(err)}
}

// explained is an error with what its code means where PostgreSQL's text is for others
// than its administrator.
func explained(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch e.Code {
	case "53100":
		return fmt.Errorf("the disk of the database is full: %w", err)
	case "57014", "55P03":
		return fmt.Errorf("statement_timeout or lock_timeout of the database, or of its user, is too short, or the database is slow: %w", err)
	case "25006":
		return fmt.Errorf("the database takes no changes: it is a replica, or was made read-only: %w", err)
	case "42501":
		return fmt.Errorf("the database user lacks a right, see vbcvault help machines: %w", err)
	}
	return err
}
