package storagetest

import (
	"os"
	"os/exec"
	"testing"
)

// FUSE mounts a directory of FUSE's at a new place, for one test: files in it are
// in truth another local directory's. That takes bindfs and the right to mount;
// without, the test is skipped, but fails where CI=true says that all is there.
func FUSE(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	FUSEAt(t, dir)
	return dir
}

// FUSEAt is FUSE at a place that is made if need be.
func FUSEAt(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	from := t.TempDir()
	if out, err := exec.Command("bindfs", from, dir).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("can't mount FUSE, and CI=true: %v: %s", err, out)
		}
		t.Skipf("can't mount FUSE here (it takes bindfs): %v: %s", err, out)
	}
	t.Cleanup(func() {
		if exec.Command("umount", dir).Run() == nil {
			return
		}
		if out, err := exec.Command("fusermount", "-u", dir).CombinedOutput(); err != nil { // who isn't root
			t.Errorf("unmount FUSE: %v: %s", err, out)
		}
	})
}
