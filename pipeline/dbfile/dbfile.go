// Package dbfile has what all our SQLite files have in common: a format, which is a
// number in PRAGMA user_version; the version of the program that brought the file to
// it, so that an older program can say which one is needed; and how a file of an older
// format is brought up to date.
//
// An upgrade holds the file's write lock from its first look to its commit. Under it
// the format is read again, so that of two programs at once only one upgrades; the file
// is copied (FILE.formatN), by a second connection that sees just what is going to be
// upgraded; the copy is on disk under its name; and only then anything is changed, in
// the one transaction. A crash, a full disk or a kill at any moment before the commit
// leaves the file as it was, and perhaps a copy, which the next upgrade replaces.
package dbfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// File is what a program knows of one kind of file.
type File struct {
	// Format is the newest one that it knows, and the one that it writes.
	Format int
	// Steps lead from each format to the next, in the transaction of the upgrade.
	Steps map[int]func(*sql.Tx) error
	// Read is a query for the version that Write has written down: one row, or none.
	Read string
	// Write notes a version, its one parameter, in place of what was noted before.
	Write string
}

// Programs is a table for the version, in one row, for files that have no other place for
// it. It is no part of their format: files that were made before it get it.
const Programs = `
CREATE TABLE IF NOT EXISTS program (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	version TEXT NOT NULL
) STRICT;
`

// WithPrograms is a file of a format that has the table Programs.
func WithPrograms(format int) File {
	return File{
		Format: format,
		Read:   "SELECT version FROM program",
		Write:  "INSERT OR REPLACE INTO program (one, version) VALUES (1, ?)",
	}
}

// Querier is a database, a connection or a transaction.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// FormatOf is the format of a file; 0 is that of an empty one.
func FormatOf(ctx context.Context, q Querier) (format int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&format)
	return format, err
}

// NewerError says that a file has a format that this program doesn't know.
type NewerError struct {
	Format, Knows int
	Program       string // that has written it, as in v1.2.3; "" = nobody knows
}

func (e *NewerError) Error() string {
	by := ""
	if e.Program != "" {
		by = ", written by vbcvault " + e.Program
	}
	return fmt.Sprintf("it has format %d%s; this program knows formats up to %d", e.Format, by, e.Knows)
}

// Needed says which program to use instead.
func (e *NewerError) Needed() string {
	if e.Program == "" {
		return "a newer vbcvault: the version that was used last, or a later one"
	}
	return "vbcvault " + e.Program + " or a later version"
}

// Newer is a *NewerError about a file of format has, with the program that wrote it as
// far as the file says so.
func (f File) Newer(ctx context.Context, q Querier, has int) error {
	e := &NewerError{Format: has, Knows: f.Format}
	var by string
	// Whatever a later program has made of it: its version is help, and no more.
	if err := q.QueryRowContext(ctx, f.Read).Scan(&by); err == nil && Release(by) {
		e.Program = by
	}
	return e
}

// Note writes down, in a file of f's format, that this program knows it: unless an
// earlier release is there, which will do, too.
func (f File) Note(ctx context.Context, db interface {
	Querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, program string) error {
	var by string
	err := db.QueryRowContext(ctx, f.Read).Scan(&by)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	case program == "" || by == program || Release(by) && (!Release(program) || semver.Compare(by, program) < 0):
		return nil
	}
	_, err = db.ExecContext(ctx, f.Write, program)
	return err
}

// Release reports whether a version is one that somebody can install: v1.2.3, and not
// what was built between two releases.
func Release(version string) bool {
	return semver.IsValid(version) && semver.Canonical(version) == version && !strings.HasPrefix(version, "v0.0.0-") && !strings.HasPrefix(semver.Prerelease(version), "-0.")
}
