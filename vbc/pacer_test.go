package vbc

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gateway is a quota as WSO2 has it: so many requests in each aligned window.
type gateway struct {
	mu      sync.Mutex
	quota   int
	window  time.Duration
	current int64
	count   int
	refused int
	times   []time.Time // of what was let through

	leaves func(window int64) int // what others leave of a window; nil = all
}

// request returns when the window opens, or zero if the request was let through.
func (g *gateway) request() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if w := now.UnixNano() / int64(g.window); w != g.current {
		g.current, g.count = w, 0
	}
	quota := g.quota
	if g.leaves != nil {
		quota = g.leaves(g.current)
	}
	if g.count++; g.count > quota {
		g.refused++
		return time.Unix(0, (g.current+1)*int64(g.window))
	}
	g.times = append(g.times, now)
	return time.Time{}
}

// drive sends n requests by so many workers through the pacer.
func drive(t *testing.T, p *pacer, g *gateway, workers, n int) {
	var wg sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	for range workers {
		wg.Go(func() {
			for {
				g.mu.Lock()
				done := len(g.times) >= n
				g.mu.Unlock()
				if done {
					return
				}
				granted, err := p.wait(t.Context(), RankFetch)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(50 * time.Millisecond) // of synctest's clock: the way to VBC
				if until := g.request(); !until.IsZero() {
					p.refused(granted, until)
				} else {
					p.accepted(granted)
				}
				p.ended(granted)
			}
		})
	}
	wg.Wait()
}

func TestRateIsEvenFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(6*time.Second, slog.New(slog.DiscardHandler))
		g := &gateway{quota: 1000, window: time.Minute}
		begin := time.Now()
		drive(t, p, g, 4, 20)
		for i, at := range g.times[:20] {
			if want := time.Duration(i)*6*time.Second + 50*time.Millisecond; at.Sub(begin) != want {
				t.Errorf("request %d after %v, want %v", i, at.Sub(begin), want)
			}
		}
	})
}

// Without a rate the first 429 teaches the pace. Nothing is sent into the
// closed window but what was under way, and no burst when it opens.
func TestPaceIsLearnedFrom429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		g := &gateway{quota: 10, window: time.Minute}
		begin := time.Now()
		drive(t, p, g, 8, 600)
		if share := float64(g.refused) / float64(600+g.refused); share >= 0.02 {
			t.Errorf("%d of %d requests were refused", g.refused, 600+g.refused)
		}
		if took := time.Since(begin); took > 66*time.Minute {
			t.Errorf("600 requests at 10 a minute took %v", took)
		}
		for i := 30; i+1 < len(g.times); i++ {
			if d := g.times[i+1].Sub(g.times[i]); d < time.Second {
				t.Errorf("requests %d and %d are %v apart: a burst", i, i+1, d)
			}
		}
	})
}

// A window that somebody else has used part of, a dry run for instance,
// teaches no pace, with a rate or without.
func TestForeignUseTeachesNothing(t *testing.T) {
	for _, used := range []int{0, 1, 5, 9, 10} {
		for _, floor := range []time.Duration{0, 6 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				p := newPacer(floor, slog.New(slog.DiscardHandler))
				g := &gateway{quota: 10, window: time.Minute}
				time.Sleep(20 * time.Second) // of synctest's clock: somewhere in a window
				for range used {
					g.request()
				}
				g.times = nil
				begin := time.Now()
				drive(t, p, g, 8, 600)
				if took := time.Since(begin); took > 63*time.Minute {
					t.Errorf("%d used, rate %v: 600 requests at 10 a minute took %v", used, floor, took)
				}
				if share := float64(g.refused) / float64(600+g.refused); share >= 0.02 {
					t.Errorf("%d used, rate %v: %d of %d requests were refused", used, floor, g.refused, 600+g.refused)
				}
			})
		}
	}
}

// Somebody who shares the quota for an hour slows us down for not much longer,
// and a better tier is found out.
func TestPaceFollowsTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		p.expect(6 * time.Second)
		g := &gateway{quota: 4, window: time.Minute} // what the other one leaves
		drive(t, p, g, 4, 240)
		g.mu.Lock()
		g.quota, g.times, g.refused = 10, nil, 0
		g.mu.Unlock()
		begin := time.Now()
		drive(t, p, g, 4, 600)
		if took := time.Since(begin); took > 90*time.Minute {
			t.Errorf("alone again, 600 requests at 10 a minute took %v", took)
		}
		g.mu.Lock()
		g.quota, g.times, g.refused = 1000, nil, 0
		g.mu.Unlock()
		begin = time.Now()
		drive(t, p, g, 4, 2000)
		if took := time.Since(begin); took > 2*time.Hour {
			t.Errorf("in a better tier, 2,000 requests took %v", took)
		}
	})
}

