//go:build !windows

package dirstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
)

// statSyncs is what a Stat syncs. It reads the file whatever that is.
func statSyncs(t *testing.T, s *dirstore.Store, key, content string) (synced []string) {
	t.Helper()
	s.CountSyncs(func(name string) { synced = append(synced, name) })
	has, err := s.Stat(t.Context(), storage.Object{Key: key})
	if err != nil || has.SHA256 != storage.SumOf([]byte(content)) {
		t.Errorf("%+v, %v; want %q", has, err, content)
	}
	return synced
}

// What a Store has made durable isn't synced again, until somebody changes it; what
// another one has is, since it may have died before.
func TestSyncedOnce(t *testing.T) {
	t.Parallel()
	const key, content = "a/b/k", "recording"
	for _, links := range []bool{true, false} {
		dir := t.TempDir()
		s := open(t, dir)
		if !links {
			s.WithoutLinks()
		}
		if _, err := s.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(content)}, storage.Attrs{}); err != nil {
			t.Fatal(err)
		}
		if again := statSyncs(t, s, key, content); len(again) != 0 {
			t.Errorf("links %v: synced again after Put: %q", links, again)
		}
		// The file, its name, and the names of the directories on the way.
		if found := statSyncs(t, open(t, dir), key, content); len(found) != 4 || found[0] != "k" {
			t.Errorf("links %v: of a file found there, %q are synced", links, found)
		}
		name := filepath.Join(dir, key)
		write := func(to string) error { return os.WriteFile(to, []byte(content), 0o600) }
		for _, c := range []struct {
			what   string
			change func() error
		}{
			{"written to", func() error { return write(name) }},
			{"replaced", func() error { return errors.Join(write(name+".new"), os.Rename(name+".new", name)) }},
			{"moved away and back", func() error { return errors.Join(os.Rename(name, name+".old"), os.Rename(name+".old", name)) }},
			{"with its directory replaced", func() error {
				at := filepath.Dir(name)
				return errors.Join(os.Rename(at, at+".old"), os.Mkdir(at, 0o700), os.Rename(filepath.Join(at+".old", "k"), name))
			}},
		} {
			if err := c.change(); err != nil {
				t.Fatal(err)
			}
			if first := statSyncs(t, s, key, content); !slices.Contains(first, "k") || len(first) < 2 {
				t.Errorf("links %v: %s: synced %q; want the file and its directory", links, c.what, first)
			}
			if again := statSyncs(t, s, key, content); len(again) != 0 {
				t.Errorf("links %v: %s: synced again: %q", links, c.what, again)
			}
		}
	}
}

// Somebody else writes to the file before Put has returned: what Put has synced
// isn't what is there.
func TestChangedDuringPut(t *testing.T) {
	t.Parallel()
	const key, content = "a/k", "recording"
	dir := t.TempDir()
	s := open(t, dir)
	s.CountSyncs(func(string) { // the file has its name, which is about to be synced
		f, err := os.OpenFile(filepath.Join(dir, key), os.O_WRONLY|os.O_TRUNC, 0)
		if errors.Is(err, os.ErrNotExist) {
			return // it is a directory's name yet
		}
		if err == nil {
			_, err = f.WriteString("other, and longer")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(content)}, storage.Attrs{}); err != nil {
		t.Fatal(err)
	}
	if synced := statSyncs(t, s, key, "other, and longer"); len(synced) < 2 {
		t.Errorf("synced %q", synced)
	}
}

// Many files are remembered, not all: what is forgotten is synced again.
func TestSyncedForgets(t *testing.T) {
	t.Parallel()
	const content = "x"
	s := open(t, t.TempDir())
	put := func(key string) {
		if _, err := s.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(content)}, storage.Attrs{}); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	for i := range dirstore.MostSynced {
		s.Remember(fmt.Sprint("other ", i))
	}
	put("last")
	if synced := statSyncs(t, s, "first", content); len(synced) != 2 {
		t.Errorf("the first: %q", synced)
	}
	if synced := statSyncs(t, s, "last", content); len(synced) != 0 {
		t.Errorf("the last: %q", synced)
	}
}

// A directory that is renamed under an open Store doesn't take what is put or
// looked for at its old path.
func TestDirectoryRenamedUnderTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put := func(key string) error {
		_, err := s.Put(t.Context(), key, storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{})
		return err
	}
	if err := put("a/b/k"); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(dir, "moved")
	if err := os.Rename(filepath.Join(dir, "a"), moved); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), storage.Object{Key: "a/b/k"}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Stat: %v; want ErrNotFound", err)
	}
	if err := put("a/b/l"); err == nil {
		if _, err := os.Stat(filepath.Join(dir, "a/b/l")); err != nil {
			t.Errorf("Put said nothing: %v", err)
		}
	}
	if files, err := os.ReadDir(filepath.Join(moved, "b")); err != nil || len(files) != 1 {
		t.Errorf("moved: %v, %v; want the first file alone", files, err)
	}
}
