package manifest

import "time"

// Figures sum up what somebody may have to look at.
type Figures struct {
	// OldestUnarchived is when the oldest recording starts that has no proven copy; zero: there is none.
	// One whose failure was acknowledged doesn't count.
	OldestUnarchived time.Time

	Failures  []FailureCount // of recordings whose last run failed, by code
	Uncounted bool           // there are more failures than FiguresMost, and so much of them was counted

	// OldestFailure is when the oldest failure began that nobody has acknowledged, as far
	// as that is known: not later than this; zero: there is none.
	OldestFailure time.Time

	Damaged int64 // copies, as DamagedCopies

	// LockedFirst and LockedLast are the earliest and the latest moment at which an
	// Object Lock of a copy's audio ends, as the destination said when it was last proven; zero: no
	// lock is known.
	LockedFirst, LockedLast time.Time
}

// FiguresMost is how many failures are looked at, so that Figures always takes little time.
const FiguresMost = 10_000

// FailureCount is so many recordings that failed with one code.
type FailureCount struct {
	Code         string // "" = earlier programs wrote it
	Recordings   int64  // whose failure nobody has acknowledged
	Acknowledged int64
}

// FailureGroup is so many recordings that failed with one code and were acknowledged, or
// weren't.
type FailureGroup struct {
	Code         string
	Acknowledged bool
	Recordings   int64
	Since        time.Time // when the first of them began to fail
}

// AddFailures takes over groups of at most FiguresMost failures in the order of their codes.
func (f *Figures) AddFailures(groups []FailureGroup) {
	var all int64
	for _, g := range groups {
		if n := len(f.Failures); n == 0 || f.Failures[n-1].Code != g.Code {
			f.Failures = append(f.Failures, FailureCount{Code: g.Code})
		}
		c := &f.Failures[len(f.Failures)-1]
		all += g.Recordings
		if g.Acknowledged {
			c.Acknowledged += g.Recordings
			continue
		}
		c.Recordings += g.Recordings
		if f.OldestFailure.IsZero() || g.Since.Before(f.OldestFailure) {
			f.OldestFailure = g.Since
		}
	}
	f.Uncounted = all >= FiguresMost
}
