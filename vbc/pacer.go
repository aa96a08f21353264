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
// says when the window closes and the next one opens. What it makes of that is
// in quota.go. It never sends into a window that it knows to be closed.
//
// As long as the pace isn't known, only so many requests are under way at once
// as half of those that have gone through, and fewer in a window that is
// watched: each of them may be refused.
//
// Here is who waits, and in which order. What is known of the quota is in pace.go; where
// other programs share the quota, that lies where all of them have it: see shared.go.
type pacer struct {
	log   *slog.Logger
	floor time.Duration // from the user's rate: never closer together than this

	mu    sync.Mutex
	queue []*waiter // in the order of their coming
	timer *time.Timer

	pace          // of a quota that is shared, as it was when it was looked at last
	shared *share // nil: nobody else has this quota

	sent      int           // requests in all that weren't refused
	throttled int           // 429s
	waited    time.Duration // of all requests together, until they were granted or given up
}

// turn is the permission to send a request.
type turn struct {
	at    time.Time // by this machine's clock
	stamp time.Time // by the clock of all who share the quota
}

// granted is what a waiter gets: a turn, or why there is none.
type granted struct {
	turn
	err error
}

// waiter is a request in the queue.
type waiter struct {
	rank  Rank
	over  int // others that went first
	grant chan granted
}

const mostOver = 16 // whoever was overtaken so often goes next, whatever its rank

func newPacer(floor time.Duration, log *slog.Logger) *pacer {
	p := &pacer{log: log, floor: floor}
	p.pace = pace{lessons: lessons{patience: fewestQuiet}, say: func(message string, args ...any) { log.Info(message, args...) }}
	return p
}

// tell has something of the quota noted: at once, or with all that share it.
func (p *pacer) tell(news func(p *pace, now time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared != nil {
		p.shared.tell(news)
		return
	}
	news(&p.pace, time.Now())
	p.dispatch()
}

// expect begins with a pace that was learned earlier; 0 = none.
func (p *pacer) expect(every time.Duration) {
	p.tell(func(p *pace, _ time.Time) { p.expect(every) })
}

// name notes that VBC has said that there is a quota.
func (p *pacer) name() { p.tell(func(p *pace, _ time.Time) { p.limited = true }) }

// accepted notes that a request was not refused for the quota.
func (p *pacer) accepted(t turn) {
	p.count(&p.sent)
	p.tell(func(q *pace, now time.Time) { q.accepted(now, t.stamp, p.floor) })
}

// refused notes a 429; the window opens at until.
func (p *pacer) refused(t turn, until time.Time) {
	p.count(&p.throttled)
	learned := time.Now()
	p.tell(func(q *pace, now time.Time) {
		// By the clock of all, which is only known to be what it was so long ago.
		q.refused(now, t.stamp, now.Add(until.Sub(learned)), p.floor)
	})
}

// count adds one.
func (p *pacer) count(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

// wait blocks until a request of that rank may be sent and returns that time.
// Each turn must be ended with ended or giveBack.
func (p *pacer) wait(ctx context.Context, rank Rank) (turn, error) {
	w := &waiter{rank: rank, grant: make(chan granted, 1)}
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
	case g := <-w.grant:
		// A closed context wins over a free turn: after cancellation no
		// request is permitted any more.
		if g.err == nil && ctx.Err() != nil {
			p.giveBack(g.turn)
			return turn{}, context.Cause(ctx)
		}
		return g.turn, g.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.queue, w)
	if i >= 0 {
		p.leave(i)
	}
	p.mu.Unlock()
	if i < 0 {
		if g := <-w.grant; g.err == nil { // it was granted at that very moment
			p.giveBack(g.turn)
		}
	}
	return turn{}, context.Cause(ctx)
}

// dispatch grants what may be granted now, and sees to it that the rest is
// looked at again. The caller holds mu.
func (p *pacer) dispatch() {
	if p.shared != nil {
		p.shared.wake()
		return
	}
	if len(p.queue) == 0 {
		return
	}
	now := time.Now()
	turns, wait := p.pace.grant(now, len(p.queue), p.floor)
	for range turns {
		p.take().grant <- granted{turn: turn{now, now}}
	}
	if wait <= 0 {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(wait, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dispatch()
	})
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
func (p *pacer) ended(t turn) {
	p.tell(func(p *pace, _ time.Time) { p.landed(t.stamp) })
}

// giveBack notes that a turn was not used. If nobody has had one since, it is somebody
// else's now.
func (p *pacer) giveBack(t turn) {
	p.tell(func(p *pace, _ time.Time) { p.giveBack(t.stamp) })
}

// Quota is what is known of the request quota.
type Quota struct {
	Interval    time.Duration // between requests; 0 = no limit known
	Learned     time.Duration // the pace that two windows have taught or that is expected; 0 = none
	Limited     bool          // VBC has said that there is a quota, whether the pace is known or not
	ClosedUntil time.Time     // zero or past: open
	Sent        int           // requests so far that weren't refused
	Throttled   int           // and those that were
	Waited      time.Duration // of all requests together, for their turn
}

func (p *pacer) quota() Quota {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := Quota{Interval: max(p.interval, p.floor), Learned: p.best, Limited: p.limited, ClosedUntil: p.closed, Sent: p.sent, Throttled: p.throttled, Waited: p.waited}
	if p.shared != nil && !q.ClosedUntil.IsZero() {
		q.ClosedUntil = q.ClosedUntil.Add(p.shared.ahead)
	}
	return q
}
