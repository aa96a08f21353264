//go:build !windows

package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

// Somebody moves a directory away while a file of it is being written, and puts another
// in its place: what is overwritten is only what was looked at, never what was moved.
func TestMovedDirectoryIsNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put := func(key, text string, body storage.Body) error {
		body.Reader = strings.NewReader(text)
		_, err := s.Put(t.Context(), key, body, storage.Attrs{})
		return err
	}
	if err := put("d/k", "good", storage.Body{}); err != nil {
		t.Fatal(err)
	}
	err := put("d/k", "new", storage.Body{
		Seal: func(storage.Object) error {
			d := filepath.Join(dir, "d")
			return errors.Join(os.Rename(d, filepath.Join(dir, "moved")), os.Mkdir(d, 0o700), os.WriteFile(filepath.Join(d, "k"), []byte("damaged"), 0o600))
		},
		Occupied: func(occupant storage.Object) storage.Resolution {
			if occupant.SHA256 != storage.SumOf([]byte("damaged")) {
				t.Errorf("%v was looked at", occupant)
			}
			return storage.Replace
		},
	})
	for name, want := range map[string]string{"moved/k": "good", "d/k": "damaged"} {
		if b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v; want %q", name, b, err, want)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("the error is %v", err)
	}
}

// What got its name in a directory that was moved meanwhile is not stored.
func TestMovedDirectoryStoresNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Put(t.Context(), "d/k", storage.Body{
		Reader: strings.NewReader("new"),
		Seal: func(storage.Object) error {
			d := filepath.Join(dir, "d")
			return errors.Join(os.Rename(d, filepath.Join(dir, "moved")), os.Mkdir(d, 0o700))
		},
	}, storage.Attrs{})
	if err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("the error is %v", err)
	}
}
