package service

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the driver

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// File is the name of the state within its directory.
const File = "service.db"

// Format is the newest format of the state, and the one that is written; a service
// upgrades those from OldestFormat on.
const Format, OldestFormat = 1, 1

const (
	// format is the version of our tables and of River's together: it is raised with
	// either. A program refuses a newer one.
	format = Format
	// mark is SQLite's application_id of the file, "vbcs".
	mark = 0x76626373
)

// tables are ours. Times are Unix milliseconds, 0 = none. There are no secrets here,
// and nothing of callers.
const tables = `
-- When work begins, and what is under way of it. A row is there from when the work is
-- first due, or asked for.
CREATE TABLE schedule (
	account TEXT    NOT NULL,            -- its name in the configuration
	kind    TEXT    NOT NULL,
	memory  TEXT    NOT NULL DEFAULT '', -- JSON of schedule.Memory: which timetable, and until when all of it has begun
	next    INTEGER NOT NULL DEFAULT 0,  -- the next start
	due     INTEGER NOT NULL DEFAULT 0,  -- the start of what is under way
	job     INTEGER NOT NULL DEFAULT 0,  -- River's job of that, 0 = nothing is under way
	epoch   INTEGER NOT NULL DEFAULT 0,  -- only rises: jobs of an earlier one do nothing
	run     TEXT    NOT NULL DEFAULT '', -- its UUID, for all that is told of it
	began   INTEGER NOT NULL DEFAULT 0,  -- 0 = it waits for a place
	made_up INTEGER NOT NULL DEFAULT 0,  -- it is made up for a start that was missed
	PRIMARY KEY (account, kind)
) STRICT, WITHOUT ROWID;

-- What all work came to.
CREATE TABLE outcome (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	account   TEXT    NOT NULL,
	kind      TEXT    NOT NULL,
	run       TEXT    NOT NULL,
	job       INTEGER NOT NULL,
	ended     INTEGER NOT NULL,
	exit_code INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,           -- JSON of outcome.Outcome
	tell      INTEGER NOT NULL DEFAULT 0  -- River's job that tells of it, 0 = it is told
) STRICT;
CREATE INDEX outcome_of ON outcome (account, kind, ended);
CREATE INDEX outcome_of_run ON outcome (run);
CREATE INDEX outcome_of_job ON outcome (job);
` + dbfile.Programs

// file is what the state has in common with other files of SQLite.
var file = dbfile.WithPrograms(format)

// kept is how long outcomes are: a report looks back a year.
const kept = 400 * 24 * time.Hour

// waitBusy is how long a change waits for another program's.
const waitBusy = 10 * time.Second

// state is the open file, or the database that several machines share. A file has one
// connection: River expects that of SQLite.
type state struct {
	db     database
	path   string       // of the file, or the database's address
	lock   *flock.Flock // nil if somebody else serves
	shared bool         // it is a database
	lives  *sql.DB      // nil, or its Shared.Lives
}

// Place says whether a service may keep its state in a directory: the error is
// mount.ErrRemote (wrapped) if two machines could have it at once. It makes nothing.
func Place(dir string) error {
	return mount.Database("the state of the service", filepath.Join(dir, File))
}

// lockState takes the state for a service, and makes it if there is none. The lock is
// the operating system's and ends with the process, however that ends.
func lockState(ctx context.Context, dir, program string) (_ *state, err error) {
	path := filepath.Join(dir, File)
	if err := Place(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would create it readable for everybody
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	f.Close()
	s, err := open(ctx, path, program, true)
	if err != nil {
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// lockDir takes a state directory for a service, and makes it if there is none.
func lockDir(ctx context.Context, dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, File)
	if err := ownership.Fit(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	// For a moment, a command that looks whether a service is running has it too.
	free, err := lock.TryLockContext(brief, 20*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), lock.Close())
	}
	if !free {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrServing), lock.Close())
	}
	return lock, nil
}

// openState opens the state beside a service, for looking and asking.
func openState(ctx context.Context, dir string) (*state, error) {
	path := filepath.Join(dir, File)
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNoService)
	}
	if err := Place(dir); err != nil {
		return nil, err
	}
	return open(ctx, path, "", false)
}

