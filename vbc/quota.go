package vbc

import (
	"encoding/json"
	"time"
)

// lessons is what is made of the answers.
//
// A 429 doesn't say how many requests a window takes. The window in which one
// comes may have been used by others before us, so it teaches nothing. The next
// one is watched from its beginning: so many requests went through. Somebody
// else may have used that one too, or VBC may have been busy, so it takes two in
// a row that agree before the requests are spaced by them.
//
// Nothing that is learned in a bad hour lasts. Where a window lets nothing
// through, others have used all of it, or VBC is closed: that says nothing of the
// pace, and one request that is accepted brings it back. A pace that is slower
// than one that is known has its time until the faster one is tried again.
// Where requests that came after the refused one go through, the window wasn't
// closed: VBC was busy.
type lessons struct {
	best time.Duration // what is to be remembered: the shortest that two windows have agreed on; 0 = none yet
	base time.Duration // what two windows have agreed on last; 0 = none

	limited bool // VBC has said that there is a quota

	closing  time.Time // when the request was granted whose refusal closed the window
	closedAt time.Time // when we learned that
	after    int       // of those granted between: accepted ones less refused ones
	opened   time.Time // first request since the window opened
	whole    bool      // the window was ours to watch from its beginning
	passed   int       // requests since the last 429 that weren't refused

	pending reading // of the window that has closed, until the next one opens
	earlier reading // of the one before, if it taught anything
	seen    reading // the fastest so far

	blocked      bool      // nothing goes through
	blockedSince time.Time // since then

	window  time.Duration // how long the windows are that have taught base
	changed time.Time     // when the pace last did

	quiet    int  // requests that weren't refused since the pace last changed
	patience int  // so many of them before a faster pace is tried; what is refused for other people's use doesn't begin the count anew
	streak   int  // faster paces in a row that weren't refused
	trying   bool // the interval is such a trial, and base what to go back to
	vain     int  // trials in a row of the best pace, after slower ones, that were refused
}

// reading is how many requests a window has let through.
type reading struct {
	passed int
	length time.Duration
}

// MarshalJSON and UnmarshalJSON keep it where others have it too.
func (r reading) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]int64{int64(r.passed), int64(r.length)})
}

func (r *reading) UnmarshalJSON(text []byte) error {
	var both [2]int64
	err := json.Unmarshal(text, &both)
	r.passed, r.length = int(both[0]), time.Duration(both[1])
	return err
}

func (r reading) pace() time.Duration { return r.length / time.Duration(r.passed) }

// agrees reports whether two windows say the same: a tenth more or less.
func (r reading) agrees(o reading) bool {
	most, least := max(r.passed, o.passed), min(r.passed, o.passed)
	return least > 0 && most-least <= most/10 && 2*max(r.length, o.length) <= 3*min(r.length, o.length)
}

const (
	// A faster pace than the learned one is tried after so many requests that
	// weren't refused, and after ever more where that was in vain: one refused
	// request in so many is what trying may cost.
	fewestQuiet = 100
	mostQuiet   = 400

	// Where nothing goes through, tries come no closer than a part of the time
	// for which that has been so, up to a minute.
	blockedPart = 8
	mostBlocked = time.Minute

	// Where requests are so few that this takes for ever, it is so many windows.
	fewestWindows = 15
	trialWindows  = 3 // at least two of them whole

	fewestSpaced = 3 // fewer requests in a window aren't spaced as widely as they could be

	mostVain = 10 // then a pace that was known is no more
)

// accepted notes that the request granted at granted was not refused for the quota.
func (p *pace) accepted(now, granted time.Time, floor time.Duration) {
	p.passed++
	p.quiet++
	if p.blocked {
		p.blocked, p.changed = false, now // for so long the pace wasn't tried
	}
	if granted.After(p.closing) && !granted.After(p.closedAt) {
		p.after++
	}
	if p.interval <= floor || p.base == 0 || !p.due(now) {
		return
	}
	p.quiet, p.changed = 0, now
	if p.trying {
		p.believe(p.interval)
		p.patience, p.vain = fewestQuiet, 0
	}
	// Somebody else had part of the windows and is perhaps gone, or the account
	// has got a better tier.
	faster := p.interval - min(p.interval/2, max(p.interval<<p.streak/20, p.oneMore()))
	if p.returning() {
		faster = p.fastest()
	}
	p.interval, p.trying, p.streak = max(floor, faster), true, min(p.streak+1, 5)
	p.whole, p.opened, p.passed = false, time.Time{}, 0 // this window has seen two paces
}

