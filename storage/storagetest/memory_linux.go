package storagetest

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What TempInMemory needs: tests have had 1 GB there at once.
const (
	memory     = "/dev/shm"
	memoryNeed = 4 << 30
	tempName   = "vbcvault-test-"
)

// TempInMemory has this process, and whatever it starts, make temporary files in
// memory, which takes half the CPU and none of the waiting: what is tested is the
// death of a process, which loses nothing that it wrote, and not of a machine.
// Whoever sets TMPDIR, or has no such memory that does what a disk does, keeps
// what there is. The function returned removes the files.
func TempInMemory() (remove func()) {
	nothing := func() {}
	var fs unix.Statfs_t
	if os.Getenv("TMPDIR") != "" || unix.Statfs(memory, &fs) != nil || fs.Type != unix.TMPFS_MAGIC ||
		fs.Flags&unix.ST_NOEXEC != 0 || fs.Bavail*uint64(fs.Bsize) < memoryNeed {
		return nothing
	}
	removeAbandoned()
	dir, leash, err := newTemp()
	if err != nil {
		return nothing
	}
	remove = func() {
		_ = os.RemoveAll(dir)
		leash.Close()
	}
	// The S3 server keeps what it knows of an object beside its bytes.
	if err := errors.Join(unix.Setxattr(dir, "user.vbcvault", []byte("x"), 0), os.Setenv("TMPDIR", dir)); err != nil {
		remove()
		return nothing
	}
	return remove
}

// newTemp makes a directory, and holds it by a lock that ends with this process.
func newTemp() (string, *os.File, error) {
	dir, err := os.MkdirTemp(memory, tempName)
	if err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run the program as nobody
		return "", nil, err
	}
	leash, err := lock(dir)
	if err != nil { // another process takes it for abandoned
		return "", nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		leash.Close()
		return "", nil, err
	}
	return dir, leash, nil
}

// removeAbandoned removes what killed processes have left, which would fill memory.
func removeAbandoned() {
	found, _ := filepath.Glob(filepath.Join(memory, tempName+"*"))
	for _, dir := range found {
		if leash, err := lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			leash.Close()
		}
	}
}

func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
