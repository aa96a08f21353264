package service

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// A file that isn't ours, is damaged, or of a newer program is refused, and left.
func TestStateIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		want   error
	}{
		"no database": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
		"another program's": {func(t *testing.T, path string) { execute(t, path, "PRAGMA application_id = 4711") }, ErrDamaged},
		"newer":             {func(t *testing.T, path string) { execute(t, path, "PRAGMA user_version = 99") }, ErrNewer},
		"damaged": {func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())-4096), 4096); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "a")
			s, err := New(t.Context(), h.options)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.state.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(h.dir, File)
			c.change(t, path)
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := New(t.Context(), h.options); !errors.Is(err, c.want) {
				t.Errorf("serve: %v", err)
			}
			if _, err := Open(t.Context(), h.dir); !errors.Is(err, c.want) {
				t.Errorf("jobs: %v", err)
			}
			if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, was) {
				t.Errorf("the file was changed: %v", err)
			}
			if there, err := serving(h.dir); there || err != nil {
				t.Errorf("the lock is kept: %v", err)
			}
		})
	}
}

// On a file system that several machines may have, nothing is made.
func TestStateIsNotOnFUSE(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a")
	there := storagetest.FUSE(t)
	h.options.StateDir = filepath.Join(there, "state")
	s, err := New(t.Context(), h.options)
	if !errors.Is(err, mount.ErrRemote) {
		t.Errorf("serve: %v", err)
	}
	if err == nil {
		_ = s.state.Close()
	}
	if left, err := os.ReadDir(there); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func execute(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}
