package pipeline

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// slice is a piece of a collection's listing that is written down: what was
// listed from one second on until another.
type slice struct {
	collection           // by the user's number
	from, to   time.Time // to excluded
	todo       []pick    // what there may be to do in it, oldest first
	bytes      int64     // of all that was listed in it, as VBC declares them
	listed     []listed  // all that VBC has shown in it, whatever the run is about

	left *atomic.Int64 // of todo
	done func()        // when nothing of it is left
}

// pick is one recording of a slice.
type pick struct {
	id, nth, size int64
	start         time.Time
	needed        bool
}

const (
	// Recordings in a slice; a little more where many start in one second.
	sliceSize  = 1000 // where they may be exported
	smallSlice = 100  // where not, or not yet

	// Overlap is how much of what is known is listed again: recordings may be
	// listed some time after their call.
	Overlap = 72 * time.Hour
	overlap = Overlap
)

// limits bound a slice.
type limits struct {
	count int   // recordings
	bytes int64 // of their audio
}

// chop cuts recordings in order into slices, only where the second changes,
// and at each of the cuts.
func chop(c collection, picks []pick, most limits, cuts []time.Time) (out []slice) {
	var s slice
	var n int
	flush := func() {
		if len(s.todo) > 0 {
			s.left = &atomic.Int64{}
			s.left.Store(int64(len(s.todo)))
			out = append(out, s)
		}
		s, n = slice{}, 0
	}
	for _, p := range picks {
		at := p.start.Truncate(time.Second)
		if n > 0 && !at.Before(s.to) && (n >= most.count || s.bytes+p.size > most.bytes || slices.ContainsFunc(cuts, func(cut time.Time) bool {
			return s.from.Before(cut) && !at.Before(cut)
		})) {
			flush()
		}
		if n == 0 {
			s.collection, s.from = c, at
		}
		n++
		s.to = at.Add(time.Second)
		s.bytes += max(p.size, 0)
		if p.needed {
			s.todo = append(s.todo, p)
		}
	}
	flush()
	return out
}

// sliceLimits says how large slices may be.
func (r *run) sliceLimits() limits {
	if !r.exporter.givenUp() && r.policy.exports(sliceSize, false, r.vbc.Quota()) {
		return limits{count: sliceSize, bytes: r.policy.ExportLimit}
	}
	return limits{count: smallSlice, bytes: math.MaxInt64}
}
