package postgres

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// reader reads rows, in a transaction or outside of one. The manifest's number is $1.
type reader interface {
	Query(text string, args ...any) (pgx.Rows, error)
	QueryRow(text string, args ...any) pgx.Row
}

// reading reads outside of a transaction.
type reading struct {
	ctx context.Context
	m   *Manifest
}

func (r reading) Query(text string, args ...any) (pgx.Rows, error) {
	return r.m.db.Query(r.ctx, text, append([]any{r.m.account}, args...)...)
}

func (r reading) QueryRow(text string, args ...any) pgx.Row {
	return r.m.row(r.ctx, text, args...)
}

// row reads one row; arguments begin with $2.
func (m *Manifest) row(ctx context.Context, text string, args ...any) pgx.Row {
	return lateRow{ctx, m, text, append([]any{m.account}, args...)}
}

// lateRow is a row that is read when it is scanned.
type lateRow struct {
	ctx  context.Context
	m    *Manifest
	text string
	args []any
}

func (r lateRow) Scan(dest ...any) error {
	return r.m.again(r.ctx, func() error { return r.m.db.QueryRow(r.ctx, r.text, r.args...).Scan(dest...) })
}

// query reads all rows of a statement whose arguments begin with $2; what yields many
// reads them page by page, so that no connection waits for whoever looks at them.
func query[T any](ctx context.Context, m *Manifest, scan func(pgx.CollectableRow) (T, error), text string, args ...any) ([]T, error) {
	return collect(reading{ctx, m}, scan, text, args...)
}

// collect is query of any reader.
func collect[T any](from reader, scan func(pgx.CollectableRow) (T, error), text string, args ...any) ([]T, error) {
	var all []T
	read := func() error {
		rows, err := from.Query(text, args...)
		if err == nil {
			all, err = pgx.CollectRows(rows, scan)
		}
		return err
	}
	var err error
	if outside, ok := from.(reading); ok {
		err = outside.m.again(outside.ctx, read)
	} else {
		err = read()
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return all, nil
}

// pages yields what read returns, page after page: what comes behind the last one's
// place. Less than size are the last.
func pages[T, P any](size int, read func(after P) ([]T, error), place func(T) P, after P) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := after; ; {
			page, err := read(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range page {
				if !yield(v, nil) {
					return
				}
				after = place(v)
			}
			if len(page) < size {
				return
			}
		}
	}
}