// serving reports whether a service has the state in the directory.
func serving(dir string) (bool, error) {
	path := filepath.Join(dir, File+".lock")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil // and none is made: this may be another user than the service's
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	free, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("check whether a service is running: %w", err)
	}
	return !free, lock.Close()
}

func open(ctx context.Context, path, program string, owner bool) (_ *state, err error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := prepare(ctx, db, path, file, program, owner); err != nil {
		if notOurs(err) {
			err = fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &state{db: database{DB: db}, path: path}, nil
}

func dsn(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if abs = filepath.ToSlash(abs); !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", waitBusy.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)"}}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String()
}

// notOurs reports whether SQLite says that a file is none of its own, or damaged.
func notOurs(err error) bool {
	const corrupt, notADatabase = 11, 26
	var e interface {
		error
		Code() int
	}
	return errors.As(err, &e) && (e.Code()&0xff == corrupt || e.Code()&0xff == notADatabase)
}

// prepare makes the tables of a new file, and refuses a file that isn't ours. Either
// all tables are there or none: River's own migrations are no single transaction, and a
// process that is killed between two would leave a file that nobody can use. A file of an
// older format is upgraded by its owner, the service, and by nobody beside that.
func prepare(ctx context.Context, db *sql.DB, path string, as dbfile.File, program string, owner bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var is, version, objects int
	for text, to := range map[string]*int{"PRAGMA application_id": &is, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &objects} {
		if err := tx.QueryRowContext(ctx, text).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case is == 0 && version == 0 && objects == 0:
	case is != mark:
		return ErrDamaged
	case version > as.Format:
		return fmt.Errorf("%w: %w", ErrNewer, as.Newer(ctx, tx, version))
	case version < as.Format && !owner:
		return fmt.Errorf("%w (format %d)", ErrOlder, version)
	case version < as.Format:
		if err := tx.Rollback(); err != nil {
			return err
		}
		return upgrade(ctx, db, path, as, version, program)
	case owner:
		if err := errors.Join(check(ctx, tx), note(ctx, tx, as, program)); err != nil {
			return err
		}
		return tx.Commit()
	default:
		return check(ctx, tx)
	}
	m, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return fmt.Errorf("prepare the queue: %w", err)
	}
	//nolint:staticcheck // deprecated for what PostgreSQL can't do in one transaction; SQLite can
	if _, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("make the queue's tables: %w", err)
	}
	if _, err := tx.ExecContext(ctx, tables+fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", mark, as.Format)); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	if err := note(ctx, tx, as, program); err != nil {
		return err
	}
	return tx.Commit()
}

// note writes down which program it is that knows the file's format.
func note(ctx context.Context, tx *sql.Tx, as dbfile.File, program string) error {
	if _, err := tx.ExecContext(ctx, dbfile.Programs); err != nil {
		return err
	}
	return as.Note(ctx, tx, program)
}

// upgrade brings the file to the newest format, with a copy first.
func upgrade(ctx context.Context, db *sql.DB, path string, as dbfile.File, from int, program string) error {
	reads, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return err
	}
	err = errors.Join(as.Upgrade(ctx, db, reads, path, from, program), reads.Close())
	if errors.Is(err, dbfile.ErrMeanwhile) {
		return prepare(ctx, db, path, as, program, true) // formats only rise, so that comes to an end
	}
	return err
}

// check looks whether the file is whole; it is small.
func check(ctx context.Context, tx *sql.Tx) error {
	var is string
	if err := tx.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&is); err != nil {
		return err
	}
	if is != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, is)
	}
	return nil
}

// Close gives the state back.
func (s *state) Close() error {
	err := s.db.Close()
	if s.lives != nil {
		err = errors.Join(err, s.lives.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// within bounds how long a database somewhere else may take to answer: one that hangs must
// hold nothing up for good.
func (s *state) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.shared {
		return context.WithTimeout(ctx, answersWithin)
	}
	return context.WithCancel(ctx)
}

// answersWithin is that for one change; whoever waits for a row's lock has it by then.
const answersWithin = 30 * time.Second

// change does something in one transaction.
func (s *state) change(ctx context.Context, do func(txn) error) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	tx, err := s.db.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a change of %s: %w", s.path, err)
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a change of %s: %w", s.path, err)
	}
	return nil
}
