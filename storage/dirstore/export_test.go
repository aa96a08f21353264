package dirstore

import (
	"os"
	"path/filepath"
	"syscall"
)

// WithoutLinks has the store meet a file system that has no hard links.
func (s *Store) WithoutLinks() *Store {
	s.link = func(_ *os.Root, old, new string) error {
		return &os.LinkError{Op: "link", Old: old, New: new, Err: syscall.EPERM}
	}
	return s
}

// CountSyncs has the store tell of each sync of a file or directory that is there
// already.
func (s *Store) CountSyncs(told func(name string)) {
	s.sync = func(f *os.File) error {
		told(filepath.Base(f.Name()))
		return f.Sync()
	}
}

// MostSynced is how many files a store remembers as durable.
const MostSynced = mostSynced

// Remember has the store remember another file as durable.
func (s *Store) Remember(key string) { s.synced.add(key, identity{number: 1}) }
