package manifest

import (
	"context"
	"iter"
	"time"
)

// Past is what a manifest knows of all that has happened, for who adds it up: each
// yields one thing after the other and holds few of them in memory. Nothing of a
// call is in it but when it was.
type Past interface {
	// Glances yields all recordings, in no order that means anything.
	Glances(ctx context.Context) iter.Seq2[Glance, error]
	// Departures yields what the manifest's receipts say has left VBC, in their order.
	Departures(ctx context.Context) iter.Seq2[Departure, error]
	// AllRuns yields all runs, the earliest first.
	AllRuns(ctx context.Context) iter.Seq2[Run, error]
}

// Glance is as much of a row as is worth adding up.
type Glance struct {
	Start      time.Time
	State      State
	Bytes      int64     // as Row.Bytes
	ArchivedAt time.Time // as Copy.ArchivedAt

	// Of the audio in the archive, as the store has said when it was verified: until
	// when nobody can delete it, and when a rule will.
	LockedUntil, Expires time.Time

	Failure Failure
	Damaged bool // the copy, and VBC has the recording no more
}

// InArchive reports whether there is a copy that was verified, and is not erased.
func (g Glance) InArchive() bool { return !g.ArchivedAt.IsZero() }

// Departure is one recording that has left VBC, with a copy in the archive.
type Departure struct {
	At      time.Time // the outcome's
	Deleted bool      // VBC has confirmed our DELETE; else it had the recording no more

	// Of the recording, as its row has it now. Zero if there is no such row; ArchivedAt
	// also if it is erased.
	Start, ArchivedAt time.Time
	Bytes             int64 // of audio, -1 if nobody knows
}
