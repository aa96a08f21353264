package manifest

import (
	"context"
	"database/sql"
	"fmt"
)

// WriteError says that the manifest could not be written. What it was to hold
// may be on disk or not; nothing may be deleted on the strength of it.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write manifest: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// write is one caller's change.
type write struct {
	change func(*sql.Tx) error
	done   chan error
}

const maxBatch = 512 // changes in one commit

// do has change carried out in a transaction and returns when that is on disk.
// Once the writer has taken the change, ctx no longer matters: the answer is
// always the truth.
func (m *Manifest) do(ctx context.Context, change func(*sql.Tx) error) error {
	w := write{change: change, done: make(chan error, 1)}
	select {
	case m.queue <- w:
		return <-w.done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// writer is the one goroutine that writes. It commits together whatever has
// come in while it was busy with the commit before: one fsync for all.
func (m *Manifest) writer() {
	defer close(m.stopped)
	var batch []write
	for w := range m.queue {
		batch = append(batch[:0], w)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case w, ok := <-m.queue:
				if more = ok; ok {
					batch = append(batch, w)
				}
			default:
				more = false
			}
		}
		for i, err := range m.commit(batch) {
			batch[i].done <- err
		}
	}
}

// commit carries out the changes in one transaction. A change that fails is
// taken back alone; if the transaction fails, all have failed.
func (m *Manifest) commit(batch []write) []error {
	errs := make([]error, len(batch))
	fail := func(err error) []error {
		for i := range errs {
			errs[i] = &WriteError{err}
		}
		return errs
	}
	tx, err := m.writes.Begin()
	if err != nil {
		return fail(err)
	}
	defer tx.Rollback()
	for i, w := range batch {
		if _, err := tx.Exec("SAVEPOINT change"); err != nil {
			return fail(err)
		}
		end := "RELEASE change"
		if errs[i] = w.change(tx); errs[i] != nil {
			end = "ROLLBACK TO change; RELEASE change"
		}
		if _, err := tx.Exec(end); err != nil {
			return fail(fmt.Errorf("%w (after: %w)", err, errs[i]))
		}
	}
	commit := tx.Commit
	if m.commits != nil {
		commit = func() error { return m.commits(tx.Commit) }
	}
	if err := commit(); err != nil {
		return fail(err)
	}
	return errs
}
