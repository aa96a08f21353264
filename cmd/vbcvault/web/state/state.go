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

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// Format is the newest format of the database, kept in PRAGMA user_version, and the one
// that is written; those from OldestFormat on are upgraded.
const Format, OldestFormat = 1, 1

// file is what the database has in common with other files of SQLite.
var file = dbfile.WithPrograms(Format)

// schema is all tables; each is said in the file that uses it.
var schema = strings.Join([]string{
	people,
	forms, holdEnds, handovers, audits,
	peaksSchema,
	dbfile.Programs,
}, "\n")

// DB is the page's memory. Its methods may be called concurrently. What they have
// returned nil for is durable.
type DB struct {
	db    *sql.DB
	plays plays
}

// Open opens the database at path and makes it if there is none, with its directory, both
// for their owner alone. On a network file system it makes nothing: the error is
// mount.ErrRemote. One of an older format is copied beside, and upgraded. Program is the
// version of the program, which the database says to programs that are too old for it.
func Open(ctx context.Context, path, program string) (_ *DB, err error) {
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
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db, path, file, program); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return &DB{db: db}, nil
}

func connect(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if abs = filepath.ToSlash(abs); !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "synchronous(FULL)", "journal_mode(WAL)", "secure_delete(1)"}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
}

// ErrNewer says that a newer vbcvault has written the database.
var ErrNewer = errors.New("it was written by a newer vbcvault")

// prepare makes the tables of a new database, or brings an older one up to date.
func prepare(ctx context.Context, db *sql.DB, path string, as dbfile.File, program string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	v, err := dbfile.FormatOf(ctx, tx)
	make := dbfile.Programs
	switch {
	case err != nil:
		return err
	case v > as.Format:
		return fmt.Errorf("%w: %w", ErrNewer, as.Newer(ctx, tx, v))
	case v == 0:
		make = schema + fmt.Sprintf("\nPRAGMA user_version = %d;", as.Format)
	case v < as.Format:
		if err := tx.Rollback(); err != nil {
			return err
		}
		return upgrade(ctx, db, path, as, v, program)
	}
	if _, err := tx.ExecContext(ctx, make); err != nil {
		return err
	}
	if err := as.Note(ctx, tx, program); err != nil {
		return err
	}
	return tx.Commit()
}

// upgrade brings a database to the newest format, with a copy first.
func upgrade(ctx context.Context, db *sql.DB, path string, as dbfile.File, from int, program string) error {
	reads, err := connect(path)
	if err != nil {
		return err
	}
	err = errors.Join(as.Upgrade(ctx, db, reads, path, from, program), reads.Close())
	if errors.Is(err, dbfile.ErrMeanwhile) {
		return prepare(ctx, db, path, as, program) // formats only rise, so that comes to an end
	}
	return err
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
