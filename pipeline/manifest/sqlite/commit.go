package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// write is one caller's change. It may be carried out several times, until it is
// committed: what the last time gives is what counts.
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
	head  head
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
func (m *Manifest) writer(w *writes, queue <-chan write) {
	defer close(m.stopped)
	defer w.close()
	var batch []write
	for first := range queue {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case next, ok := <-queue:
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
//
// What SQLite notes of a change, to take it back alone, costs much of what the change
// itself does, and hardly any fails: all are carried out without, and anew, with it,
// where one has failed.
func (m *Manifest) commit(tx *writes, batch []write) []error {
	errs := make([]error, len(batch))
	err := m.attempt(tx, batch, errs, false)
	if errors.Is(err, errFailed) {
		if len(batch) == 1 {
			return errs // it has been taken back
		}
		err = m.attempt(tx, batch, errs, true)
	}
	if err != nil {
		for i := range errs {
			errs[i] = writeError(err)
		}
	}
	return errs
}

// errFailed says that a change has failed, and all were taken back.
var errFailed = errors.New("a change has failed")

// attempt is one transaction with all changes, and what each of them comes to in errs.
// With an error, nothing of it stays. Unless they are carried out apart, one change
// that fails is such an error, errFailed.
func (m *Manifest) attempt(tx *writes, batch []write, errs []error, apart bool) (err error) {
	defer func() {
		if err != nil {
			tx.rollback()
		}
	}()
	if err := m.begin(tx); err != nil {
		return err
	}
	for i, w := range batch {
		if !apart {
			if errs[i] = w.change(tx); errs[i] != nil {
				return errFailed
			}
			continue
		}
		if errs[i], err = tx.apart(w.change); err != nil {
			return err
		}
	}
	if m.commits != nil {
		return m.commits(tx.commit)
	}
	return tx.commit()
}

// begin begins a transaction, of a manifest that is still this program's to write.
func (m *Manifest) begin(tx *writes) error {
	if _, err := tx.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// A newer program may have upgraded the manifest of one that has it open beside runs.
	switch v, err := tx.format(); {
	case err != nil:
		return err
	case v > format:
		return newer(context.Background(), tx.conn, v)
	}
	if err := tx.head.begin(tx); err != nil {
		return err
	}
	return m.notMoved(tx)
}

// apart carries out a change that is taken back alone if it fails. err says that the
// transaction has failed.
func (w *writes) apart(change func(txn) error) (failed, err error) {
	if _, err := w.Exec("SAVEPOINT change"); err != nil {
		return nil, err
	}
	if failed = change(w); failed != nil {
		w.head.forget()
		if _, err := w.Exec("ROLLBACK TO change"); err != nil {
			return nil, fmt.Errorf("%w (after: %w)", err, failed)
		}
	}
	if _, err := w.Exec("RELEASE change"); err != nil {
		return nil, fmt.Errorf("%w (after: %w)", err, failed)
	}
	return failed, nil
}

func (w *writes) commit() error {
	_, err := w.Exec("COMMIT")
	return err
}

// rollback takes back the transaction, if there is one.
func (w *writes) rollback() {
	w.head.forget()
	_, _ = w.Exec("ROLLBACK")
}

func writeError(err error) error { return &manifest.WriteError{Err: err} }
