package schedule

import (
	"sort"
	"time"
)

// Next is the first start after a moment, in the expression's zone. It is zero if s is.
func (s Spec) Next(after time.Time) time.Time {
	if s.wall == nil {
		return time.Time{}
	}
	named := s.named(s.shown(after))
	if named.IsZero() {
		return time.Time{}
	}
	return s.reached(named)
}

// named is the first time on the wall after another one that the expression names.
// Times on the wall are written as if they were UTC, which has no changes.
func (s Spec) named(after time.Time) time.Time {
	// The parser's own search gives up after five years, and 29 February may be eight
	// years away.
	for range 3 {
		if next := s.wall.Next(after); !next.IsZero() {
			return next
		}
		after = time.Date(after.Year()+5, 1, 1, 0, 0, 0, -1, time.UTC)
	}
	return time.Time{}
}

// No zone is further from UTC than furthest, none has changed its clock by more than
// that and a day, and none changes it twice within step.
const (
	furthest = 17 * time.Hour
	step     = 4 * time.Hour
)

// shown is the latest time that the clock on the wall has shown until a moment. After
// a change back it isn't what the clock shows now.
func (s Spec) shown(until time.Time) time.Time {
	latest := until.UTC().Add(s.offset(until))
	for at := until.Add(-2 * furthest); at.Before(until); {
		end := s.sameUntil(at)
		if w := end.UTC().Add(s.offset(at) - 1); !end.After(until) && w.After(latest) {
			latest = w // it came up to the end of that and didn't reach it
		}
		at = end
	}
	return latest
}

// reached is the first moment at which the clock on the wall shows w or a later time.
func (s Spec) reached(w time.Time) time.Time {
	for at := w.Add(-furthest); ; {
		end := s.sameUntil(at)
		found := w.Add(-s.offset(at))
		if found.Before(at) {
			found = at // the clock jumped over w
		}
		if found.Before(end) {
			return found.In(s.zone)
		}
		at = end
	}
}

// offset is by how much the clock on the wall is ahead of UTC.
func (s Spec) offset(at time.Time) time.Duration {
	_, seconds := at.In(s.zone).Zone()
	return time.Duration(seconds) * time.Second
}

// sameUntil is the next change of the clock, or the end of a step without any.
// time.Time.ZoneBounds would say it, but on the last day of some leap years it names a
// change that is over, so that whoever goes from one to the next never arrives.
func (s Spec) sameUntil(at time.Time) time.Time {
	is, end := s.offset(at), at.Add(step)
	if s.offset(end) == is {
		return end
	}
	first := at.Truncate(time.Second)
	n := sort.Search(int(step/time.Second)+1, func(i int) bool { return s.offset(first.Add(time.Duration(i)*time.Second)) != is })
	return first.Add(time.Duration(n) * time.Second)
}
