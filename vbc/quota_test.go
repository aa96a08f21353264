package vbc

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Somebody else uses everything for hours, or VBC is closed. While it lasts, one
// request in each window asks whether it is over; and when it is, the first one
// that is accepted brings the known pace back.
func TestBlockadeLeavesThePaceAsItWas(t *testing.T) {
	for _, window := range []time.Duration{time.Second, time.Minute} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprint(window, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPacer(0, slog.New(slog.DiscardHandler))
					g := &gateway{quota: 20, window: window}
					if known {
						p.expect(window / 20 * 101 / 100)
					} else {
						drive(t, p, g, 8, 400)
					}
					pace := p.quota().Interval
					if pace == 0 {
						t.Fatal("the pace isn't known")
					}
					const blockade = 3 * time.Hour
					until := time.Now().Truncate(window).Add(blockade)
					g.leaves = func(w int64) int {
						if time.Unix(0, w*int64(window)).Before(until) {
							return 0
						}
						return 20
					}
					g.refused, g.times = 0, nil
					drive(t, p, g, 8, 1)
					if n := g.refused; n > int(blockade/time.Minute)*11/10+60 {
						t.Errorf("%d requests in a blockade of %v", n, blockade)
					}
					if late := time.Since(until); late > max(window, time.Minute)+time.Second {
						t.Errorf("it is over, and nobody notices for %v", late)
					}
					if q := p.quota(); q.Interval < pace*9/10 || q.Interval > pace*11/10 {
						t.Errorf("one request every %v, want %v as before", q.Interval, pace)
					}
					begin := time.Now()
					drive(t, p, g, 8, 41)
					if took := time.Since(begin); took > 3*window {
						t.Errorf("40 requests at 20 per %v took %v after it", window, took)
					}
				})
			})
		}
	}
}

// A busy backend answers single requests with 429, and would take the next one.
// Each costs its pause, and teaches nothing.
func TestIsolatedRefusalsTeachNothing(t *testing.T) {
	patterns := map[string]func(n int64) bool{
		"as seen":          func(n int64) bool { return n == 30 || n == 56 || n == 62 || n == 67 },
		"regularly":        func(n int64) bool { return n%75 == 0 },
		"at the start":     func(n int64) bool { return n == 1 },
		"three in a row":   func(n int64) bool { return n > 40 && n < 44 },
		"one in a hundred": func(n int64) bool { return rand.IntN(100) == 0 },
	}
	for name, hit := range patterns {
		for _, pause := range []time.Duration{time.Second, time.Minute} {
			t.Run(fmt.Sprint(name, pause), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPacer(0, slog.New(slog.DiscardHandler))
					busy := &busyBackend{hit: hit, pause: pause}
					begin := time.Now()
					busy.drive(t, p, 8, 300)
					if most := time.Duration(busy.refused.Load())*(pause+time.Second) + 300*50*time.Millisecond; time.Since(begin) > most {
						t.Errorf("took %v, want at most %v", time.Since(begin), most)
					}
					if q := p.quota(); q.Interval != 0 || q.Learned != 0 {
						t.Errorf("learned: one request every %v, %v", q.Interval, q.Learned)
					}
				})
			})
		}
	}
}

// busyBackend has no quota, and refuses single requests.
type busyBackend struct {
	hit     func(n int64) bool
	pause   time.Duration
	came    atomic.Int64
	refused atomic.Int64
}

func (b *busyBackend) drive(t *testing.T, p *pacer, workers, n int) {
	done := make(chan struct{})
	for range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for b.came.Load()-b.refused.Load() < int64(n) {
				granted, err := p.wait(t.Context(), RankFetch)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(40*time.Millisecond + time.Duration(rand.IntN(20))*time.Millisecond) // of synctest's clock
				if b.hit(b.came.Add(1)) {
					b.refused.Add(1)
					p.refused(granted, time.Now().Add(b.pause))
				} else {
					p.accepted(granted)
				}
				p.ended(granted)
			}
		}()
	}
	for range workers {
		<-done
	}
}

