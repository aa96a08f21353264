package dbfile_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
)

// letters is a kind of file whose second format writes its letters twice.
var letters = dbfile.File{
	Format: 2, Read: "SELECT version FROM program", Write: "INSERT OR REPLACE INTO program VALUES (1, ?)",
	Steps: map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE letter SET text = text || text")
		return err
	}},
}

func connect(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

func execute(t *testing.T, db *sql.DB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
}

// older makes a file of the first format, two connections to it.
func older(t *testing.T) (path string, writes, reads *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "letters")
	writes, reads = connect(t, path), connect(t, path)
	execute(t, writes, "CREATE TABLE letter (text TEXT); CREATE TABLE program (one INTEGER PRIMARY KEY, version TEXT)", "PRAGMA user_version = 1", "INSERT INTO letter VALUES ('a'), ('b')")
	return path, writes, reads
}

// has fails unless a file has this format and these letters.
func has(t *testing.T, path string, format int, want string) {
	t.Helper()
	db := connect(t, path)
	v, err := dbfile.FormatOf(t.Context(), db)
	var got string
	if err == nil {
		err = db.QueryRow("SELECT group_concat(text, ' ') FROM letter").Scan(&got)
	}
	if err != nil || v != format || got != want {
		t.Errorf("%s has format %d and %q, %v; want %d and %q", path, v, got, err, format, want)
	}
}

// Of several programs that upgrade a file at once one does, and its copy is of the
// format before.
func TestOneOfManyUpgrades(t *testing.T) {
	t.Parallel()
	path, _, _ := older(t)
	var all sync.WaitGroup
	done := make(chan error, 8)
	for range cap(done) {
		writes, reads := connect(t, path), connect(t, path)
		all.Go(func() { done <- letters.Upgrade(context.Background(), writes, reads, path, 1, "v1.4.0") })
	}
	all.Wait()
	close(done)
	upgraded := 0
	for err := range done {
		switch {
		case err == nil:
			upgraded++
		case !errors.Is(err, dbfile.ErrMeanwhile):
			t.Error(err)
		}
	}
	if upgraded != 1 {
		t.Errorf("%d have upgraded it", upgraded)
	}
	has(t, path, 2, "aa bb")
	has(t, dbfile.Copied(path, 1), 1, "a b")
	if info, err := os.Stat(dbfile.Copied(path, 1)); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read the copy: %v, %v", info.Mode(), err)
	}
	if e, ok := errors.AsType[*dbfile.NewerError](letters.Newer(t.Context(), connect(t, path), 2)); !ok || e.Program != "v1.4.0" {
		t.Errorf("it is said to be of %+v", e)
	}
}

// What others want to write while a file is copied waits: the copy is just what was
// upgraded.
func TestNothingIsWrittenBetweenCopyAndUpgrade(t *testing.T) {
	t.Parallel()
	path, writes, reads := older(t)
	other, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	checked := letters
	checked.Steps = map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
		has(t, dbfile.Copied(path, 1), 1, "a b") // it has its name by now
		if _, err := other.Exec("INSERT INTO letter VALUES ('c')"); err == nil {
			t.Error("somebody writes while the file is upgraded")
		}
		return letters.Steps[1](tx)
	}}
	if err := checked.Upgrade(t.Context(), writes, reads, path, 1, ""); err != nil {
		t.Fatal(err)
	}
	has(t, path, 2, "aa bb")
}

// dying is set in a process that dies in the middle of an upgrade of this file.
const dying = "VBCVAULT_TEST_DIES_UPGRADING"

func TestMain(m *testing.M) {
	path := os.Getenv(dying)
	if path == "" {
		os.Exit(m.Run())
	}
	f := letters
	f.Steps = map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
		err := letters.Steps[1](tx)
		println(err == nil)
		os.Exit(9)
		return nil
	}}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=cache_size(0)")
	if err == nil {
		err = f.Upgrade(context.Background(), db, db, path, 1, "v1.4.0")
	}
	panic(err)
}

