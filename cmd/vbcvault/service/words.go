package service

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// Statements are written once for both databases: in SQLite's words, with tables named
// main.…, which is what SQLite calls the file itself. PostgreSQL's words are made of them.
type words struct {
	postgres bool
}

// The schemas in PostgreSQL: of our tables, beside that of the manifests, and of River's.
const (
	ourSchema   = "vbcvault_service"
	riverSchema = "river"
)

var schemas = strings.NewReplacer("main.river_", riverSchema+".river_", "main.", ourSchema+".")

// say is a statement in the database's words.
func (w words) say(text string) string {
	if !w.postgres {
		return text
	}
	var b strings.Builder
	n := 0
	for _, part := range strings.SplitAfter(schemas.Replace(text), "?") {
		if head, ok := strings.CutSuffix(part, "?"); ok {
			n++
			part = head + "$" + strconv.Itoa(n)
		}
		b.WriteString(part)
	}
	return b.String()
}

// querier is a transaction, or what is outside of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// database is what is outside of a transaction.
type database struct {
	*sql.DB
	words
}

func (d database) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return d.DB.QueryContext(ctx, d.say(text), args...)
}

func (d database) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	return d.DB.QueryRowContext(ctx, d.say(text), args...)
}

func (d database) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return d.DB.ExecContext(ctx, d.say(text), args...)
}

// txn is a transaction. With SQLite there is one at a time; with PostgreSQL it locks the
// rows of schedule that it reads, see rowOf.
type txn struct {
	*sql.Tx
	words
}

// idleFor is how long a transaction of a machine that stands still keeps its locks.
const idleFor = "15s"

func (d database) begin(ctx context.Context) (txn, error) {
	tx, err := d.BeginTx(ctx, nil)
	if err == nil && d.postgres {
		if _, err = tx.ExecContext(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '"+idleFor+"', true), set_config('lock_timeout', '"+idleFor+"', true)"); err != nil {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		return txn{}, fmt.Errorf("begin: %w", err)
	}
	return txn{tx, d.words}, nil
}

func (t txn) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return t.Tx.QueryContext(ctx, t.say(text), args...)
}

func (t txn) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(ctx, t.say(text), args...)
}

func (t txn) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return t.Tx.ExecContext(ctx, t.say(text), args...)
}
