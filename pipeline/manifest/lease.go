package manifest

import (
	"fmt"
	"time"
)

// Leased says by which right a manifest that was opened for a run may be changed.
type Leased interface {
	// Lease is that right, as it is now.
	Lease() Lease
}

// Lease is the right of one program to change a manifest as a run does, and to have VBC
// delete recordings. Where the operating system's lock gives it (package sqlite), it
// lasts until Close. Where several machines share a database (package postgres), it ends
// by itself when it isn't renewed, and another machine may have it next.
//
// Its methods may be called concurrently, ask nobody, and return at once.
type Lease interface {
	// Held is nil as long as the lease lasts for certain: by the holder's own clocks,
	// which count the time for which it stood still, and that end before the database's
	// do. Else it is a *LeaseError, also for what was never opened for a run.
	Held() error
	// Lost is closed when the lease is over before Close. It is nil where that can't be.
	Lost() <-chan struct{}
	// Fence is the lease's number, which only rises, and Holder who has it: a word made
	// for this lease alone. Where the operating system has one lock they are 0 and "".
	Fence() (fence int64, holder string)
}

// LeaseError says that another program may have the lease by now. What was to be
// written was not.
type LeaseError struct {
	Manifest string // its name
	Why      string
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("this machine has lost its lease of manifest %s: %s", e.Manifest, e.Why)
}

// Lock is a lease that lasts until Close: that of a file, which the operating system
// locks.
var Lock Lease = lock{}

type lock struct{}

func (lock) Held() error            { return nil }
func (lock) Lost() <-chan struct{}  { return nil }
func (lock) Fence() (int64, string) { return 0, "" }

// A lease in a database lasts LeaseFor from when it was taken or renewed, by the
// database's clock, and is renewed each RenewEvery. Its holder lets no DELETE go out from
// HolderFor on after it has asked for the last renewal that was granted, by clocks of its
// own: before anybody else can have the lease, unless the database's clock runs ahead of
// the holder's by a third.
const (
	LeaseFor   = 60 * time.Second
	RenewEvery = LeaseFor / 4
	HolderFor  = LeaseFor * 2 / 3
)
