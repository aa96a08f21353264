package pipeline

import (
	"sync/atomic"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// allowance is how many purges --max-deletes allows. What is taken out of it isn't
// given back, whatever becomes of the purge: the limit holds. Any goroutine may
// take.
type allowance struct {
	limit *int // nil = any number
	taken atomic.Int64
}

// take takes one, if there is one left.
func (a *allowance) take() bool {
	return a.limit == nil || a.taken.Add(1) <= int64(*a.limit)
}

// grantPurge decides whether a recording is purged, in a run or in a dry one, and
// takes that out of the allowance. Where it could be purged and is held back, held is
// the code of why, one of package code's HeldBack.
func (r *run) grantPurge(row manifest.Row) (granted bool, held string) {
	granted, held = r.policy.mayPurge(row)
	if granted && !r.purges.take() {
		return false, code.MaxDeletes
	}
	return granted, held
}
