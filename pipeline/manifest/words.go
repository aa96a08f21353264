package manifest

import (
	"context"
	"iter"
)

// Words is the full-text index of transcripts. It holds no text, and can be made
// anew at any time. Query.Words asks it.
type Words interface {
	// Unindexed yields recordings whose transcript the index lacks, or has another
	// version of, the newest first.
	Unindexed(ctx context.Context) iter.Seq2[Row, error]
	// Index writes down what a transcript says, in place of what the index has of the
	// recording; "" is nothing. The row is that of Unindexed: if the recording has
	// another transcript by now, it remains to be indexed. It may be called beside a
	// run. On nil what it had of an erased recording is overwritten.
	Index(ctx context.Context, r Row, text string) error
	// Indexed counts the recordings that the index has, and those that it lacks.
	Indexed(ctx context.Context) (has, lacks int64, err error)
}
