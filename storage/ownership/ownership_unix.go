//go:build unix

package ownership

import (
	"os"
	"syscall"
)

func of(info os.FileInfo) (uid uint32, ok bool) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid, true
	}
	return 0, false
}
