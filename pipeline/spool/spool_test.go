package spool

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A directory that is larger than the recordings account for isn't read.
func TestHugeDirectoryOfAZIP(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 200 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i), Comment: strings.Repeat("x", 65000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open("", filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Room(1); err != nil {
		t.Fatal(err)
	}
	f, err := s.Keep(bytes.NewReader(b.Bytes()), 1<<30, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Open(10); err == nil || !strings.Contains(err.Error(), "directory is too large") {
		t.Errorf("%v", err)
	}
}

// The spool of another manifest in the same directory is left alone.
func TestSpoolLeftovers(t *testing.T) {
	dir := t.TempDir()
	one, err := Open(dir, "/a/one.manifest")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Open(dir, "/a/two.manifest")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Spool{one, two} {
		if err := s.Room(1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Keep(strings.NewReader("x"), 10, func(int) {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, "/a/one.manifest"); err != nil { // after a crash
		t.Fatal(err)
	}
	if _, err := os.Stat(one.dir); !os.IsNotExist(err) {
		t.Errorf("left by the run before: %v", err)
	}
	if left, err := fs.Glob(os.DirFS(two.dir), "*.zip"); err != nil || len(left) != 1 {
		t.Errorf("another manifest's: %v, %v", left, err)
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
	if err := two.Room(1 << 60); err == nil || !strings.Contains(err.Error(), "--spool-dir") {
		t.Errorf("no disk is so large: %v", err)
	}
}
