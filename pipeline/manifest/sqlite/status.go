package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// BeginRun writes down that a run begins with these options, and returns its
// number.
func (m *Manifest) BeginRun(ctx context.Context, options manifest.RunOptions) (run int64, err error) {
	b, err := options.Written()
	if err != nil {
		return 0, err
	}
	err = m.do(ctx, func(tx txn) error {
		res, err := tx.Exec("INSERT INTO run (started, options) VALUES (?, ?)", time.Now().UnixMilli(), string(b))
		if err == nil {
			run, err = res.LastInsertId()
		}
		if err != nil {
			return writeError(err)
		}
		return nil
	})
	return run, err
}

// EndRun writes down what a run has done.
func (m *Manifest) EndRun(ctx context.Context, run int64, summary any) error {
	b, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	return m.forgetting(ctx, func(tx txn) error {
		_, err := tx.Exec("UPDATE run SET finished = ?, summary = ? WHERE id = ?", time.Now().UnixMilli(), string(b), run)
		return err
	})
}

// Tallies counts the recordings by state.
func (m *Manifest) Tallies(ctx context.Context) ([]manifest.Tally, error) {
	return query(ctx, m, func(rows *sql.Rows) (t manifest.Tally, err error) {
		var oldest, newest int64
		err = rows.Scan(&t.State, &t.Recordings, &t.Bytes, &oldest, &newest)
		t.Oldest, t.Newest = fromMillis(oldest), fromMillis(newest)
		return t, err
	}, tallies)
}

const tallies = `SELECT state, recordings, bytes, (SELECT min(start) FROM recording WHERE state = t.state) AS oldest,
	(SELECT max(start) FROM recording WHERE state = t.state) FROM tally t WHERE recordings > 0 ORDER BY oldest`

// Failures returns recordings whose last run failed: news first, and the latest
// first.
func (m *Manifest) Failures(ctx context.Context, limit int) ([]manifest.Row, error) {
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY failing
		WHERE state <> 'purged' AND state <> 'gone' AND reason <> '' ORDER BY acknowledged <> '', failed_at DESC LIMIT ?`, limit)
}

// DamagedCopies returns purged recordings whose copy was last found damaged
// or missing.
func (m *Manifest) DamagedCopies(ctx context.Context, limit int) ([]manifest.Row, error) {
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY damaged WHERE damaged <> '' ORDER BY start LIMIT ?`, limit)
}

// Runs returns the latest runs, the latest first.
func (m *Manifest) Runs(ctx context.Context, limit int) ([]manifest.Run, error) {
	return query(ctx, m, scanRun, `SELECT id, started, finished, options, summary FROM run ORDER BY id DESC LIMIT ?`, limit)
}

func query[T any](ctx context.Context, m *Manifest, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := m.read(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return out, nil
}

// read is a query whose statement is parsed once.
func (m *Manifest) read(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := m.stmt(ctx, text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (m *Manifest) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	known, ok := m.known.Load(text)
	if !ok {
		s, err := m.reads.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		if known, ok = m.known.LoadOrStore(text, s); ok {
			_ = s.Close() //nolint:sqlclosecheck // another was faster
		}
	}
	return known.(*sql.Stmt), nil
}
