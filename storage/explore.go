package storage

import (
	"context"
	"errors"
	"iter"
)

// Explorer looks through a store without changing anything in it, not even to
// try whether it can be written.
type Explorer interface {
	// Names returns, in order, what begins with prefix up to the next slash,
	// each once: "a/" for all keys that go on behind it, "b" for the key "b".
	// It costs as much as there are names, not keys.
	Names(ctx context.Context, prefix string) ([]string, error)

	// Unfinished yields what Tidy would remove: for each multipart upload that
	// was begun and neither completed nor aborted its key, for each temporary
	// file its name. An upload that is just under way is among them. The error
	// is ErrHidden (wrapped) if the store shows no uploads to us.
	Unfinished(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Identity is what Probe would return; "" if the destination has none, or
	// none yet.
	Identity(ctx context.Context) (string, error)
}

// ErrHidden says that something can't be looked at, on which nothing depends.
var ErrHidden = errors.New("the destination doesn't show that")