// A program that dies in the middle, and steps that fail, leave the file as it was; the
// next program upgrades it.
func TestUpgradeIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	path, writes, reads := older(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), dying+"="+path)
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 9 || string(out) != "true\n" {
		t.Fatalf("it did not die: %s", out)
	}
	has(t, path, 1, "a b")

	broken := letters
	broken.Steps = map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
		return errors.Join(letters.Steps[1](tx), errors.New("it can't be"))
	}}
	err = broken.Upgrade(t.Context(), writes, reads, path, 1, "")
	if e, ok := errors.AsType[*dbfile.UpgradeError](err); !ok || e.Full || e.Path != path || e.Bytes == 0 || !strings.Contains(err.Error(), "from format 1 to 2: it can't be") {
		t.Errorf("%#v", err)
	}
	has(t, path, 1, "a b")

	filling := letters
	filling.Steps = map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
		_, err := tx.Exec("PRAGMA max_page_count = 1")
		if err == nil {
			_, err = tx.Exec("INSERT INTO letter VALUES (zeroblob(1000000))")
		}
		return err
	}}
	err = filling.Upgrade(t.Context(), writes, reads, path, 1, "")
	if e, ok := errors.AsType[*dbfile.UpgradeError](err); !ok || !e.Full {
		t.Errorf("%#v", err)
	}
	has(t, path, 1, "a b")
	execute(t, writes, "PRAGMA max_page_count = 1000000")

	if err := os.Mkdir(dbfile.Copied(path, 1)+".unfinished", 0o700); err != nil { // there can be no copy
		t.Fatal(err)
	}
	if err := letters.Upgrade(t.Context(), writes, reads, path, 1, ""); err == nil {
		t.Error("it is upgraded without a copy")
	}
	has(t, path, 1, "a b")
	if err := os.Remove(dbfile.Copied(path, 1) + ".unfinished"); err != nil {
		t.Fatal(err)
	}
	if err := letters.Upgrade(t.Context(), writes, reads, path, 1, ""); err != nil {
		t.Fatal(err)
	}
	has(t, path, 2, "aa bb")
}

// A file names the earliest release that is known to know its format, and nothing that
// nobody can install.
func TestProgramThatIsNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ by, want, needed string }{
		{"", "", "a newer vbcvault"}, {"devel", "devel", "a newer vbcvault"}, {"v0.0.0-dev.20261128060102.0123456789ab", "", "a newer vbcvault"},
		{"v1.4.0", "v1.4.0", "vbcvault v1.4.0 or a later version"}, {"v1.4.0-rc.1", "v1.4.0-rc.1", "vbcvault v1.4.0-rc.1 or a later version"},
		{"v1.4.1-0.20261128060102-0123456789ab", "", "a newer vbcvault"}, {"<b>v1.4.0", "", "a newer vbcvault"},
	} {
		_, db, _ := older(t)
		if c.by != "" {
			if err := letters.Note(t.Context(), db, c.by); err != nil {
				t.Fatal(err)
			}
		}
		err := letters.Newer(t.Context(), db, 3)
		if e, ok := errors.AsType[*dbfile.NewerError](err); !ok || !strings.HasPrefix(e.Needed(), c.needed) || e.Program != "" && !strings.Contains(err.Error(), "format 3, written by vbcvault "+c.want+"; this program knows formats up to 2") {
			t.Errorf("%q: %v", c.by, err)
		}
	}
	_, db, _ := older(t)
	for _, c := range []struct{ by, want string }{
		{"devel", "devel"}, {"", "devel"}, {"v1.5.0", "v1.5.0"}, {"devel", "v1.5.0"}, {"v1.6.0", "v1.5.0"}, {"v1.10.0", "v1.5.0"}, {"v1.4.2", "v1.4.2"}, {"v1.5.0", "v1.4.2"},
	} {
		if err := letters.Note(t.Context(), db, c.by); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.QueryRow(letters.Read).Scan(&got); err != nil || got != c.want {
			t.Errorf("after %q it says %q, want %q (%v)", c.by, got, c.want, err)
		}
	}
	// What has no place for it is newer all the same.
	bare := connect(t, filepath.Join(t.TempDir(), "bare"))
	if e, ok := errors.AsType[*dbfile.NewerError](letters.Newer(t.Context(), bare, 3)); !ok || e.Program != "" {
		t.Errorf("%+v", e)
	}
}
