package layout

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/vbcvault/vbcvault/storage"
)

// ErrTooLarge says that an object can't be what it is taken for.
var ErrTooLarge = errors.New("it is too large")

// Read reads an object of at most so many bytes.
func Read(ctx context.Context, store storage.Store, o storage.Object, most int64) ([]byte, error) {
	r, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Key, err)
	}
	return b, nil
}

// Unreadable reports whether an error is about this object alone, and lasts.
// What lies in cold storage has to be thawed first: it may say anything.
func Unreadable(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, storage.ErrNotFound)
}
