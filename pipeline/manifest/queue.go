package manifest

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Queue is what is left to do.
type Queue interface {
	// Pending yields the recordings with work left: first those that this run's
	// listing hasn't shown, oldest first, then those whose last run failed, the
	// longest ago first, so that they never keep the rest from getting done.
	// Recordings whose purge was begun come whatever Before says.
	Pending(ctx context.Context, sel Selection) iter.Seq2[Row, error]
	// CountPending counts what Pending would yield now.
	CountPending(ctx context.Context, sel Selection) (int64, error)
	// Resting returns what Pending leaves out for having failed often.
	Resting(ctx context.Context, sel Selection) ([]Row, error)
}

// Rows are what is known of recordings.
type Rows interface {
	// Get returns the row of the recording that has a key: of several that have
	// had it, the one that VBC showed last. The error is ErrUnknown (wrapped) if
	// there is none.
	Get(ctx context.Context, key vbc.Key) (Row, error)
	// All returns the rows of all recordings that have had a key, the one that VBC
	// showed last at the end.
	All(ctx context.Context, key vbc.Key) ([]Row, error)
	// Row returns the row of just one recording. The error is ErrUnknown (wrapped)
	// if there is none.
	Row(ctx context.Context, key vbc.Key, nth int64) (Row, error)
	// InOrder yields all rows by kind, owner (as text) and start, which is the
	// order of their keys in the store, save among those of one second.
	InOrder(ctx context.Context) iter.Seq2[Row, error]
	// SeenBy yields the rows that run was the last to show, as InOrder does; see
	// Row.SeenRun.
	SeenBy(ctx context.Context, run int64) iter.Seq2[Row, error]
	// Copies yields the recordings whose copy has been proven, in whatever state;
	// if of isn't 0, only the parts of that many that are due.
	Copies(ctx context.Context, of int, due []int) iter.Seq2[Row, error]
	// Twin returns another recording that has this audio, nil if there is none.
	// An earlier form of the same call isn't another recording.
	Twin(ctx context.Context, r vbc.Recording, sum storage.Digest) (*vbc.Recording, error)
	// IsCopy reports whether a content is what the manifest knows a recording's
	// audio to be, whichever it is, or the metadata or transcript of one that has
	// had this one's key.
	IsCopy(ctx context.Context, r vbc.Recording, c storage.Content) (bool, error)
}

// Selection narrows what Pending yields.
type Selection struct {
	// Run is the current run: what its listing has shown is not yielded, save
	// earlier failures, and what failed in it is not yielded again.
	Run int64
	// Before spares reading rows that start at or after it. It is no safety
	// check: the caller checks each row against its own cutoff.
	Before time.Time
	// Verified includes recordings whose copy is verified; without it only
	// those come that need work short of a purge, and those that reappeared.
	Verified bool
	// RetryFailed includes what rests after repeated failures, see resting.
	RetryFailed bool
	// EqualAudio includes what rests for having another recording's audio.
	EqualAudio bool
}

// What has failed for a permanent cause in so many runs rests for a while: it
// is tried once a day, a request or two each, and not in every run.
const (
	RestAfter = 3
	RestFor   = 24*time.Hour - time.Hour // so that a nightly run is never a minute too early
)

// ErrUnknown says that a manifest has no row of a recording.
var ErrUnknown = errors.New("not in the manifest")
