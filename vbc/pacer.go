package vbc

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// pacer says when the next request may be sent. All requests of a client,
// whoever sends them, pass it one by one.
//
// With a rate it spaces them evenly. Without one it lets them run freely until
// a 429 teaches the pace: so many requests went through since the window
// opened, so many fit into the next. It never sends into a window that it
// knows to be closed, and never more than one request at the moment when one
// opens.
type pacer struct {
	log  *slog.Logger
	gate chan struct{} // held by the one request that is next

	mu        sync.Mutex
	floor     time.Duration // from the user's rate: never closer together than this
	interval  time.Duration // between requests; 0 = freely
	next      time.Time     // earliest time of the next request
	closed    time.Time     // the window is closed until then
	closedAt  time.Time     // when we learned that
	opened    time.Time     // first request since the last 429
	passed    int           // requests since then that weren't refused
	throttled int           // 429s in all
}

// fasterAfter is how many requests must pass before a learned pace is tried a
// little faster. One refused request in so many is what probing may cost.
const fasterAfter = 100

func newPacer(interval time.Duration, log *slog.Logger) *pacer {
	return &pacer{log: log, gate: make(chan struct{}, 1), floor: interval, interval: interval}
}

// wait blocks until a request may be sent and returns that time.
func (p *pacer) wait(ctx context.Context) (time.Time, error) {
	select {
	case p.gate <- struct{}{}:
		defer func() { <-p.gate }()
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
	for {
		// A closed context wins over a free slot: after cancellation no
		// request is permitted any more.
		if ctx.Err() != nil {
			return time.Time{}, context.Cause(ctx)
		}
		delay := p.grant()
		if delay <= 0 {
			return time.Now(), nil
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return time.Time{}, context.Cause(ctx)
		}
	}
}

// grant returns 0 and books the request, or how long to wait before asking again.
func (p *pacer) grant() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at := p.next
	if p.closed.After(at) {
		at = p.closed
	}
	if at.After(now) {
		return at.Sub(now)
	}
	p.next = now.Add(p.interval)
	if p.opened.IsZero() {
		p.opened = now
	}
	return 0
}

// accepted notes that a request was not refused for the quota.
func (p *pacer) accepted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed++
	if p.interval > p.floor && p.passed%fasterAfter == 0 {
		p.interval = max(p.floor, p.interval*20/21)
	}
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
	if p.passed > 0 {
		p.interval = p.closed.Sub(p.opened) / time.Duration(p.passed)
	} else {
		p.interval = max(2*p.interval, time.Second)
	}
	p.interval = max(p.interval, p.floor)
	p.closedAt, p.opened, p.passed = time.Now(), time.Time{}, 0
	p.log.Info("VBC's request quota is used up; waiting",
		"until", p.closed.UTC().Format(time.RFC3339), "then_one_request_every", p.interval.Round(time.Millisecond).String())
}

// Quota is what is known of the request quota.
type Quota struct {
	Interval    time.Duration // between requests; 0 = no limit known
	ClosedUntil time.Time     // zero or past: open
	Throttled   int           // requests refused so far
}

func (p *pacer) quota() Quota {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Quota{Interval: p.interval, ClosedUntil: p.closed, Throttled: p.throttled}
}
