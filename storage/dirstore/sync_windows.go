package dirstore

// syncDirs does nothing: Windows has no such call, and NTFS journals names.
func (s *Store) syncDirs(string) error { return nil }
