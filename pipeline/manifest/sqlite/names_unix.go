//go:build unix

package sqlite

import (
	"os"
	"syscall"
)

// names counts the hard links of a file.
func names(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
		return uint64(s.Nlink), nil //nolint:unconvert // its type differs by system
	}
	return 1, nil
}
