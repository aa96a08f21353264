package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// The disk of the database is full: what can't be written fails and says so, and all that
// was reported as done is there when there is room again.
func TestDiskOfTheDatabaseIsFull(t *testing.T) {
	t.Parallel()
	notShort(t)
	if postgrestest.Installed() == "" {
		postgrestest.Shared(t) // skips, or fails
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m,mode=755"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small disk can be mounted, and CI=true: %v", err)
		}
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for at := dir; at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil { // for the user postgres
			t.Fatal(err)
		}
	}
	s := postgrestest.StartIn(t, dir)
	path := postgrestest.Named(s.Database(t), "m")
	m := openIt(t, postgres.Open, path)
	filling, err := os.Create(filepath.Join(dir, "full"))
	for block := make([]byte, 64<<10); err == nil; {
		_, err = filling.Write(block)
	}
	filling.Close()
	long, done := strings.Repeat("x", 1000), 0
	for err = nil; err == nil && done < 100_000; done++ {
		err = m.AddTo(t.Context(), fmt.Sprint(done, long), done)
	}
	done-- // the last one failed
	if err == nil || !strings.Contains(err.Error(), "the disk of the database is full") {
		t.Errorf("after %d changes: %v", done, err)
	}
	if err := os.Remove(filling.Name()); err != nil {
		t.Fatal(err)
	}
	s.Stop(t, "immediate") // unless it has done so by itself
	s.Again(t)
	if err := m.AddTo(t.Context(), "a", 1); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	for _, at := range []int{0, done / 2, done - 1} {
		if n, err := m.Number(t.Context(), fmt.Sprint(at, long)); err != nil || n != at {
			t.Errorf("change %d of %d: %d, %v", at, done, n, err)
		}
	}
}
