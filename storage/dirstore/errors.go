package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/vbcvault/vbcvault/storage"
)

// failed marks errors of the file system that concern the whole destination,
// and says how to mend them. It is not for errors of a body.
func (s *Store) failed(err error) error {
	if err == nil || errors.Is(err, storage.ErrRefused) {
		return err
	}
	if _, ok := errors.AsType[*storage.OccupiedError](err); ok || !isWholesale(err) {
		return err
	}
	return fmt.Errorf("%w: can't write to %s: %w; check its free space, its quota, and that this user may write there", storage.ErrRefused, s.dir, cause(err))
}

// cause leaves the path out of an error that is about to name it anyway.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
