package dirstore_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// mount gives a test a file system of its own. It takes the right to mount.
func mount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("can't mount a file system here: %v", err)
	}
}

func TestFullAndReadOnlyDisksAreRefused(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, 0, "size=64k")
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir)
	id, err := s.Probe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	body := func() storage.Body { return storage.Body{Reader: strings.NewReader(strings.Repeat("x", 1<<20))} }
	if _, err := s.Put(t.Context(), "a/k", body(), storage.Attrs{}); !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "free space") {
		t.Errorf("full disk: %v; want it refused, with a word about free space", err)
	}
	if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil || len(storagetest.Keys(t, s)) != 0 {
		t.Errorf("the full disk is left with %d temporary files, %q, %v", n, storagetest.Keys(t, s), err)
	}
	if _, err := s.Put(t.Context(), "a/k", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{}); err != nil {
		t.Fatal(err)
	}

	mount(t, dir, syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if _, err := s.Put(t.Context(), "a/l", body(), storage.Attrs{}); !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("read-only disk: %v", err)
	}
	if _, err := s.Probe(t.Context(), id); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("probe of a read-only disk: %v", err)
	}
	if _, err := s.Stat(t.Context(), storage.Object{Key: "a/k"}); err != nil {
		t.Errorf("what is on a read-only disk is not proven: %v", err)
	}
}
