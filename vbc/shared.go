package vbc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// SharedQuota keeps what is known of a quota where all who use it up have it: several
// machines, or several accounts with the credentials of one application. Each of their
// requests gets its turn there, so that together they keep to the quota, and what one
// learns of it, all know.
type SharedQuota interface {
	// Change replaces what is kept, "" at first, by what change makes of it, unless that
	// is "". Changes follow one another in one order, whoever makes them: where something
	// comes between, change is called again, and the last call counts. now is by one
	// clock for all. Nothing is locked while change is at it, so who stands still there
	// keeps nobody waiting. After an error what is kept is changed or not.
	Change(ctx context.Context, change func(kept string, now time.Time) string) error
}

// SharedQuotaError says that nobody can tell when a request may be sent, since what all
// programs that share a quota know of it can't be reached. Nothing was sent.
type SharedQuotaError struct{ Err error }

func (e *SharedQuotaError) Error() string {
	return "the quota is shared with other programs, and what they have used of it can't be read: " + e.Err.Error()
}

func (e *SharedQuotaError) Unwrap() error { return e.Err }

const (
	sharedTimeout  = 10 * time.Second       // of one exchange
	sharedPatience = 2 * time.Minute        // so long is tried what fails
	sharedPause    = 250 * time.Millisecond // the first one after a failure
	longestPause   = 5 * time.Second

	// News come from other programs too, and nobody calls. So often it is looked at
	// whether there are any: while the requests under way are counted, and else.
	lookOften  = 250 * time.Millisecond
	lookSeldom = 20 * time.Second

	closeWithin = 2 * time.Second // news are told at the end
	gather      = time.Second     // so long news wait for others, where nobody waits for them
)

// share is a pacer's part in a quota that others have too. All but its goroutine use it
// with the pacer's lock held.
type share struct {
	p     *pacer
	quota SharedQuota

	news  []func(*pace, time.Time) // that aren't told yet
	hurry bool                     // and that others should know soon
	ahead time.Duration            // our clock, of the clock of all
	at    bool                     // the goroutine is there
	woken chan struct{}
	ended chan struct{} // closed when the goroutine ends

	failing time.Time // since when nothing can be exchanged; zero = it can
}

func newShare(p *pacer, quota SharedQuota) *share {
	return &share{p: p, quota: quota, woken: make(chan struct{}, 1)}
}

// tell has all who share the quota know something. As long as requests under way are
// counted, others wait for it.
func (s *share) tell(news func(*pace, time.Time)) {
	s.news = append(s.news, news)
	if s.hurry = s.hurry || s.p.blocked || max(s.p.interval, s.p.floor) == 0; s.hurry || !s.at {
		s.wake()
	}
}

// wake has the goroutine look what there is to do.
func (s *share) wake() {
	if !s.at {
		s.at, s.ended = true, make(chan struct{})
		go s.run()
		return
	}
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// run exchanges what is new, and gives out turns, as long as there is anything to do.
func (s *share) run() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	defer func() {
		s.at = false
		close(s.ended)
	}()
	pause := sharedPause
	for len(s.p.queue) > 0 || len(s.news) > 0 {
		if len(s.p.queue) == 0 && !s.hurry {
			s.rest(gather)
		}
		news, most := s.news, len(s.p.queue)
		s.news, s.hurry = nil, false
		s.p.mu.Unlock()
		got, err := s.exchange(news, most)
		s.p.mu.Lock()
		if err != nil {
			s.news = append(news, s.news...)
			if s.giveUp(err) {
				continue
			}
			s.rest(pause)
			pause = min(2*pause, longestPause)
			continue
		}
		pause = sharedPause
		s.take(got)
		if len(s.p.queue) > 0 && !s.hurry {
			s.rest(min(cmp.Or(got.wait, lookOften), lookSeldom))
		}
	}
}

// tellAll has the news told that there are, or gives them up after so long.
func (p *pacer) tellAll(within time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		return
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	for s := p.shared; s.at; {
		s.hurry = true
		s.wake()
		ended := s.ended
		p.mu.Unlock()
		select {
		case <-ended:
		case <-timer.C:
			p.mu.Lock()
			return
		}
		p.mu.Lock()
	}
}

// rest waits for so long, or until there is something to do.
func (s *share) rest(d time.Duration) {
	s.p.mu.Unlock()
	defer s.p.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.woken:
	}
}

// giveUp gives up what has failed for too long: all who wait are told, and what was news
// is none any more.
func (s *share) giveUp(err error) bool {
	if s.failing.IsZero() {
		s.failing = time.Now()
	}
	failed := time.Since(s.failing)
	if failed < sharedPatience && (len(s.p.queue) > 0 || failed < sharedTimeout) {
		return false
	}
	for _, w := range s.p.queue {
		w.grant <- granted{err: &SharedQuotaError{err}}
	}
	s.p.queue, s.news = nil, nil
	return true
}

