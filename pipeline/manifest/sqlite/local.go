package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vbcvault/vbcvault/storage/mount"
)

// ErrRemote says that a manifest would lie on a network or FUSE file system,
// whose locks and order of writes are not what a database needs: two runs could
// hold it at once.
var ErrRemote = errors.New("a manifest can't be on a network or FUSE file system, because locks and the order of writes are not reliable there")

// Place says whether a manifest may lie at path: the error is ErrRemote
// (wrapped) if not. It makes nothing.
func Place(path string) error { return place(path, mount.Remote) }

// place looks at the path's own directory, which has the lock, and at where the
// path leads to, which has the database: it may be a link.
func place(path string, remote func(string) (string, error)) error {
	for _, at := range []string{filepath.Dir(path), path} {
		switch kind, err := remote(at); {
		case err != nil:
			return fmt.Errorf("open manifest: %w", err)
		case kind != "":
			return fmt.Errorf("%w: %s is on %s", ErrRemote, at, kind)
		}
	}
	return nil
}