// oneMore is by how much the pace must be faster for one more request in each window.
func (p *pace) oneMore() time.Duration {
	if p.window == 0 || p.interval > p.window {
		return 0
	}
	return p.interval - p.window/(p.window/p.interval+1)
}

// due reports whether the pace has held for long enough to try a faster one.
func (p *pace) due(now time.Time) bool {
	need := p.patience
	if p.trying || p.returning() {
		need = fewestQuiet
	}
	windows := time.Duration(fewestWindows * min(need, 2*fewestQuiet) / fewestQuiet)
	if p.trying {
		windows = trialWindows
	}
	return p.quiet >= need || p.window > 0 && p.quiet > 1 && now.Sub(p.changed) >= windows*p.window
}

// fastest is the fastest pace that is known, 0 if there is none.
func (p *pace) fastest() time.Duration {
	if p.best == 0 && p.seen.passed > 0 {
		return p.seen.pace() * 101 / 100
	}
	return p.best
}

// returning reports whether the pace is slower than one that is known.
func (p *pace) returning() bool { return p.fastest() > 0 && p.base > p.fastest()*21/20 }

// believe takes a pace for the account's. What is slower than what a window has
// let through is other people's doing, and not to be remembered.
func (p *pace) believe(pace time.Duration) {
	p.base = pace
	ours := p.seen.passed == 0 || pace <= p.seen.pace()*6/5
	if ours && (p.best == 0 || pace < p.best) {
		p.best = pace
	}
}

// refused notes a 429 to a request that was granted at granted; the window
// opens at until.
func (p *pace) refused(now, granted, until time.Time, floor time.Duration) {
	if until.After(p.closed) {
		p.closed = until
	}
	if !p.closedAt.IsZero() && !granted.After(p.closedAt) {
		// It was under way when another 429 closed the window.
		if granted.After(p.closing) {
			p.after--
		}
		return
	}
	p.pending = reading{}
	if p.passed == 0 {
		if !p.blocked {
			p.blocked, p.blockedSince = true, now
		}
		if soonest := now.Add(min(now.Sub(p.blockedSince)/blockedPart, mostBlocked)); soonest.After(p.closed) {
			p.closed = soonest
		}
	} else if p.whole {
		p.pending = reading{p.passed, p.closed.Sub(p.opened)}
	}
	if p.trying {
		p.slowDown(now, floor)
	}
	p.closing, p.closedAt, p.after = granted, now, 0
	p.opened, p.whole, p.passed, p.streak = time.Time{}, true, 0, 0
	p.say("VBC's request quota is used up; waiting", "until", p.closed.UTC().Format(time.RFC3339))
}

// slowDown ends the trial of a faster pace, which teaches nothing more.
func (p *pace) slowDown(now time.Time, floor time.Duration) {
	if p.returning() {
		if p.vain++; p.vain >= mostVain {
			p.best, p.vain, p.seen = p.base, 0, reading{} // a worse tier
		}
	}
	p.interval, p.trying, p.quiet, p.pending = max(floor, p.base), false, 0, reading{}
	p.patience, p.changed = min(2*p.patience, mostQuiet), now
}

// weigh is called when the next window opens, and learns from the one before.
func (p *pace) weigh(at time.Time, floor time.Duration) {
	now := p.pending
	p.pending = reading{}
	switch {
	case p.after > 1: // it wasn't closed
		p.whole, p.after = false, 0
		return
	case now.passed == 0:
		return
	case p.seen.passed == 0 || now.pace() < p.seen.pace():
		p.seen = now
	}
	before := p.earlier
	if p.earlier = now; !now.agrees(before) {
		return
	}
	// A hundredth slower than it seems: on the border of two windows a
	// request that comes a little early is one too many in the first.
	pace := max(now.pace(), before.pace()) * 101 / 100
	// And never so slow that others, when they leave, leave us waiting.
	pace = min(pace, max(now.length, before.length)/fewestSpaced)
	p.earlier = reading{}
	p.believe(pace)
	p.interval, p.quiet, p.changed, p.window = max(floor, pace), 0, at, max(now.length, before.length)
	p.say("VBC's request quota is known", "then", "one request every "+p.interval.Round(time.Millisecond).String())
}
