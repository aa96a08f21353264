package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/vbcvault/vbcvault/storage"
)

// Eraser removes files. Copies of the disk, such as its backups and snapshots,
// are not its own.
type Eraser struct{ store *Store }

var _ storage.Eraser = (*Eraser)(nil)

// NewEraser makes the eraser of a directory.
func NewEraser(s *Store) *Eraser { return &Eraser{s} }

// Keys implements storage.Eraser: a directory keeps no versions.
func (e *Eraser) Keys(ctx context.Context, prefix string, wanted func(string) bool) (keys []string, err error) {
	for o, err := range e.store.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if wanted == nil || wanted(o.Key) {
			keys = append(keys, o.Key)
		}
	}
	return keys, nil
}

// Versions implements storage.Eraser: there is one at most.
func (e *Eraser) Versions(ctx context.Context, key string) (found []storage.Object, err error) {
	for o, err := range e.store.List(ctx, key) {
		if err != nil {
			return nil, err
		}
		if o.Key == key {
			found = append(found, o)
		}
	}
	return found, nil
}

// Retained implements storage.Eraser: a directory locks nothing.
func (e *Eraser) Retained(context.Context, string) error { return nil }

// Erase implements storage.Eraser.
func (e *Eraser) Erase(_ context.Context, key string) (int, error) {
	if err := storage.CheckKey(key); err != nil {
		return 0, fmt.Errorf("erase %s: %w", key, err)
	}
	in, err := e.store.root.OpenRoot(path.Dir(key))
	if err == nil {
		defer in.Close()
		err = in.Remove(path.Base(key))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil {
		err = e.store.syncName(in, key)
	}
	if err != nil {
		return 0, fmt.Errorf("erase %s: %w", key, e.store.failed(err))
	}
	return 1, nil
}
