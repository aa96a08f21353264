//go:build unix

package spool

import "golang.org/x/sys/unix"

// FreeBytes is how much room the disk of a directory has for us.
func FreeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return s.Bavail * uint64(s.Bsize), err
}
