//go:build !windows

package dirstore

// syncDirs makes the names in a directory durable.
func (s *Store) syncDirs(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
