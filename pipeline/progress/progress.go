// Package progress counts what is being done, while it is done, for whoever
// watches: a bar, or a log.
package progress

import (
	"io"
	"sync/atomic"
	"time"
)

// Stats counts what a run does, while it does it. It may be read at any time.
type Stats struct {
	Listed          atomic.Int64 // eligible recordings that listings have shown
	ListedBytes     atomic.Int64 // their declared bytes
	AlreadyArchived atomic.Int64 // of them: with a verified copy from before
	Unreadable      atomic.Int64
	Todo            atomic.Int64 // recordings that this run has to do with, as far as is known
	WorkBegan       atomic.Int64 // Unix milliseconds; 0 = still listing
	Begun, Ended    atomic.Int64 // recordings in work, and through with it
	Downloads       atomic.Int64 // begun
	Downloaded      atomic.Int64 // bytes that have arrived
	Archived        atomic.Int64 // copies proven for the first time
	Bytes           atomic.Int64 // their audio
	Transcripts     atomic.Int64 // proven for the first time
	Deleted         atomic.Int64
	Failed          atomic.Int64
	Acknowledged    atomic.Int64 // failed as somebody has said that they would
	Resting         atomic.Int64 // failed in several runs, and not tried in this one
	Skipped         atomic.Int64 // purges held back
	Exported        atomic.Int64 // recordings whose audio came out of an export
	Retries         atomic.Int64
	ReadBack        atomic.Int64 // copies that were read once more before their purge
	ReadBackBytes   atomic.Int64 // their bytes
	Listing         atomic.Bool  // nothing but the listing is going on

	Waiting atomic.Pointer[Waiting] // what everything waits for; nil = nothing
}

// Waiting is what a run waits for.
type Waiting struct {
	What  string
	Until time.Time // when it looks again; zero: not known
}

// Work is what changes while a run gets on.
func (s *Stats) Work() [9]int64 {
	return [...]int64{s.Listed.Load(), s.Unreadable.Load(), s.Ended.Load(), s.Downloaded.Load(), s.Archived.Load(), s.Transcripts.Load(), s.Deleted.Load(), s.Failed.Load(), s.ReadBackBytes.Load()}
}

// Reader counts the bytes that are read.
type Reader struct {
	io.Reader
	Count *atomic.Int64
}

func (r Reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.Count.Add(int64(n))
	return n, err
}
