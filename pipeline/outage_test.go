package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// heard counts the lines of a log by their level.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, string(b))
	return len(b), nil
}

func (h *heard) count(text string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// waits is a run that does nothing but wait.
func waits(maxWait time.Duration, workers int) (*run, *heard) {
	h := &heard{}
	log := slog.New(slog.NewTextHandler(h, nil))
	r := &run{stats: &progress.Stats{}, log: log, pauses: retry.Pauses}
	r.gate = newGate(log, r.stats, r.pauses, maxWait, workers)
	return r, h
}

// work has workers lead n subjects through requests, and counts those that fail.
func (r *run) leadAll(t *testing.T, workers, n int, request func(subject int) error) (requests, failed int, ended error) {
	var sent, bad atomic.Int64
	err := flow.Each(t.Context(), workers, upTo(n), func(ctx context.Context, i int) error {
		var p patience
		err := r.retry(ctx, &p, func() error {
			return r.gate.pass(ctx, vbc.RankFetch, &p, func() error {
				sent.Add(1)
				time.Sleep(100 * time.Millisecond) // of synctest's clock
				return request(i)
			})
		})
		if judge(err) == retry.Systemic {
			return err
		}
		if err != nil && !r.gate.unproven(&p) { // else it is postponed
			bad.Add(1)
		}
		return nil
	})
	return int(sent.Load()), int(bad.Load()), err
}

var outages = map[string]error{
	"suspended": &vbc.Error{Op: "download", Status: 503, Code: 303001, Message: "Currently, Address endpoint is suspended"},
	"a proxy":   &vbc.Error{Op: "download", Status: 502, Message: "Bad Gateway", Gateway: true},
	"500":       &vbc.Error{Op: "download", Status: 500},
	"refused":   fmt.Errorf("download: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")}),
	"no name":   fmt.Errorf("download: %w", &net.DNSError{Err: "no such host", IsNotFound: true}),
}

// An outage of all, for whatever cause and time: everything waits, once, few
// requests find out that it is over, and nothing fails.
func TestOutagePausesEverything(t *testing.T) {
	for name, broken := range outages {
		for _, lasts := range []time.Duration{15 * time.Second, 40 * time.Second, 5 * time.Minute} {
			for _, workers := range []int{2, 8, 32} {
				t.Run(fmt.Sprint(name, lasts, workers), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r, h := waits(2*time.Hour, workers)
						begin := time.Now()
						requests, failed, err := r.leadAll(t, workers, 100*workers, func(int) error {
							if at := time.Since(begin); at > 2*time.Second && at < 2*time.Second+lasts {
								return broken
							}
							return nil
						})
						if err != nil || failed > 0 {
							t.Errorf("%d failed, %v", failed, err)
						}
						if wasted := requests - 100*workers; wasted > workers+14 {
							t.Errorf("%d requests were wasted", wasted)
						}
						if took := time.Since(begin); took > lasts+lasts/2+90*time.Second {
							t.Errorf("took %v", took)
						}
						if n := h.count("level=WARN"); n != 1 || h.count("VBC answers again") != 1 {
							t.Errorf("it is said %d times: %s", n, h.lines)
						}
						if r.stats.Waiting.Load() != nil {
							t.Error("it still seems to wait")
						}
					})
				})
			}
		}
	}
}

// What is broken by itself fails alone, after a few tries, and nobody waits. (A
// single worker has nothing to compare with, and tries again at the end.)
func TestBrokenAloneFailsAlone(t *testing.T) {
	for _, workers := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			r, h := waits(2*time.Hour, workers)
			begin := time.Now()
			requests, failed, err := r.leadAll(t, workers, 300, func(i int) error {
				if i%50 == 7 {
					return outages["500"]
				}
				return nil
			})
			if err != nil || workers > 1 && failed != 6 || requests != 294+6*retry.MaxPassing || h.count("level=WARN") != 0 {
				t.Errorf("%d workers: %d failed with %d requests, %v: %s", workers, failed, requests, err, h.lines)
			}
			if took := time.Since(begin); took > 31*time.Second+6*9*time.Second {
				t.Errorf("%d workers: took %v", workers, took)
			}
		})
	}
}

