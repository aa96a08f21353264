package manifest

import (
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/vbc"
)

// State is how far a recording has come; the package comment explains each.
type State string

const (
	Listed   State = "listed"
	Stored   State = "stored"
	Verified State = "verified"
	Purging  State = "purging"
	Purged   State = "purged"
	Failed   State = "failed"
	Gone     State = "gone"
	Erasing  State = "erasing"
	Erased   State = "erased"
)

// States are all states, in the order in which a recording goes through them.
func States() []State {
	return []State{Listed, Stored, Verified, Purging, Purged, Failed, Gone, Erasing, Erased}
}

// From says which states may come before a state. Anything else is a bug of
// the program, and refused.
func From(to State) []State { return from[to] }

var from = map[State][]State{
	Listed:   {Listed, Stored, Verified, Purging, Failed},
	Stored:   {Listed, Stored, Failed},
	Verified: {Stored, Verified, Purging, Failed},
	Purging:  {Stored, Verified, Purging, Failed},
	Purged:   {Purging},
	Failed:   {Listed, Stored, Verified, Purging, Failed},
	Gone:     {Listed, Failed},
	Erasing:  {Purged, Erasing},
	Erased:   {Erasing},
}

// StateError says that a recording is not in a state from which the step is allowed.
type StateError struct {
	Recording vbc.Recording
	To        State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("manifest: %s can't become %q from the state that it is in", e.Recording, e.To)
}

// Unfinished reports whether there may be work left in a state.
func (s State) Unfinished() bool { return !slices.Contains([]State{Purged, Gone}, s) }
