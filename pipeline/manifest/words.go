package manifest

import (
	"context"
	"iter"
	"time"
)

// Words is the full-text index of transcripts. It holds no text, and can be made
// anew at any time. Query.Words asks it. What is to be indexed is kept as the
// catalogue's stale months are: in the same transaction as what makes it so. From the
// moment on that a recording is being erased, nothing of it is found by its words; of
// what is left on disk, see Erasures.Scrub.
//
// What a word is, package words says, to whatever keeps the index.
type Words interface {
	// Unindexed yields recordings whose transcript the index lacks, or has another
	// version of, the newest first, without those that were put off until after now.
	Unindexed(ctx context.Context, now time.Time) iter.Seq2[Row, error]
	// Index writes down what transcripts say, all or none of them, in place of what
	// the index has of these recordings. The rows are those of Unindexed: a recording
	// that has another transcript by now remains to be indexed. It may be called
	// beside a run.
	Index(ctx context.Context, said ...Spoken) error
	// PutOff has Unindexed leave out a recording until a moment, unless it gets another
	// transcript: this one can't be read now.
	PutOff(ctx context.Context, r Row, until time.Time) error
	// Indexed counts the recordings that the index has, and those that it lacks.
	Indexed(ctx context.Context) (has, lacks int64, err error)
}

// Spoken is what a recording's transcript says; no text is nothing.
type Spoken struct {
	Row  Row
	Text string
}
