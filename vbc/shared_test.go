package vbc

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// board is a SharedQuota in memory, as far away as a database. Its clock is not ours.
type board struct {
	mu      sync.Mutex
	kept    string
	version int
	changes int           // in all
	again   int           // calls of change in vain
	ahead   time.Duration // of our clock
	err     error         // what everything comes to
}

func (b *board) Change(ctx context.Context, change func(string, time.Time) string) error {
	for {
		b.mu.Lock()
		kept, version, err := b.kept, b.version, b.err
		b.mu.Unlock()
		if err != nil {
			return err
		}
		next := change(kept, time.Now().Add(b.ahead))
		time.Sleep(2 * time.Millisecond) // of synctest's clock
		if next == "" {
			return nil
		}
		b.mu.Lock()
		if b.version == version {
			b.kept, b.version = next, version+1
			b.changes++
			b.mu.Unlock()
			return nil
		}
		b.again++
		b.mu.Unlock()
	}
}

// over has all news told.
func (b *board) over() { time.Sleep(time.Minute) }

func (b *board) pacer(floor time.Duration) *pacer {
	p := newPacer(floor, slog.New(slog.DiscardHandler))
	p.shared = newShare(p, b)
	return p
}

// Several that share a quota keep to it together, however little each of them knows of
// the others: few requests are refused, and all of it is used.
func TestSharedQuota(t *testing.T) {
	for name, floor := range map[string]time.Duration{"learned": 0, "by rate": 6 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &board{ahead: 10 * time.Minute}
				g := &gateway{quota: 10, window: time.Minute}
				begin := time.Now()
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() { drive(t, b.pacer(floor), g, 4, 600) })
				}
				all.Wait()
				if share := float64(g.refused) / float64(len(g.times)+g.refused); share >= 0.02 {
					t.Errorf("%d of %d requests were refused", g.refused, len(g.times)+g.refused)
				}
				if took := time.Since(begin); took > 66*time.Minute {
					t.Errorf("600 requests at 10 a minute took %v", took)
				}
				b.over()
				b.mu.Lock()
				defer b.mu.Unlock()
				t.Logf("%d of %d requests refused in %v; %d changes, %d tries in vain", g.refused, len(g.times)+g.refused, time.Since(begin), b.changes, b.again)
				if b.changes > 3*600 {
					t.Errorf("%d changes for 600 requests, %d tries in vain", b.changes, b.again)
				}
			})
		})
	}
}

// What is said to one, all know: that the window is closed, and for how long; and the
// pace, also who comes later.
func TestOneRefusalClosesTheWindowForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{ahead: -time.Hour}
		one, other := b.pacer(0), b.pacer(0)
		granted, err := one.wait(t.Context(), RankFetch)
		if err != nil {
			t.Fatal(err)
		}
		until := time.Now().Add(17 * time.Minute)
		one.refused(granted, until)
		one.ended(granted)
		time.Sleep(time.Second)
		at, err := other.wait(t.Context(), RankToken)
		if early := until.Sub(at.at); err != nil || early > 0 || early < -lookSeldom {
			t.Errorf("a turn %v before the window opens, %v", early, err)
		}
		other.ended(at)
		time.Sleep(gather)
		if left := one.quota().ClosedUntil.Sub(until).Abs(); left > time.Second {
			t.Errorf("it is said to be closed until %v later", left)
		}
		begin := time.Now()
		other.expect(3 * time.Second)
		other.tellAll(closeWithin)
		if took := time.Since(begin); took > gather/2 {
			t.Errorf("it took %v to tell the others", took)
		}
		late := b.pacer(0)
		for range 3 {
			at, err := late.wait(t.Context(), RankFetch)
			if err != nil {
				t.Fatal(err)
			}
			late.ended(at)
		}
		if got := late.quota(); got.Interval != 3*time.Second || got.Learned != 3*time.Second {
			t.Errorf("%+v", got)
		}
		b.over()
	})
}

// Whoever stands still, having got a turn or while it waits for one, keeps nobody from
// getting theirs.
func TestWhoStandsStillHoldsNobodyUp(t *testing.T) {
	for _, floor := range []time.Duration{0, 6 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := &board{}
			g := &gateway{quota: 10, window: time.Minute}
			for range 4 {
				if _, err := b.pacer(floor).wait(t.Context(), RankPurge); err != nil { // and it is never heard of again
					t.Fatal(err)
				}
			}
			begin := time.Now()
			drive(t, b.pacer(floor), g, 4, 100)
			if took := time.Since(begin); took > 11*time.Minute {
				t.Errorf("100 requests at 10 a minute took %v", took)
			}
			b.over()
		})
	}
}

// A machine that can't reach the others asks VBC for nothing, and says so after a while;
// who is told to stop, stops at once.
func TestNoTurnWithoutTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		closed := (&board{err: away}).pacer(0)
		closed.name()
		begin := time.Now()
		if closed.tellAll(closeWithin); time.Since(begin) != closeWithin {
			t.Errorf("it took %v to give up telling the others", time.Since(begin))
		}
		b := &board{err: away}
		p := b.pacer(time.Second)
		stopped, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if _, err := p.wait(stopped, RankPurge); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("told to stop: %v", err)
		}
		begin = time.Now()
		if _, err := p.wait(t.Context(), RankPurge); !errors.Is(err, away) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took > sharedPatience+longestPause {
			t.Errorf("it took %v to say so", took)
		}
		time.AfterFunc(time.Minute, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.err = nil
		})
		time.Sleep(2 * time.Minute)
		if _, err := p.wait(t.Context(), RankPurge); err != nil {
			t.Errorf("they can be reached again: %v", err)
		}
		b.over()
	})
}

// What was learned is kept whole, and what a day, or somebody's wrong clock, has made
// worthless is let go of.
func TestPaceIsKept(t *testing.T) {
	now := time.Now().UTC()
	p := pace{interval: 1, last: now, next: now.Add(2), closed: now.Add(3), flying: []time.Time{now.Add(4)}, lessons: lessons{
		best: 5, base: 6, limited: true, closing: now.Add(7), closedAt: now.Add(8), after: 9, opened: now.Add(10), whole: true, passed: 11,
		pending: reading{12, 13}, earlier: reading{14, 15}, seen: reading{16, 17}, blocked: true, blockedSince: now.Add(18), window: 19,
		changed: now.Add(20), quiet: 21, patience: 22, streak: 23, trying: true, vain: 24,
	}}
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "say" {
			t.Errorf("this test leaves %s out", name)
		}
	}
	for i := range v.FieldByName("lessons").NumField() {
		if f := v.FieldByName("lessons"); f.Field(i).IsZero() {
			t.Errorf("this test leaves %s out", f.Type().Field(i).Name)
		}
	}
	got := readPace(p.written())
	if diff := cmp.Diff(p, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Error(diff)
	}
	next := readPace(p.written())
	next.settle(now.Add(24 * time.Hour))
	if next.interval != 5 || next.best != 5 || next.whole || next.passed != 0 || len(next.flying) != 0 || !next.limited {
		t.Errorf("a day later: %+v", next)
	}
	back := readPace(p.written())
	back.closed, back.next, back.last = now.Add(48*time.Hour), now.Add(48*time.Hour), now.Add(48*time.Hour)
	back.settle(now)
	if _, wait := back.grant(now, 1, 0); wait > longestClosed {
		t.Errorf("after a clock that was two days ahead, the next turn is in %v", wait)
	}
	if strange := readPace(`{"interval":"soon","from a newer program":1}`); strange.interval != 0 || strange.patience != fewestQuiet {
		t.Errorf("%+v", strange)
	}
}
