package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ErrRemote says that a manifest would lie on a network file system, whose
// locks and order of writes are not what a database needs: two runs could
// hold it at once.
var ErrRemote = errors.New("a manifest can't lie on a network file system")

// local refuses a directory on a network file system. Where it doesn't exist
// yet, the one counts in which it will be made.
func local(dir string, kindOf func(string) (string, error)) error {
	at, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("open manifest: %w", err)
	}
	for {
		kind, err := kindOf(at)
		parent := filepath.Dir(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && parent != at:
			at = parent
			continue
		case err != nil:
			return fmt.Errorf("open manifest: look at %s: %w", at, err)
		case kind != "":
			return fmt.Errorf("%w: %s is on %s", ErrRemote, at, kind)
		}
		return nil
	}
}

// Place says whether a manifest may lie at path: the error is ErrRemote
// (wrapped) if not. It makes nothing.
func Place(path string) error { return local(filepath.Dir(path), remoteKind) }
