//go:build !windows

package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// identityOf is what tells a file from every other, and from itself once it has
// been written to: nobody sets the time of its last change (ctime). Zero if the
// system doesn't say.
func identityOf(f *os.File) identity {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil {
		return identity{}
	}
	return identity{uint64(s.Dev), s.Ino, s.Size, unix.TimespecToNsec(s.Mtim), unix.TimespecToNsec(s.Ctim)} //nolint:unconvert // Dev is another type on macOS
}

// markOf is what a file is known by from when it is made, under whatever name and
// whatever becomes of its bytes; "" if the system doesn't say. The number alone isn't
// it: what is removed leaves its number to the next file, which may be somebody else's.
func markOf(f *os.File) string {
	var s unix.Stat_t
	at := born(f)
	if at == 0 || unix.Fstat(int(f.Fd()), &s) != nil || s.Ino == 0 {
		return ""
	}
	return fmt.Sprint("inode ", s.Ino, " of ", at)
}

// syncDir makes the names in a directory durable. Some network file systems
// don't know that call for directories, and there is nothing else to do there.
func (s *Store) syncDir(in *os.Root, dir string) error {
	f, err := in.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unlessUnknown(s.sync(f))
}

// syncFile makes an existing file's bytes durable.
func (s *Store) syncFile(f *os.File) error { return unlessUnknown(s.sync(f)) }

func unlessUnknown(err error) error {
	for _, e := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, syscall.EROFS} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// noLinks reports whether the file system has no hard links.
func noLinks(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isWholesale reports whether an error concerns the whole destination.
func isWholesale(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.ESTALE, syscall.ENOTCONN, syscall.ENODEV, fs.ErrPermission} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lockDir locks a directory, for itself alone if nobody else has it. Closing
// what it returns, or dying, unlocks it. Where locks aren't known, nobody is
// alone, and lock may be nil.
func lockDir(root *os.Root) (lock *os.File, alone bool) {
	f, err := root.Open(".")
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return f, true
	}
	shareDir(f)
	return f, false
}

// shareDir lets others share the lock. Who has it alone has it for a moment.
func shareDir(lock *os.File) { _ = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH) }

// locks says that a file that is open can be locked, and renamed.
const locks = true

// lock shows others that somebody needs a file, until it is closed or this process
// ends. Where files aren't locked, they can't tell.
func lock(f *os.File) { _ = flock(f) }

// tryLock says whether somebody has locked a file, and locks it if nobody has.
func tryLock(f *os.File) use {
	switch err := flock(f); {
	case err == nil:
		return free
	case errors.Is(err, syscall.EWOULDBLOCK):
		return inUse
	}
	return unknown
}

func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
