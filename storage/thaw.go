package storage

import (
	"context"
	"errors"
	"time"
)

// ErrCold is the error of Open (wrapped) where an object is there and can't be
// read before it is thawed.
var ErrCold = errors.New("in cold storage")

// Tier is how fast, and how dear, an object is thawed.
type Tier string

const (
	Standard  Tier = "standard"
	Bulk      Tier = "bulk"      // slower, and the cheapest
	Expedited Tier = "expedited" // minutes, and the dearest
)

// Frost is how an object that can't be read lies in the store.
type Frost struct {
	Class   string                 // as the store calls it: "GLACIER"
	Thawing bool                   // it has been asked for and isn't there yet
	Takes   map[Tier]time.Duration // how long thawing takes at most; a tier that isn't in it can't be had
}

// Thawer is a Store that keeps objects where they can't be read at once, and
// brings them back when it is asked. Its methods may be called concurrently.
type Thawer interface {
	// Frost says how an object lies that Open has called cold. It is one
	// request, which changes nothing. The error is ErrNotFound (wrapped) if
	// there is no such object.
	Frost(ctx context.Context, o Object) (Frost, error)

	// Thaw asks for an object that Frost has described and that isn't thawing
	// yet. It costs money, and returns as soon as the store has promised it.
	// The object stays where it is; for so many days, where the class knows
	// that, it can be read besides. Somebody else's having asked for it in the
	// meantime is no error.
	Thaw(ctx context.Context, o Object, f Frost, t Tier, days int) error
}
