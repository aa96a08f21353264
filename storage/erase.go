package storage

import (
	"context"
	"fmt"
	"time"
)

// Eraser removes objects for ever, on somebody's request. It is no part of a
// Store: what archives can't do it, and vbcvault erase alone makes one.
type Eraser interface {
	// Keys returns the keys that begin with prefix and that are wanted, in order,
	// also those under which only older versions are left, which List doesn't
	// show. wanted is asked of each, perhaps more than once, nil wants all; what
	// isn't wanted takes no memory.
	Keys(ctx context.Context, prefix string, wanted func(key string) bool) ([]string, error)

	// Versions returns the versions of an object that have a content, the newest
	// first, with Key, VersionID and Size set and nothing proven: Open reads each.
	// There may be none.
	Versions(ctx context.Context, key string) ([]Object, error)

	// Retained is nil if nothing keeps the object from being erased. The
	// error is a *RetainedError if a version of it is locked.
	Retained(ctx context.Context, key string) error

	// Erase removes all versions of the object and returns how many there
	// were; there may be none. On nil nothing is left under the key, durably.
	// On an error some may be removed; Erase may be called again.
	Erase(ctx context.Context, key string) (versions int, err error)
}

// RetainedError says that an object can't be erased yet.
type RetainedError struct {
	Key   string
	Until time.Time // zero: until somebody takes the store's own legal hold off
}

func (e *RetainedError) Error() string {
	if e.Until.IsZero() {
		return e.Key + " is under a legal hold in the bucket"
	}
	return fmt.Sprintf("%s is locked until %s", e.Key, e.Until.UTC().Format(time.RFC3339))
}
