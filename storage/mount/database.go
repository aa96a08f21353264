package mount

import (
	"errors"
	"fmt"
	"path/filepath"
)

// ErrRemote says that a database would lie on a network or FUSE file system, whose
// locks and order of writes are not what SQLite needs: two programs could hold it at
// once, on two machines. Its text continues the name of what would lie there.
var ErrRemote = errors.New("can't be on a network or FUSE file system, because locks and the order of writes are not reliable there")

// Database says whether a database may lie at path: the error is ErrRemote (wrapped) if
// not, with what it is, as in "a manifest", or says that nobody can tell. It makes nothing.
func Database(what, path string) error { return database(what, path, Remote) }

// database looks at the path's own directory, which has the lock, and at where the path
// leads to, which has the database: it may be a link.
func database(what, path string, remote func(string) (string, error)) error {
	for _, at := range []string{filepath.Dir(path), path} {
		switch kind, err := remote(at); {
		case err != nil:
			return err
		case kind != "":
			return fmt.Errorf("%s %w: %s is on %s", what, ErrRemote, at, kind)
		}
	}
	return nil
}
