package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// Offset is by how much a name's starts are moved: at least 0 and less than the spread,
// in whole seconds, always the same for a name, and even over many names. A spread of
// less than a second moves nothing.
func Offset(name string, spread time.Duration) time.Duration {
	if spread <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(name))
	part, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:8]), uint64(spread))
	return time.Duration(part).Truncate(time.Second)
}

// Timetable is when the runs of one account begin.
type Timetable struct {
	Spec   Spec
	Offset time.Duration // so long after the moments of Spec
}

// Next is the first start after a moment, in the zone of Spec. It is zero if Spec is.
func (t Timetable) Next(after time.Time) time.Time {
	next := t.Spec.Next(after.Add(-t.Offset))
	if next.IsZero() {
		return next
	}
	return next.Add(t.Offset)
}

// Memory is what is kept of a timetable from one look to the next, and over restarts.
// The zero Memory is that of an account that hasn't been looked at yet. Forget that of
// an account that is no longer in the file: it would count as missed what nobody wanted.
type Memory struct {
	// The timetable that it is of.
	Cron   string        `json:"cron"`
	Zone   string        `json:"zone"`
	Offset time.Duration `json:"offset"` // nanoseconds

	// All that was due until then has begun.
	Until time.Time `json:"until"`
}

// remember is the memory of t in which all until a moment is done.
func (t Timetable) remember(until time.Time) Memory {
	m := Memory{Offset: t.Offset, Until: until.UTC().Round(0)}
	if t.Spec.wall != nil {
		m.Cron, m.Zone = t.Spec.text, t.Spec.zone.String()
	}
	return m
}

// isOf reports whether m is a memory of t.
func (m Memory) isOf(t Timetable) bool {
	of := t.remember(m.Until)
	return m.Cron == of.Cron && m.Zone == of.Zone && m.Offset == of.Offset
}

// timetable is the one that m is of, if it can still be read.
func (m Memory) timetable() (Timetable, bool) {
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		return Timetable{}, false
	}
	spec, err := Parse(m.Cron, zone)
	return Timetable{Spec: spec, Offset: m.Offset}, err == nil
}

// inTime is how late a run may begin without that being worth a word: a restart of the
// service takes so long.
const inTime = 2 * time.Minute

// Due is what a look at a timetable says.
type Due struct {
	// Start says that a run is to begin now.
	Start bool
	// At is when it should have begun: the last time, if several were missed.
	At time.Time
	// MadeUp says that it makes up for starts that were missed: one run for them all,
	// however many and however old they are, since what was not archived then still isn't.
	MadeUp bool

	// Memory is what to keep in the place of the one that Look was given. With Start,
	// begin the run first: if the process dies in between, it begins twice, which is
	// harmless, and the other way round it would not begin at all.
	Memory Memory
	// Next is the first start after now: when to look again, at the latest.
	Next time.Time
}

// Look says whether a run of t is to begin now.
//
// A timetable that is new, or has changed, counts from now on: nothing begins because
// somebody has changed a schedule, unless a start of the former one was missed.
//
// If the clock was set back over one start, that start isn't repeated. If it was set
// back further, it was wrong before, and t counts from now on. If it was set forward
// over starts, these are made up for.
func (t Timetable) Look(m Memory, now time.Time) Due {
	former, known, changed := t, true, !m.isOf(t)
	if changed {
		former, known = m.timetable()
	}
	d := Due{Memory: m, Next: t.Next(now)}
	anew := !known || former.setBack(m.Until, now)
	if !anew {
		d.At, d.Start = former.latest(m.Until, now)
	}
	if anew || changed || d.Start {
		d.Memory = t.remember(now)
	}
	d.MadeUp = d.Start && now.Sub(d.At) > inTime
	return d
}

// setBack reports whether a clock that says now was set back over more than one start
// since it said until.
func (t Timetable) setBack(until, now time.Time) bool {
	if !until.After(now) {
		return false
	}
	first := t.Next(now)
	return !first.IsZero() && !t.Next(first).After(until)
}

// latest is the last start after a moment and not after another, if there is one.
func (t Timetable) latest(after, until time.Time) (at time.Time, ok bool) {
	next := t.Next(after)
	if next.IsZero() || next.After(until) {
		return time.Time{}, false
	}
	// Of many that were missed the last one is near the end: look there first.
	for back := time.Hour; until.Add(-back).After(after); back *= 2 {
		if n := t.Next(until.Add(-back)); !n.IsZero() && !n.After(until) {
			next = n
			break
		}
	}
	for !next.IsZero() && !next.After(until) {
		at, next = next, t.Next(next)
	}
	return at, true
}
