package manifest

import (
	"fmt"
	"maps"
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

// Step is a method of Steps or Erasures, by its name.
type Step string

const (
	StepStored      Step = "Stored"
	StepStoredAlike Step = "StoredAlike"
	StepTranscribed Step = "Transcribed"
	StepVerified    Step = "Verified"
	StepRelist      Step = "Relist"
	StepPurging     Step = "Purging"
	StepPurged      Step = "Purged"
	StepWithdrawn   Step = "Withdrawn"
	StepNotPurged   Step = "NotPurged"
	StepFound       Step = "Found"
	StepFailed      Step = "Failed"
	StepGone        Step = "Gone"
	StepErasing     Step = "Erasing"
	StepErased      Step = "Erased"
)

// transition is where a step leads to, from which states, and in which states it
// leaves a recording.
type transition struct {
	to    State
	from  []State
	stays []State
}

// transitions are all that there are. Anything else is a bug of the program, and
// refused. (Beside them, a listing that shows a purged recording takes it back to
// verified, and who doubts a verified copy takes it back to stored.)
var transitions = map[Step]transition{
	StepStored:      {to: Stored, from: []State{Listed, Stored, Failed}},
	StepStoredAlike: {to: Stored, from: []State{Listed, Stored, Failed}},
	StepTranscribed: {to: Stored, from: []State{Stored, Verified, Failed}, stays: []State{Purging}},
	StepVerified:    {to: Verified, from: []State{Stored, Verified, Purging, Failed}},
	StepRelist:      {to: Listed, from: []State{Listed, Stored, Verified, Purging, Failed}},
	StepPurging:     {to: Purging, from: []State{Stored, Verified, Purging, Failed}},
	StepPurged:      {to: Purged, from: []State{Purging}},
	StepWithdrawn:   {to: Verified, from: []State{Purging}},
	StepNotPurged:   {to: Verified, from: []State{Stored, Verified, Purging, Failed}},
	StepFound:       {to: Purged, from: []State{Listed, Stored, Failed}},
	StepFailed:      {to: Failed, from: []State{Listed, Stored, Verified, Failed}, stays: []State{Purging}},
	StepGone:        {to: Gone, from: []State{Listed, Failed}},
	StepErasing:     {to: Erasing, from: []State{Purged, Gone, Erasing}},
	StepErased:      {to: Erased, from: []State{Erasing}},
}

// AllSteps are the steps that there are, by their names.
func AllSteps() []Step { return slices.Sorted(maps.Keys(transitions)) }

// To is the state that a step leads to.
func (s Step) To() State { return transitions[s].to }

// From are the states from which a step is allowed, those included in which it
// leaves a recording.
func (s Step) From() []State {
	t := transitions[s]
	return slices.Concat(t.from, t.stays)
}

// Stays are the states from which a step is allowed, and leads nowhere.
func (s Step) Stays() []State { return slices.Clone(transitions[s].stays) }

// Leads says where a step leads from a state; ok is false if it is refused there.
func (s Step) Leads(from State) (to State, ok bool) {
	t := transitions[s]
	if slices.Contains(t.stays, from) {
		return from, true
	}
	return t.to, slices.Contains(t.from, from)
}

// StateError says that a recording is not in a state from which the step is allowed.
type StateError struct {
	Recording vbc.Recording
	To        State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("manifest: %s can't become %q from its present state", e.Recording, e.To)
}

// Unfinished reports whether there may be work left in a state.
func (s State) Unfinished() bool { return !slices.Contains([]State{Purged, Gone}, s) }