// An outage that doesn't end ends the run, with VBC's own words; so do refusals
// for the quota and blocks.
func TestEverythingEnds(t *testing.T) {
	quota := &vbc.Error{Op: "list", Status: 429, Code: 900802, Message: "Message throttled out"}
	for name, c := range map[string]struct {
		err         error
		least, most time.Duration
		says        string
		requests    int
	}{
		"suspended":               {outages["suspended"], 5 * time.Minute, 11 * time.Minute, "endpoint is suspended", 50},
		"refused":                 {outages["refused"], 5 * time.Minute, 11 * time.Minute, "connection refused", 50},
		"quota":                   {quota, 2 * time.Hour, 2*time.Hour + 2*time.Minute, "Message throttled out", 8 * 130},
		"blocked":                 {&vbc.Error{Status: 403, Code: 900805, Message: "Message blocked"}, 0, time.Minute, "Message blocked", 8},
		"blocked, with a 429":     {&vbc.Error{Status: 429, Code: 900805, Message: "Message blocked"}, 0, time.Minute, "Message blocked", 40},
		"a quota's code with 403": {&vbc.Error{Status: 403, Code: 900803, Message: "Application blocked"}, time.Second, time.Minute, "Application blocked", 40},
		"a quota's code with 500": {&vbc.Error{Status: 500, Code: 900804, Message: "Subscription"}, time.Second, time.Minute, "Subscription", 40},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := waits(2*time.Hour, 8)
				begin := time.Now()
				var n atomic.Int64
				requests, _, err := r.leadAll(t, 8, 1000, func(int) error {
					if n.Add(1) > 5000 {
						return &refusal.Refusal{Reason: "it never ends"}
					}
					if errors.Is(c.err, quota) {
						time.Sleep(time.Minute) // as the pacer does until the window opens
					}
					return c.err
				})
				took := time.Since(begin)
				if err == nil || !strings.Contains(err.Error(), c.says) || refusal.Hint(err) == "" {
					t.Errorf("%v, hint %q; want VBC's words", err, refusal.Hint(err))
				}
				if took < c.least || took > c.most || requests > c.requests {
					t.Errorf("after %v and %d requests, want %v to %v and at most %d", took, requests, c.least, c.most, c.requests)
				}
			})
		})
	}
}

// Whatever goes through in between, it isn't nothing but refusals.
func TestOneAcceptedRequestBeginsTheWaitAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := waits(10*time.Minute, 1)
		begin := time.Now()
		_, failed, err := r.leadAll(t, 1, 20, func(int) error {
			time.Sleep(time.Minute)
			if int(time.Since(begin)/time.Minute)%8 != 0 {
				return &vbc.Error{Status: 429}
			}
			return nil
		})
		if err != nil || failed > 0 {
			t.Errorf("%d failed, %v", failed, err)
		}
	})
}

// Retry-After is heeded, and doesn't make a run wait for longer than it would.
func TestRetryAfterIsHeeded(t *testing.T) {
	for after, most := range map[int]time.Duration{90: 4 * time.Minute, 86400: 11 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := waits(2*time.Hour, 8)
			begin := time.Now()
			requests, _, err := r.leadAll(t, 8, 30, func(int) error {
				if time.Since(begin) < 80*time.Second || after > 3600 {
					return &vbc.Error{Op: "download", Status: 503, Opens: time.Now().Add(time.Duration(after) * time.Second)}
				}
				return nil
			})
			if (err != nil) != (after > 3600) || time.Since(begin) > most || requests > 30+8+8 {
				t.Errorf("%d s: %v after %v with %d requests", after, err, time.Since(begin), requests)
			}
		})
	}
}

// Where much is broken by itself, as the audio of old recordings may be, nobody
// waits for minutes each time that a few of them follow each other; and a real
// outage is still waited for.
func TestMuchIsBrokenByItself(t *testing.T) {
	for _, part := range []int{2, 4, 10} {
		for _, outage := range []time.Duration{0, 5 * time.Minute} {
			t.Run(fmt.Sprint("one of ", part, " is whole, outage ", outage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, h := waits(2*time.Hour, 8)
					var begins, lost atomic.Int64
					r.gate.alive = func(context.Context) bool {
						at := begins.Load()
						return at == 0 || time.Now().UnixMilli() > at+outage.Milliseconds()
					}
					rng := rand.New(rand.NewPCG(1, uint64(part)))
					broken := make([]bool, 600)
					for i := range 400 {
						broken[i] = rng.IntN(part) > 0
					}
					begin := time.Now()
					_, _, err := r.leadAll(t, 8, len(broken), func(i int) error {
						if i > 450 && outage > 0 {
							begins.CompareAndSwap(0, time.Now().UnixMilli())
							if time.Now().UnixMilli() < begins.Load()+outage.Milliseconds() {
								lost.Add(1)
								return outages["suspended"]
							}
						}
						if broken[i] {
							return outages["500"]
						}
						return nil
					})
					if took := time.Since(begin); err != nil || took > outage+outage/2+20*time.Minute {
						t.Errorf("took %v, %v: %s", took, err, h.lines)
					}
					if lost.Load() > 200 {
						t.Errorf("%d requests in the outage", lost.Load())
					}
				})
			})
		}
	}
}

// upTo yields the numbers from 0 on.
func upTo(n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
}
