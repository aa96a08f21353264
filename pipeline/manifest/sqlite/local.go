package sqlite

import (
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/storage/mount"
)

// Place says whether a manifest may lie at path: the error is mount.ErrRemote (wrapped)
// if not. It makes nothing.
func Place(path string) error {
	err := mount.Database("a manifest", path)
	if err != nil && !errors.Is(err, mount.ErrRemote) {
		return fmt.Errorf("open manifest: %w", err)
	}
	return err
}
