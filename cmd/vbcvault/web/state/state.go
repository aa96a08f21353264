// Package state keeps what the page itself must remember, in one SQLite database:
// users, sessions, requests for a second person's word, and what was reckoned of audio.
// It holds no recording and nothing that is needed to find one: without it people sign
// in anew, and that is all.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// format is kept in PRAGMA user_version.
const format = 1

// schema is all tables; each is said in the file that uses it.
var schema = strings.Join([]string{
	people,
	forms, holdEnds, handovers, audits,
	peaksSchema,
}, "\n")

// DB is the page's memory. Its methods may be called concurrently. What they have
// returned nil for is durable.
type DB struct {
	db    *sql.DB
	plays plays
}

// Open opens the database at path and makes it if there is none, with its directory, both
// for their owner alone. On a network file system it makes nothing: the error is
// mount.ErrRemote.
func Open(ctx context.Context, path string) (_ *DB, err error) {
	if err := mount.Database("the state of the page", path); err != nil {
		return nil, err
	}
	if err := ownership.Fit(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if abs = filepath.ToSlash(abs); !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "synchronous(FULL)", "journal_mode(WAL)", "secure_delete(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return &DB{db: db}, nil
}

// ErrNewer says that a newer vbcvault has written the database.
var ErrNewer = errors.New("it was written by a newer vbcvault")

func prepare(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var v int
	switch err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); {
	case err != nil:
		return err
	case v == format:
		return nil
	case v > format:
		return ErrNewer
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf("\nPRAGMA user_version = %d;", format)); err != nil {
		return err
	}
	return tx.Commit()
}

// Close ends its use.
func (d *DB) Close() error { return d.db.Close() }

// Count counts the rows of tables, by name.
func (d *DB) Count(ctx context.Context, tables ...string) (map[string]int, error) {
	all := map[string]int{}
	for _, t := range tables {
		var n int
		if err := d.db.QueryRowContext(ctx, `SELECT count(*) FROM "`+strings.ReplaceAll(t, `"`, "")+`"`).Scan(&n); err != nil {
			return nil, err
		}
		all[t] = n
	}
	return all, nil
}
