//go:build !windows

package dirstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// Somebody else is at work in the directory: what they are writing stays, and what
// is left of one who died goes, be it a file or a lock.
func TestTidyLeavesToTheLivingWhatIsTheirs(t *testing.T) {
	dir := t.TempDir()
	theirs, ours := open(t, dir), open(t, dir)
	orphan := filepath.Join(dir, "a", ".vbcvault-tmp-orphan")
	body := &reading{strings.NewReader("theirs"), func() {
		if err := os.WriteFile(orphan, nil, 0o600); err != nil {
			t.Error(err)
		}
		if n, err := ours.Tidy(t.Context(), ""); n != 1 || err != nil {
			t.Errorf("tidy removed %d, %v; want the orphan alone", n, err)
		}
	}}
	sealed := func(storage.Object) error {
		if n, err := ours.Tidy(t.Context(), ""); n != 0 || err != nil {
			t.Errorf("tidy removed %d, %v", n, err)
		}
		return nil
	}
	if _, err := theirs.Put(t.Context(), "a/k", storage.Body{Reader: body, Seal: sealed}, storage.Attrs{}); err != nil {
		t.Errorf("their Put: %v", err)
	}
	if keys := storagetest.Keys(t, ours); len(keys) != 1 {
		t.Errorf("%q", keys)
	}
}

// A lock of a process that lives stays; once it has died, it doesn't.
func TestTidyRemovesLocksOfTheDead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	name := filepath.Join(dir, ".vbcvault-tmp-lock-0123456789abcdef")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Skipf("no locks here: %v", err)
	}
	// The process that holds it: the lock goes with the file that it inherits.
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Skipf("no sleep here: %v", err)
	}
	f.Close()
	if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("tidy removed %d, %v, of one who lives", n, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n, err := s.Tidy(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("tidy removed %d, %v, of one who is dead", n, err)
	}
}

// Whatever becomes of the bytes of a file, it is known by what Seal was told of it;
// another one that has its name isn't.
func TestDamagedFileIsKnownAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var told storage.Object
	_, err := s.Put(t.Context(), "a/k", storage.Body{Reader: strings.NewReader("whole"), Seal: func(o storage.Object) error { told = o; return nil }}, storage.Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "a", "k")
	for _, damage := range []func(){func() { storagetest.FlipByte(t, name) }, func() { storagetest.Truncate(t, name) }} {
		damage()
		if has, err := s.Stat(t.Context(), storage.Object{Key: "a/k"}); err != nil || has.Content == told.Content || !has.Bears(told) {
			t.Errorf("%+v, %v; want it known as %+v", has, err, told)
		}
	}
	if err := os.WriteFile(name+"2", []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+"2", name); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Stat(t.Context(), storage.Object{Key: "a/k"}); err != nil || has.Bears(told) {
		t.Errorf("%+v, %v; want it not taken for %+v", has, err, told)
	}
	// The numbers of files that are no more are given again.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	for try := range 50 {
		var last storage.Object
		_, err := s.Put(t.Context(), "a/k", storage.Body{Reader: strings.NewReader(fmt.Sprint(try)), Seal: func(o storage.Object) error { last = o; return nil }}, storage.Attrs{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("another's, whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		if has, err := s.Stat(t.Context(), storage.Object{Key: "a/k"}); err != nil || has.Bears(last) {
			t.Fatalf("%+v, %v; want it not taken for %+v", has, err, last)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}
