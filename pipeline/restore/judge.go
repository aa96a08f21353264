package restore

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// fault says that a store, or the file system, failed with one file. Trying again
// won't help.
type fault struct{ err error }

func (e *fault) Error() string { return e.err.Error() }
func (e *fault) Unwrap() error { return e.err }

// faultOf marks what a store says of one object, unless it says that it is refused
// altogether.
func faultOf(err error) error {
	if err == nil || errors.Is(err, storage.ErrRefused) {
		return err
	}
	return &fault{err}
}

// weigh says what an error means for trying again. What isn't known may pass: it is
// the network.
func weigh(err error) retry.Verdict {
	_, failed := errors.AsType[*fault](err)
	switch {
	case errors.Is(err, storage.ErrRefused):
		return retry.Systemic
	case err == nil, failed, isDamaged(err):
		return retry.Final
	case errors.Is(err, context.Canceled):
		return retry.Cancelled
	}
	return retry.Passing
}

// fatal reports whether an error is one that all recordings will have.
func fatal(ctx context.Context, err error) bool {
	v := weigh(err)
	return err != nil && (v == retry.Systemic || v == retry.Cancelled || ctx.Err() != nil)
}
