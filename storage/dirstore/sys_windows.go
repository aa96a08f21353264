package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// identityOf is what tells a file from every other, and from itself once it has
// been written to. Zero if the system doesn't say.
func identityOf(f *os.File) identity {
	var i syscall.ByHandleFileInformation
	if syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &i) != nil {
		return identity{}
	}
	return identity{
		volume: uint64(i.VolumeSerialNumber), number: uint64(i.FileIndexHigh)<<32 | uint64(i.FileIndexLow),
		size: int64(i.FileSizeHigh)<<32 | int64(i.FileSizeLow), written: i.LastWriteTime.Nanoseconds(),
	}
}

// markOf is what a file is known by from when it is made, under whatever name and
// whatever becomes of its bytes; "" if the system doesn't say.
func markOf(f *os.File) string {
	var i syscall.ByHandleFileInformation
	if syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &i) != nil || i.FileIndexHigh|i.FileIndexLow == 0 {
		return ""
	}
	return fmt.Sprint("file ", i.FileIndexHigh, " ", i.FileIndexLow)
}

// Errors of Windows that the syscall package has no names for.
const (
	invalidFunction = syscall.Errno(1)
	writeProtected  = syscall.Errno(19)
	notSupported    = syscall.Errno(50)
	handleDiskFull  = syscall.Errno(39)
	diskFull        = syscall.Errno(112)
)

// syncDir does nothing: Windows has no such call, and NTFS journals names.
func (s *Store) syncDir(*os.Root, string) error { return nil }

// syncFile does nothing: Windows syncs only what is open for writing, and what
// this store has written was synced then.
func (s *Store) syncFile(*os.File) error { return nil }

// noLinks reports whether the file system has no hard links.
func noLinks(err error) bool {
	return errors.Is(err, invalidFunction) || errors.Is(err, notSupported)
}

// isWholesale reports whether an error concerns the whole destination.
func isWholesale(err error) bool {
	return errors.Is(err, diskFull) || errors.Is(err, handleDiskFull) || errors.Is(err, writeProtected) || errors.Is(err, fs.ErrPermission)
}

// lockDir does nothing: Windows locks no directories. Of two that begin to
// write into one at the same moment, the second may take an unfinished file
// from the first, which then fails and is said again.
func lockDir(*os.Root) (lock *os.File, alone bool) { return nil, true }

func shareDir(*os.File) {}

// locks says that what is open can't be renamed, so that nothing is kept open to
// show that somebody needs it.
const locks = false

func lock(*os.File) {}

// tryLock takes what nobody has open for free: Windows removes nothing else.
func tryLock(*os.File) use { return free }