// exchanged is what an exchange has brought.
type exchanged struct {
	pace
	now   time.Time
	turns int
	wait  time.Duration
	said  []func()
}

// exchange tells what is new, and asks for up to so many turns.
func (s *share) exchange(news []func(*pace, time.Time), most int) (got exchanged, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), sharedTimeout)
	defer cancel()
	err = s.quota.Change(ctx, func(kept string, now time.Time) string {
		got = exchanged{now: now}
		said := &got.said
		got.pace = readPace(kept)
		got.say = func(message string, args ...any) {
			*said = append(*said, func() { s.p.log.Info(message, args...) })
		}
		got.settle(now)
		for _, tell := range news {
			tell(&got.pace, now)
		}
		got.turns, got.wait = got.grant(now, most, s.p.floor)
		if len(news) == 0 && got.turns == 0 {
			return ""
		}
		return got.written()
	})
	return got, err
}

// take makes use of what has come.
func (s *share) take(got exchanged) {
	s.failing = time.Time{}
	for _, say := range got.said {
		say()
	}
	now := time.Now()
	s.p.pace, s.ahead = got.pace, now.Sub(got.now)
	for range got.turns {
		if len(s.p.queue) == 0 { // nobody waits any more
			s.tell(func(p *pace, _ time.Time) { p.giveBack(got.now) })
			continue
		}
		s.p.take().grant <- granted{turn: turn{now, got.now}}
	}
}

const (
	// A request of which nobody hears any more, since its program has ended or stands
	// still, is under way no longer than this. Counted are no more than mostFlying.
	longestFlight = 30 * time.Second
	mostFlying    = 64

	longestClosed = time.Hour // as windowOpens has it

	forgotten = 10 * time.Minute // without a request: then a window is no longer watched
)

// settle makes what others have kept fit for use: they may have ended in mid-air, long
// ago, or by a clock that was ahead.
func (p *pace) settle(now time.Time) {
	for len(p.flying) > 0 && (len(p.flying) > mostFlying || now.Sub(p.flying[0]).Abs() > longestFlight) {
		p.flying = p.flying[1:]
	}
	if latest := now.Add(longestClosed); p.closed.After(latest) {
		p.closed = latest
	}
	if p.next.After(now.Add(p.interval)) && p.last.After(now) {
		p.next = now.Add(p.interval)
	}
	if idle := now.Sub(p.last); p.last.IsZero() || idle > -time.Second && idle < forgotten {
		return
	}
	kept := p.lessons
	p.lessons = lessons{best: kept.best, base: kept.best, limited: kept.limited, window: kept.window, seen: kept.seen, patience: fewestQuiet, changed: now}
	p.interval, p.last = kept.best, time.Time{}
}

// fields are all of it by name, as it is kept. A program may know more of them than
// another.
func (p *pace) fields() map[string]any {
	return map[string]any{
		"interval": &p.interval, "last": &p.last, "next": &p.next, "closed": &p.closed, "flying": &p.flying,
		"best": &p.best, "base": &p.base, "limited": &p.limited,
		"closing": &p.closing, "closed_at": &p.closedAt, "after": &p.after, "opened": &p.opened, "whole": &p.whole, "passed": &p.passed,
		"pending": &p.pending, "earlier": &p.earlier, "seen": &p.seen,
		"blocked": &p.blocked, "blocked_since": &p.blockedSince, "window": &p.window, "changed": &p.changed,
		"quiet": &p.quiet, "patience": &p.patience, "streak": &p.streak, "trying": &p.trying, "vain": &p.vain,
	}
}

// written is a pace as it is kept: JSON, durations in nanoseconds; what is zero is left out.
func (p *pace) written() string {
	fields := p.fields()
	for name, value := range fields {
		if reflect.ValueOf(value).Elem().IsZero() {
			delete(fields, name)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprint("vbc: ", err)) // numbers, truths and times
	}
	return string(text)
}

// readPace reads it. What can't be read isn't known.
func readPace(kept string) (p pace) {
	p.patience = fewestQuiet
	var has map[string]json.RawMessage
	if json.Unmarshal([]byte(kept), &has) != nil {
		return p
	}
	for name, to := range p.fields() {
		if text, ok := has[name]; ok {
			_ = json.Unmarshal(text, to)
		}
	}
	return p
}

// KeptQuota is what a SharedQuota keeps, for people: Interval, Learned, Limited and
// ClosedUntil, by the clock of all.
func KeptQuota(kept string) Quota {
	p := readPace(kept)
	return Quota{Interval: p.interval, Learned: p.best, Limited: p.limited, ClosedUntil: p.closed}
}
