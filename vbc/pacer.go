package vbc

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"
)

// Rank says whose turn it is where requests have to queue: what finishes a
// recording soonest comes first.
type Rank int

const (
	RankToken Rank = iota // without one nothing else goes
	RankPurge             // finishes a recording, or settles what became of one
	RankFetch             // brings audio, or an export of it
	RankList              // finds more to do
)

// pacer says when the next request may be sent. All requests of a client,
// whoever sends them, pass it one by one.
//
// With a rate it spaces them evenly. Without one it lets them run until a 429
// says when the window closes and the next one opens. What it makes of that is
// in quota.go. It never sends into a window that it knows to be closed.
//
// As long as the pace isn't known, only so many requests are under way at once
// as half of those that have gone through, and fewer in a window that is
// watched: each of them may be refused.
type pacer struct {
	log   *slog.Logger
	floor time.Duration // from the user's rate: never closer together than this

	mu       sync.Mutex
	queue    []*waiter // in the order of their coming
	timer    *time.Timer
	inFlight int

	interval time.Duration // between requests; 0 = freely
	last     time.Time     // the latest turn
	next     time.Time     // earliest time of the next request
	closed   time.Time     // the window is closed until then

	lessons

	sent      int           // requests in all that weren't refused
	throttled int           // 429s
	waited    time.Duration // of all requests together, until they were granted or given up
}

// waiter is a request in the queue.
type waiter struct {
	rank  Rank
	over  int // others that went first
	grant chan time.Time
}

const mostOver = 16 // whoever was overtaken so often goes next, whatever its rank

func newPacer(floor time.Duration, log *slog.Logger) *pacer {
	return &pacer{log: log, floor: floor, interval: floor, lessons: lessons{patience: fewestQuiet}}
}

// expect begins with a pace that was learned earlier; 0 = none.
func (p *pacer) expect(pace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.best == 0 {
		p.interval, p.best, p.base = max(p.interval, pace), pace, pace
	}
}

// wait blocks until a request of that rank may be sent and returns that time.
// Each turn must be ended with ended or giveBack.
func (p *pacer) wait(ctx context.Context, rank Rank) (time.Time, error) {
	w := &waiter{rank: rank, grant: make(chan time.Time, 1)}
	came := time.Now()
	p.mu.Lock()
	p.queue = append(p.queue, w)
	p.dispatch()
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waited += time.Since(came)
	}()
	select {
	case at := <-w.grant:
		// A closed context wins over a free turn: after cancellation no
		// request is permitted any more.
		if ctx.Err() != nil {
			p.giveBack(at)
			return time.Time{}, context.Cause(ctx)
		}
		return at, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.queue, w)
	if i >= 0 {
		p.leave(i)
	}
	p.mu.Unlock()
	if i < 0 {
		p.giveBack(<-w.grant) // it was granted at that very moment
	}
	return time.Time{}, context.Cause(ctx)
}

// dispatch grants what may be granted now, and sees to it that the rest is
// looked at again. The caller holds mu.
func (p *pacer) dispatch() {
	for len(p.queue) > 0 && p.inFlight < p.mostInFlight() {
		now := time.Now()
		at := p.next
		if p.closed.After(at) {
			at = p.closed
		}
		if delay := at.Sub(now); delay > 0 {
			if p.timer != nil {
				p.timer.Stop()
			}
			p.timer = time.AfterFunc(delay, func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.dispatch()
			})
			return
		}
		p.weigh()
		// On the beat, however late this one is: else each delay of a timer
		// would make the whole slower.
		if p.next = at.Add(p.interval); p.next.Before(now) {
			p.next = now.Add(p.interval)
		}
		p.last = now
		p.inFlight++
		if p.opened.IsZero() {
			p.opened = now
		}
		p.take().grant <- now
	}
}

// mostInFlight bounds the requests under way as long as the pace isn't known,
// or nothing goes through.
func (p *pacer) mostInFlight() int {
	switch {
	case p.blocked:
		return 1
	case p.interval > 0:
		return math.MaxInt
	case p.whole && p.passed < 2*p.seen.passed:
		return min(2, max(1, p.passed/4)) // it may close at any moment
	case p.whole:
		return max(1, min(p.passed/4, 4+p.passed/32))
	}
	return max(4, p.passed/2)
}

// take takes whose turn it is out of the queue.
func (p *pacer) take() *waiter {
	first := 0
	for i, w := range p.queue {
		if w.over >= mostOver {
			first = i
			break
		}
		if w.rank < p.queue[first].rank {
			first = i
		}
	}
	for _, w := range p.queue[:first] {
		w.over++
	}
	w := p.queue[first]
	p.leave(first)
	return w
}

func (p *pacer) leave(i int) { p.queue = append(p.queue[:i], p.queue[i+1:]...) }

// ended notes that a request has been answered, or has failed.
func (p *pacer) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	p.dispatch()
}

// giveBack notes that the turn granted at granted was not used. If nobody has
// had one since, it is somebody else's now.
func (p *pacer) giveBack(granted time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	if granted.Equal(p.last) {
		p.next = time.Time{}
	}
	p.dispatch()
}
