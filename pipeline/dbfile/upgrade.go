package dbfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrMeanwhile says that another program has changed the format of the file first. It
// was left alone: look at its format anew.
var ErrMeanwhile = errors.New("another program has upgraded it meanwhile")

// UpgradeError says that a file could not be upgraded. It is as it was.
type UpgradeError struct {
	Path  string // of the file
	Bytes int64  // its size, 0 = unknown
	Full  bool   // the disk is
	Err   error
}

func (e *UpgradeError) Error() string { return e.Err.Error() }
func (e *UpgradeError) Unwrap() error { return e.Err }

// Copied is where the copy of a file is that was made before an upgrade from a format.
func Copied(path string, format int) string { return fmt.Sprintf("%s.format%d", path, format) }

// Upgrade brings the file at path from an older format to f's, with a copy first. The
// transactions of writes begin with the write lock (BEGIN IMMEDIATE); reads is another
// connection to the same file. On nil the upgrade and the copy are on disk. The error is
// ErrMeanwhile, or an *UpgradeError.
func (f File) Upgrade(ctx context.Context, writes, reads *sql.DB, path string, from int, program string) error {
	err := f.upgrade(ctx, writes, reads, path, from, program)
	if err == nil || errors.Is(err, ErrMeanwhile) {
		return err
	}
	e := &UpgradeError{Path: path, Err: err, Full: full(err)}
	if info, err := os.Stat(path); err == nil {
		e.Bytes = info.Size()
	}
	return e
}

func (f File) upgrade(ctx context.Context, writes, reads *sql.DB, path string, from int, program string) error {
	tx, err := writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	switch v, err := FormatOf(ctx, tx); {
	case err != nil:
		return err
	case v != from:
		return ErrMeanwhile
	}
	if err := Copy(ctx, reads, Copied(path, from), true); err != nil {
		return fmt.Errorf("copy it before upgrading it: %w", err)
	}
	for v := from; v < f.Format; v++ {
		if err := f.Steps[v](tx); err != nil {
			return fmt.Errorf("upgrade it from format %d to %d: %w", v, v+1, err)
		}
	}
	// The format is new, and with it the version that is needed.
	if program != "" {
		if _, err := tx.ExecContext(ctx, f.Write, program); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", f.Format)); err != nil {
		return err
	}
	return tx.Commit()
}

// Results of SQLite.
const (
	ioError  = 10
	diskFull = 13
)

func full(err error) bool { return result(err) == diskFull }

// DiskTrouble reports whether SQLite says that it can't read or write a file.
func DiskTrouble(err error) bool { return full(err) || result(err) == ioError }

// result is what SQLite has answered, 0 if the error isn't one of SQLite's.
func result(err error) int {
	var e interface {
		error
		Code() int
	}
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// Copy copies a database into a new file (0600), as it is at this moment, also while
// others use it. The copy comes into being whole or not at all; on nil it is on disk.
// What is at path already is replaced, or an error.
func Copy(ctx context.Context, db *sql.DB, path string, replace bool) error {
	if _, err := os.Lstat(path); err == nil && !replace {
		return fmt.Errorf("%s already exists", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("there is no directory %s; create it first", filepath.Dir(path))
	}
	unfinished := path + ".unfinished"
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() { _ = os.Remove(unfinished) }() // the copy has a name of its own by then, or there is none
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", unfinished); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not everywhere; without it, a power failure may leave the other name
		dir.Close()
	}
	return nil
}
