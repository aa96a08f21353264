package dirstore

import (
	"os"
	"syscall"
)

// WithoutLinks has the store meet a file system that has no hard links.
func (s *Store) WithoutLinks() *Store {
	s.link = func(old, new string) error { return &os.LinkError{Op: "link", Old: old, New: new, Err: syscall.EPERM} }
	return s
}