// Half of the quota is somebody else's from the beginning. What that teaches
// doesn't last.
func TestBadHourTeachesNothingThatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		g := &gateway{quota: 5, window: time.Minute}
		drive(t, p, g, 8, 300)
		g.mu.Lock()
		g.quota, g.times, g.refused = 10, nil, 0
		g.mu.Unlock()
		begin := time.Now()
		drive(t, p, g, 8, 1500)
		if took := time.Since(begin); took > 225*time.Minute {
			t.Errorf("1,500 requests at 10 a minute took %v", took)
		}
		if q := p.quota(); q.Learned > 7*time.Second {
			t.Errorf("one request every %v is remembered, at 10 a minute", q.Learned)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and where the quota was seen whole before, it is not remembered at all
		p := newPacer(0, slog.New(slog.DiscardHandler))
		n := 0
		g := &gateway{window: time.Minute}
		first := time.Now().Unix() / 60
		g.leaves = func(w int64) int {
			if w < first+2 {
				return 10
			}
			return 4
		}
		drive(t, p, g, 8, 60)
		if q := p.quota(); q.Learned != 0 {
			t.Errorf("%d: one request every %v is remembered, though a window has let ten through", n, q.Learned)
		}
	})
}

// An account that gets a worse tier is paced by it, and that is remembered.
func TestWorseTierIsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		p.expect(6060 * time.Millisecond)
		g := &gateway{quota: 5, window: time.Minute}
		drive(t, p, g, 8, 2000)
		if q := p.quota(); q.Learned < 11*time.Second || q.Learned > 13*time.Second {
			t.Errorf("one request every %v, want 12 s", q.Learned)
		}
		if share := float64(g.refused) / float64(2000+g.refused); share >= 0.02 {
			t.Errorf("%d of 2,000 requests were refused", g.refused)
		}
	})
}

// Whatever others use, and whenever: it takes not much longer than if it had
// been known, and few requests are wasted on finding out.
func TestPaceUnderRandomUse(t *testing.T) {
	sumTook, sumIdeal := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 14))
		quota := []int{5, 10, 20, 60}[r.IntN(4)]
		expected := r.IntN(2) == 0
		left := map[int64]int{}
		use, lasts := 0, 0
		leaves := func(w int64) int {
			if _, ok := left[w]; !ok {
				if lasts--; lasts <= 0 { // a new spell: nobody, a part, everything, or another part each time
					use, lasts = []int{0, 0, r.IntN(quota), quota, -1}[r.IntN(5)], 1+r.IntN(40)
				}
				left[w] = quota - use
				if use < 0 {
					left[w] = quota - r.IntN(quota+1)
				}
			}
			return left[w]
		}
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(0, slog.New(slog.DiscardHandler))
			if expected {
				p.expect(time.Minute / time.Duration(quota) * 101 / 100)
			}
			g := &gateway{window: time.Minute, leaves: leaves}
			begin := time.Now()
			drive(t, p, g, 8, 600)
			ideal, windows := 0, 0
			for w := begin.Unix() / 60; ideal < 600; w++ {
				ideal += leaves(w)
				windows++
			}
			took := int(time.Since(begin)/time.Minute) + 1
			sumTook, sumIdeal = sumTook+took, sumIdeal+windows
			if took > 4*windows+10 {
				t.Errorf("seed %d: quota %d: took %d minutes, and could have taken %d", seed, quota, took, windows)
			}
			if g.refused > took+600/20+8 {
				t.Errorf("seed %d: quota %d: %d of 600 requests refused in %d windows", seed, quota, g.refused, took)
			}
		})
	}
	if sumTook > sumIdeal*3/2 {
		t.Errorf("in all it took %d minutes, and could have taken %d", sumTook, sumIdeal)
	}
}

// Two windows agree if they have let through the same, a tenth more or less.
func TestReadingsAgree(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want bool
	}{{10, 10, true}, {100, 92, true}, {5, 4, false}, {25, 5, false}, {100, 80, false}, {1, 1, true}, {0, 0, false}, {0, 10, false}} {
		a, b := reading{c.a, time.Minute}, reading{c.b, time.Minute}
		if a.agrees(b) != c.want || b.agrees(a) != c.want {
			t.Errorf("%d and %d: want %v", c.a, c.b, c.want)
		}
	}
	if (reading{10, time.Minute}).agrees(reading{10, time.Hour}) {
		t.Error("a minute and an hour")
	}
}

// Others leave one request in each window for hours. When they are gone, it
// doesn't take long to notice.
func TestOthersLeaveLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, slog.New(slog.DiscardHandler))
		g := &gateway{quota: 1, window: time.Minute}
		drive(t, p, g, 8, 100)
		if q := p.quota(); q.Interval > 20*time.Second {
			t.Errorf("one request every %v, of windows of a minute", q.Interval)
		}
		g.mu.Lock()
		g.quota, g.times = 10, nil
		g.mu.Unlock()
		begin := time.Now()
		drive(t, p, g, 8, 30)
		if took := time.Since(begin); took > 14*time.Minute {
			t.Errorf("30 requests took %v", took)
		}
	})
}
