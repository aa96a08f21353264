package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

func open(t *testing.T, path string) *sqlite.Manifest {
	t.Helper()
	m, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// A manifest may lie wherever a file may, and is nobody else's to read.
func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "m?% #")
	open(t, path).Close()
	for at, want := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(at)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", at, info.Mode(), err)
		}
	}
	open(t, path)
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m := open(t, path)
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, manifest.ErrLocked) {
		t.Errorf("%v; want ErrLocked", err)
	}
	ro, err := sqlite.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ro.Close()
	m.Close()
	open(t, path)
}

func TestForeignFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, "none")); !sqlite.Missing(err) {
		t.Errorf("none: %v", err)
	}
	newer := filepath.Join(dir, "newer")
	open(t, newer).Close()
	for path, text := range map[string]string{newer: "PRAGMA user_version = 99", filepath.Join(dir, "other"): "CREATE TABLE t (x)"} {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		db.Close()
		_, err = sqlite.Open(t.Context(), path)
		if err == nil || path == newer && !errors.Is(err, manifest.ErrNewer) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
