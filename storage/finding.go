package storage

import "context"

// Level is how bad a finding is.
type Level string

const (
	OK      Level = "ok"
	Warning Level = "warning" // nothing is in danger, and something could be better
	Failure Level = "failure" // a run would not work, or not be safe
)

// Finding is what one check of a diagnosis has found.
type Finding struct {
	Check string `json:"check"` // a word or two
	Level Level  `json:"level"`
	Means string `json:"means"`          // what was found, and what that means
	Mend  string `json:"mend,omitempty"` // how to mend it; "" where there is nothing to
}

// Diagnoser is a destination that can say of itself whether it is set up well.
type Diagnoser interface {
	// Diagnose looks at everything that a run relies on, and at what makes an
	// archive safer, and changes nothing. What can't be looked at is a finding.
	Diagnose(ctx context.Context) []Finding
}
