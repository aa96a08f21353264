package vbc

import (
	"context"
	"log/slog"
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
// says when the window closes and the next one opens. The window in which
// that happens may have been used by others before us, so it teaches nothing
// more. The next one is watched from its beginning: so many requests went
// through, so many fit into each. From there on they are spaced evenly. It
// never sends into a window that it knows to be closed.
//
// As long as the pace isn't known, only so many requests are under way at once
// as have gone through, and a quarter of that in the window that is watched:
// each of them may be refused.
type pacer struct {
	log   *slog.Logger
	floor time.Duration // from the user's rate: never closer together than this

	mu       sync.Mutex
	queue    []*waiter // in the order of their coming
	timer    *time.Timer
	inFlight int

	interval time.Duration // between requests; 0 = freely
	best     time.Duration // the shortest that a whole window has taught; 0 = none yet
	last     time.Time     // the latest turn
	next     time.Time     // earliest time of the next request
	closed   time.Time     // the window is closed until then
	closedAt time.Time     // when we learned that
	opened   time.Time     // first request since the last 429
	whole    bool          // the window was ours to watch from its beginning
	passed   int           // requests since the last 429 that weren't refused
	quiet    int           // those since the pace last changed
	patience int           // so many of them before a faster pace is tried
	streak   int           // faster paces in a row that weren't refused

	sent      int // requests in all that weren't refused
	throttled int // 429s
}

// waiter is a request in the queue.
type waiter struct {
	rank  Rank
	over  int // others that went first
	grant chan time.Time
}

const (
	// A faster pace than the learned one is tried after so many requests that
	// weren't refused, and after ever more where that was in vain: one refused
	// request in so many is what trying may cost.
	fewestQuiet = 100
	mostQuiet   = 400

	mostOver = 16 // whoever was overtaken so often goes next, whatever its rank
)

func newPacer(floor time.Duration, log *slog.Logger) *pacer {
	return &pacer{log: log, floor: floor, interval: floor, patience: fewestQuiet}
}

// expect begins with a pace that was learned earlier; 0 = none.
func (p *pacer) expect(pace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.best == 0 {
		p.interval, p.best = max(p.interval, pace), pace
	}
}

// wait blocks until a request of that rank may be sent and returns that time.
// Each turn must be ended with ended or giveBack.
func (p *pacer) wait(ctx context.Context, rank Rank) (time.Time, error) {
	w := &waiter{rank: rank, grant: make(chan time.Time, 1)}
	p.mu.Lock()
	p.queue = append(p.queue, w)
	p.dispatch()
	p.mu.Unlock()
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
	for len(p.queue) > 0 && (p.interval > 0 || p.inFlight < p.mostInFlight()) {
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

// mostInFlight bounds the requests under way as long as the pace isn't known.
func (p *pacer) mostInFlight() int {
	if p.whole {
		return max(1, p.passed/4)
	}
	return max(4, p.passed)
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

// accepted notes that a request was not refused for the quota.
func (p *pacer) accepted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	p.passed++
	p.quiet++
	if p.interval <= p.floor {
		return
	}
	switch {
	case p.best > 0 && p.interval > p.best*21/20 && p.quiet >= fewestQuiet:
		// Somebody else had part of the windows, and is perhaps gone.
		p.interval = max(p.floor, p.best)
	case p.quiet >= p.patience, p.streak > 0 && p.quiet >= fewestQuiet:
		p.interval = max(p.floor, p.interval-min(p.interval/2, p.interval<<p.streak/20))
		p.streak = min(p.streak+1, 5)
	default:
		return
	}
	p.quiet = 0
}

// refused notes a 429 to a request that was granted at granted; the window
// opens at until.
func (p *pacer) refused(granted, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.throttled++
	if until.After(p.closed) {
		p.closed = until
	}
	if !p.closedAt.IsZero() && !granted.After(p.closedAt) {
		return // was under way when another 429 closed the window: nothing new in it
	}
	switch {
	case !p.whole: // of this window we don't know what others have used
	case p.passed == 0: // others have used all of it
		p.interval = max(2*p.interval, time.Second)
	default:
		// A hundredth slower than it seems: on the border of two windows a
		// request that comes a little early is one too many in the first.
		p.interval = p.closed.Sub(p.opened) / time.Duration(p.passed) * 101 / 100
		if p.best == 0 || p.interval < p.best {
			p.best = p.interval
		}
	}
	p.interval = max(p.interval, p.floor)
	if p.streak > 0 {
		p.patience = min(2*p.patience, mostQuiet)
	}
	p.closedAt, p.opened, p.whole, p.passed, p.quiet, p.streak = time.Now(), time.Time{}, true, 0, 0, 0
	then := "as fast as before, to learn how many it takes"
	if p.interval > 0 {
		then = "one request every " + p.interval.Round(time.Millisecond).String()
	}
	p.log.Info("VBC's request quota is used up; waiting", "until", p.closed.UTC().Format(time.RFC3339), "then", then)
}

// Quota is what is known of the request quota.
type Quota struct {
	Interval    time.Duration // between requests; 0 = no limit known
	Learned     time.Duration // the pace that VBC has taught or been told to expect; 0 = none
	ClosedUntil time.Time     // zero or past: open
	Sent        int           // requests so far that weren't refused
	Throttled   int           // and those that were
}

func (p *pacer) quota() Quota {
	p.mu.Lock()
	defer p.mu.Unlock()
	learned := p.best
	if p.interval < learned {
		learned = p.interval // a faster pace that wasn't refused
	}
	return Quota{Interval: p.interval, Learned: learned, ClosedUntil: p.closed, Sent: p.sent, Throttled: p.throttled}
}