// What finishes a recording goes first; what was overtaken often goes next all
// the same.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(time.Second, slog.New(slog.DiscardHandler))
		if _, err := p.wait(t.Context(), RankFetch); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []Rank
		var wg sync.WaitGroup
		for _, rank := range slices.Concat([]Rank{RankList}, slices.Repeat([]Rank{RankFetch}, 3), slices.Repeat([]Rank{RankPurge}, 30), []Rank{RankToken}) {
			wg.Go(func() {
				if _, err := p.wait(t.Context(), rank); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, rank)
			})
			synctest.Wait() // one after the other
		}
		wg.Wait()
		if order[0] != RankToken || order[1] != RankPurge {
			t.Errorf("a token and a purge go first: %v", order)
		}
		if i := slices.Index(order, RankList); i != mostOver {
			t.Errorf("the listing came after %d others, want %d: %v", i, mostOver, order)
		}
		if i := slices.Index(order, RankFetch); i != mostOver+1 {
			t.Errorf("the first download came after %d others, want %d: %v", i, mostOver+1, order)
		}
	})
}

// A turn that isn't used costs nothing.
func TestTurnGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(time.Minute, slog.New(slog.DiscardHandler))
		begin := time.Now()
		next := func() turn {
			at, err := p.wait(t.Context(), RankPurge)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		for range 3 {
			p.giveBack(next())
		}
		if took := time.Since(begin); took != 0 || len(p.flying) != 0 {
			t.Errorf("three turns given back took %v, %d are under way", took, len(p.flying))
		}
		// One that somebody has had a turn after leaves no gap to be filled.
		early := next()
		used := next()
		p.giveBack(early)
		if d := next().at.Sub(used.at); d != time.Minute {
			t.Errorf("two requests %v apart, at one a minute", d)
		}
	})
}

func TestCancelledWaitGrantsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		p.refused(turn{time.Now(), time.Now()}, time.Now().Add(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.wait(ctx, RankPurge); err == nil {
			t.Error("granted in a closed window")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newPacer(0, slog.New(slog.DiscardHandler)).wait(cancelled, RankPurge); err == nil {
			t.Error("granted after cancellation")
		}
	})
}

func TestWindowOpens(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC)
	date := http.Header{"Date": {"Mon, 23 Nov 2026 09:00:20 GMT"}} // the server's clock is an hour behind
	for _, c := range []struct {
		next string
		h    http.Header
		want time.Duration
	}{
		{"2026-Nov-23 09:01:00+0000 UTC", date, 40 * time.Second},
		{"2026-Nov-23 09:01:00 UTC", date, 40 * time.Second},
		{"2026-11-23T09:01:00Z", date, 40 * time.Second},
		{"2026-11-23T09:01:00+0000", date, 40 * time.Second},
		{"1795424460000", date, 40 * time.Second},
		{"2026-Nov-23 10:01:00+0000 UTC", http.Header{}, 30 * time.Second}, // no Date: our clock
		{"2026-Nov-23 08:00:00+0000 UTC", date, time.Second},               // past
		{"2036-Nov-23 08:00:00+0000 UTC", date, time.Hour},                 // absurd
		{"soon", date, time.Minute},
		{"", http.Header{"Retry-After": {"17"}}, 17 * time.Second},
		{"", http.Header{"Date": date["Date"], "Retry-After": {"Mon, 23 Nov 2026 09:00:50 GMT"}}, 30 * time.Second},
		{"", http.Header{"Retry-After": {"-5"}}, time.Minute},
	} {
		if got := windowOpens(c.h, c.next, now).Sub(now); got != c.want {
			t.Errorf("%q, %v: %v, want %v", c.next, c.h, got, c.want)
		}
	}
}

func TestParseFault(t *testing.T) {
	for body, want := range map[string]fault{
		`{"fault":{"code":900802,"message":"Message throttled out","description":"You have exceeded your quota","nextAccessTime":"x"}}`:    {900802, "Message throttled out: You have exceeded your quota", "x", true},
		`{"code":"900802","message":"Message throttled out","description":"You have exceeded your quota"}`:                                 {900802, "Message throttled out: You have exceeded your quota", "", true},
		`<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>900901</am:code><am:message>Invalid Credentials</am:message></am:fault>`: {900901, "Invalid Credentials", "", true},
		`{"code":"404","type":"Status report","message":"Runtime Error","description":"No matching resource found for given API Request"}`: {0, "Runtime Error: No matching resource found for given API Request", "", true},
		`{"msg":"Recording not found","status":404}`:                            {0, "Recording not found", "", false},
		`{"error":"invalid_grant","error_description":"Authentication failed"}`: {0, "invalid_grant: Authentication failed", "", false},
		`<html><body>Bad gateway</body></html>`:                                 {},
		``:                                                                      {},
	} {
		if got := parseFault([]byte(body)); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", body, got, want)
		}
	}
}
