package vbc

import (
	"math"
	"slices"
	"time"
)

// pace is what is known of a quota, and when the next request may be sent. What is made
// of the answers is in quota.go. Where several programs share the quota, they share this;
// so its times are all by one clock, whose now its methods are given.
//
// floor is the user's rate: never closer together than this.
type pace struct {
	interval time.Duration // between requests; 0 = freely
	last     time.Time     // the latest turn
	next     time.Time     // earliest time of the next request
	closed   time.Time     // the window is closed until then
	flying   []time.Time   // turns of the requests under way

	lessons

	say func(message string, args ...any) // tells people
}

// grant gives as many turns as may be had now, at most so many. wait is how long there
// is no further one, 0 if it depends on the requests under way.
func (p *pace) grant(now time.Time, most int, floor time.Duration) (turns int, wait time.Duration) {
	for turns < most && len(p.flying) < p.mostInFlight(floor) {
		at := p.next
		if p.closed.After(at) {
			at = p.closed
		}
		if wait := at.Sub(now); wait > 0 {
			return turns, wait
		}
		p.weigh(now, floor)
		// On the beat, however late this one is: else each delay of a timer
		// would make the whole slower.
		every := max(p.interval, floor)
		if p.next = at.Add(every); p.next.Before(now) {
			p.next = now.Add(every)
		}
		p.last = now
		p.flying = append(p.flying, now)
		if p.opened.IsZero() {
			p.opened = now
		}
		turns++
	}
	return turns, 0
}

// mostInFlight bounds the requests under way as long as the pace isn't known,
// or nothing goes through.
func (p *pace) mostInFlight(floor time.Duration) int {
	switch {
	case p.blocked:
		return 1
	case max(p.interval, floor) > 0:
		return math.MaxInt
	case p.whole && p.passed < 2*p.seen.passed:
		return min(2, max(1, p.passed/4)) // it may close at any moment
	case p.whole:
		return max(1, min(p.passed/4, 4+p.passed/32))
	}
	return max(4, p.passed/2)
}

// landed notes that the request granted at granted is no longer under way.
func (p *pace) landed(granted time.Time) {
	if i := slices.IndexFunc(p.flying, granted.Equal); i >= 0 {
		p.flying = slices.Delete(p.flying, i, i+1)
	}
}

// giveBack notes that the turn granted at granted was not used. If nobody has
// had one since, it is somebody else's now.
func (p *pace) giveBack(granted time.Time) {
	p.landed(granted)
	if granted.Equal(p.last) {
		p.next = time.Time{}
	}
}

// expect begins with a pace that was learned earlier; 0 = none.
func (p *pace) expect(pace time.Duration) {
	if p.best == 0 {
		p.interval, p.best, p.base = max(p.interval, pace), pace, pace
	}
}
