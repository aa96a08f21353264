// Package manifest is the contract of the database that says how far each
// recording has come. It is what makes an interrupted run resumable, and it holds
// the receipts. One manifest is about one account and one archive of it.
//
// A recording moves through these states, and every other step is refused:
//
//		listed → stored → verified → purging → purged      failed      gone
//		            ↖________↙ verification failed: back to listed
//
//	  - listed: VBC has shown it; nothing is known of a copy.
//	  - stored: the intended copy (key, size, digest) is written down. The copy
//	    itself may be there or not: a crash here costs a look at the store.
//	  - verified: the store has confirmed the copy.
//	  - purging: the receipt's intent is on disk; the DELETE may have been sent.
//	  - purged: VBC has confirmed the DELETE, or that there is nothing left.
//	  - failed: the last run could not do it. Whatever copy is known stays known.
//	  - gone: VBC has it no more, and there never was a copy.
//
// And on somebody's request from purged on:
//
//		purged → erasing → erased
//
//	  - erasing: the archive may hold some of it, or nothing any more.
//	  - erased: neither VBC nor the archive has it; ids and digests are left.
//
// Here is what every implementation has in common: rows and states, which step may
// follow which, who is covered by a hold, what a query selects, and the methods,
// grouped into roles. Whoever uses a manifest asks for the roles that it needs,
// or declares an interface of its own with the few methods that it calls.
// Packages sqlite and postgres implement all of it; package manifesttest says whether an
// implementation keeps the contract.
//
// # What holds for every method
//
// A method that changes something has done all of it or nothing, and what it has
// returned nil for is durable: it survives a crash of the machine. If it returns a
// *WriteError, the change may be on disk or not, and nothing may be deleted at VBC
// or in the archive on the strength of it. With any other error nothing was
// changed; with the context's cause, too: once a change has been taken up, the
// context no longer ends it.
//
// Changes follow one another in one order, whoever makes them: a change sees
// all that was reported as done before it began. Methods may be called
// concurrently. What yields rows holds few of them in memory, and rows may be
// moved on while it does; each row is yielded as it was when it was read.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/vbcvault/vbcvault/vbc"
)

// Manifest is all of the contract: what a run works with.
type Manifest interface {
	Bound
	Leased
	Rows
	Steps
	Doubts
	Erasures
	Queue
	Listings
	Troubles
	Exports
	Chain
	Logs
	Holds
	Listenings
	Months
	Search
	Runs
	Status
	Learning
	Uploads
	Words
}

// Opened is a manifest as programs have it: opened, wherever it lies. See package place.
type Opened interface {
	Manifest
	Past
	io.Closer
	// Path says where it lies, as --manifest takes it. There is no secret in it.
	Path() string
	// InUse reports whether a run, or another command that changes it as a run does, is
	// using it: this one too, if it was opened for that.
	InUse(ctx context.Context) (bool, error)
	// Successor is the place of the manifest that has taken this one's, "" if none has:
	// nobody is to change this one any more. Then a change beside a run is a *MovedError.
	Successor(ctx context.Context) (path string, err error)
	// SetSuccessor writes down that the manifest at path has taken this one's place, or,
	// for "", that none has. It is for who has it open for a run.
	SetSuccessor(ctx context.Context, path string) error
	// Backup copies it to a new file of SQLite at path, durably and whole or not at all,
	// also while a run uses it. The error is fs.ErrExist (wrapped) if something is there.
	Backup(ctx context.Context, path string) error
}

// Bound says what a manifest is about.
type Bound interface {
	// Binding says what the manifest is bound to.
	Binding(ctx context.Context) (Binding, error)
	// Bind binds the manifest for good to what b names; empty fields bind
	// nothing. It is a *BoundError if it is bound to something else already.
	Bind(ctx context.Context, b Binding) error
	// Moved binds the manifest to the identity that its destination has now,
	// whatever it was bound to: somebody has moved the archive on purpose.
	Moved(ctx context.Context, identity string) error
}

// Filling writes rows as they are, into a manifest that is only being made: it is
// whole, or there is none. It is no step of the state machine.
type Filling interface {
	// Put writes rows down, in place of what is known of the same recordings, as
	// far as an archive can tell them apart: by id, second and number of bytes. It
	// sets the Nth of each.
	Put(ctx context.Context, rows ...Row) error
	// Tell is Put for what somebody else's receipts tell, in their order. A row
	// without a copy says only what has become of one that was told of before, with
	// the same SeenRun if there is one. One without a state is verified, unless its
	// deletion was told of before.
	Tell(ctx context.Context, rows []Row) error
	// Drop forgets a recording.
	Drop(ctx context.Context, r vbc.Recording) error
	// Displace writes down, of recordings that have had the same id, that VBC has
	// given it again to the one that was archived last, and has all rows of one call
	// know what VBC has said in any of them. It is for the end.
	Displace(ctx context.Context) error
	// SuspectTwins has the next run ask VBC about recordings that have another
	// one's audio, as far as VBC may have them. It is for the end.
	SuspectTwins(ctx context.Context) error
}

// ErrUnbound says that no run has bound the manifest to an account yet.
var ErrUnbound = errors.New("the manifest belongs to no account yet")

// WriteError says that the manifest could not be written. What it was to hold
// may be on disk or not; nothing may be deleted on the strength of it.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write manifest: " + e.Err.Error() }

func (e *WriteError) Unwrap() error { return e.Err }

// ErrLocked says that another run holds the manifest.
var ErrLocked = errors.New("another run of vbcvault is using this manifest")

// Binding is what a manifest is about. Its fields are "" until bound.
type Binding struct {
	Account     string // number
	Destination string // URL
	Identity    string // of the destination, where it has one
}

// With are the settings to write down, by their names, so that a manifest with this binding
// is bound to what more names as well; empty fields bind nothing. It is a *BoundError if it
// is bound to something else already.
func (b Binding) With(more Binding) (settings map[string]string, err error) {
	if _, err := strconv.ParseUint(more.Account, 10, 63); err != nil && more.Account != "" {
		return nil, fmt.Errorf("bind manifest: account %q is not a number", more.Account)
	}
	settings = map[string]string{}
	for _, f := range []struct{ name, has, want string }{
		{"account", b.Account, more.Account},
		{"destination", b.Destination, more.Destination},
		{"identity", b.Identity, more.Identity},
	} {
		switch {
		case f.want == "" || f.has == f.want:
		case f.has != "":
			return nil, &BoundError{What: f.name, Bound: f.has, Wanted: f.want}
		default:
			settings[f.name] = f.want
		}
	}
	return settings, nil
}

// BoundError says that a manifest belongs to something else.
type BoundError struct {
	What, Bound, Wanted string
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("this manifest belongs to %s %s, but this run is for %s", e.What, e.Bound, e.Wanted)
}

// MovedError says that another manifest has taken the place of one.
type MovedError struct{ Path, To string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("the manifest %s was moved to %s, and is not used any more", e.Path, e.To)
}

// ErrNewer says that the manifest was written by a newer vbcvault.
var ErrNewer = errors.New("the manifest has a newer format than this vbcvault knows")

// ErrOlder says that the manifest is one of an older vbcvault, and was to be
// read only.
var ErrOlder = errors.New("the manifest has an older format")
