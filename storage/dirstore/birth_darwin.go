package dirstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// born is when a file was made, in nanoseconds; 0 if the system doesn't say.
func born(f *os.File) int64 {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil {
		return 0
	}
	return unix.TimespecToNsec(s.Btim)
}
