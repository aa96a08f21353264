package dirstore

import (
	"errors"
	"io/fs"
	"os"
	"path"
)

// makeDirs creates the directories of a key and makes their names durable. Those
// that are there already may have been left by a crash before their names were
// synced, so each is synced once per process.
func (s *Store) makeDirs(dir string) error {
	if _, ok := s.durable.Load(dir); ok || dir == "." {
		return nil
	}
	if err := s.makeDirs(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDirs(dir)
}

// syncName makes the name of a file durable, with all that lead to it. The file's
// directory is open.
func (s *Store) syncName(in *os.Root, key string) error {
	if err := s.syncDir(in, "."); err != nil {
		return err
	}
	return s.syncDirs(path.Dir(key))
}

// syncDirs makes the name of a directory durable, and those above it.
func (s *Store) syncDirs(dir string) error {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := s.durable.Load(dir); ok {
			return nil // and so are those above
		}
		if err := s.syncDir(s.root, path.Dir(dir)); err != nil {
			return err
		}
		defer s.durable.Store(dir, true)
	}
	return nil
}
