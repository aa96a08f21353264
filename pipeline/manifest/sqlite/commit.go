package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// write is one caller's change.
type write struct {
	change func(txn) error
	done   chan error
}

const maxBatch = 512 // changes in one commit

// do has change carried out in a transaction and returns when that is on disk.
// Once the writer has taken the change, ctx no longer matters: the answer is
// always the truth.
func (m *Manifest) do(ctx context.Context, change func(txn) error) error {
	w := write{change: change, done: make(chan error, 1)}
	select {
	case m.queue <- w:
		return <-w.done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// txn is what a change needs of a transaction.
type txn interface {
	queryer
	rower
	Exec(query string, args ...any) (sql.Result, error)
}

// writes is the connection that writes. Each statement is parsed once: that
// costs more than carrying it out.
type writes struct {
	conn  *sql.Conn
	known map[string]*sql.Stmt
}

func (w *writes) stmt(text string) (*sql.Stmt, error) {
	if s := w.known[text]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), text)
	if err == nil {
		w.known[text] = s
	}
	return s, err
}

func (w *writes) Exec(text string, args ...any) (sql.Result, error) {
	s, err := w.stmt(text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

func (w *writes) Query(text string, args ...any) (*sql.Rows, error) {
	s, err := w.stmt(text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return nil, err
	}
	return s.Query(args...)
}

func (w *writes) QueryRow(text string, args ...any) *sql.Row {
	s, err := w.stmt(text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return w.conn.QueryRowContext(context.Background(), text, args...) // which says so
	}
	return s.QueryRow(args...)
}

// format is the manifest's within the transaction.
func (w *writes) format() (v int, err error) {
	err = w.QueryRow("PRAGMA user_version").Scan(&v)
	return v, err
}

// close gives the connection back to the pool, which is closed next. SQLite
// tidies up after the last connection only if no statement is left.
func (w *writes) close() {
	for _, s := range w.known {
		_ = s.Close()
	}
	_ = w.conn.Close()
}

// writer is the one goroutine that writes. It commits together whatever has
// come in while it was busy with the commit before: one fsync for all.
func (m *Manifest) writer(w *writes) {
	defer close(m.stopped)
	defer w.close()
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
		for i, err := range m.commit(w, batch) {
			batch[i].done <- err
		}
	}
}

// commit carries out the changes in one transaction. A change that fails is
// taken back alone; if the transaction fails, all have failed.
func (m *Manifest) commit(tx *writes, batch []write) []error {
	errs := make([]error, len(batch))
	fail := func(err error) []error {
		_, _ = tx.Exec("ROLLBACK") // there may be none
		for i := range errs {
			errs[i] = writeError(err)
		}
		return errs
	}
	if _, err := tx.Exec("BEGIN IMMEDIATE"); err != nil {
		return fail(err)
	}
	// A newer program may have upgraded the manifest of one that has it open beside runs.
	switch v, err := tx.format(); {
	case err != nil:
		return fail(err)
	case v > format:
		return fail(newer(context.Background(), tx.conn, v))
	}
	if err := m.notMoved(tx); err != nil {
		return fail(err)
	}
	for i, w := range batch {
		if _, err := tx.Exec("SAVEPOINT change"); err != nil {
			return fail(err)
		}
		if errs[i] = w.change(tx); errs[i] != nil {
			if _, err := tx.Exec("ROLLBACK TO change"); err != nil {
				return fail(fmt.Errorf("%w (after: %w)", err, errs[i]))
			}
		}
		if _, err := tx.Exec("RELEASE change"); err != nil {
			return fail(fmt.Errorf("%w (after: %w)", err, errs[i]))
		}
	}
	commit := func() error {
		_, err := tx.Exec("COMMIT")
		return err
	}
	if m.commits != nil {
		really := commit
		commit = func() error { return m.commits(really) }
	}
	if err := commit(); err != nil {
		return fail(err)
	}
	return errs
}

func writeError(err error) error { return &manifest.WriteError{Err: err} }
