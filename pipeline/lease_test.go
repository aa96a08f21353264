package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// loseable is a lease that a test ends. Where it is untold, nobody has noticed yet: as
// in a process that has just stood still, and that no timer has woken.
type loseable struct {
	untold  bool
	answers func() // nil, or what happens before it is answered whether something is held
	lost    chan struct{}
	once    sync.Once
	over    atomic.Bool
}

func newLease(untold bool) *loseable { return &loseable{untold: untold, lost: make(chan struct{})} }

func (l *loseable) lose() {
	l.once.Do(func() {
		l.over.Store(true)
		if !l.untold {
			close(l.lost)
		}
	})
}

func (l *loseable) Held() error {
	if l.over.Load() {
		return &manifest.LeaseError{Manifest: "m", Why: "a test has taken it away"}
	}
	return nil
}
func (l *loseable) Lost() <-chan struct{}  { return l.lost }
func (l *loseable) Fence() (int64, string) { return 1, "holder" }

// leased is a manifest with such a lease. That it lets nothing be written without one is
// the test's to see to, with commits.
type leased struct {
	Manifest
	lease *loseable
}

func (l *leased) Lease() manifest.Lease { return l.lease }

func (l *leased) Deletable(ctx context.Context, r vbc.Recording) error {
	err := l.Manifest.Deletable(ctx, r)
	if l.lease.answers != nil {
		l.lease.answers()
	}
	return err
}

// A machine loses its lease at each durable step of a run that deletes, before the step
// takes effect or, where that is a commit, right after it; and it notices at once, or only
// when it asks. From then on no DELETE goes out, and nothing is written; the next machine
// finishes, and what the first one had begun isn't taken for done.
func TestLeaseLostAtEveryStep(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	commits := map[int]bool{}
	l.after = func() { commits[l.steps] = true }
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for step := 1; step <= l.steps; step++ {
		for _, untold := range []bool{false, true} {
			for _, after := range []bool{false, true} {
				if after && !commits[step] || !after && untold != (step%2 == 0) { // before most steps the two don't differ
					continue
				}
				t.Run(fmt.Sprintf("step %d after %v untold %v", step, after, untold), func(t *testing.T) {
					t.Parallel()
					loseLeaseAt(t, step, after, untold)
				})
			}
		}
	}
	l.nothingLost(all)
}

func loseLeaseAt(t *testing.T, step int, after, untold bool) {
	l := newLab(t, "directory")
	all := l.fill()
	lease := newLease(untold)
	l.lease = lease
	var sent, late atomic.Int64
	l.fault = func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete {
			sent.Add(1)
			if lease.over.Load() {
				late.Add(1)
			}
		}
		return nil
	}
	var now atomic.Bool // the step is the last one that is asked about
	l.reset(func(s int) (fate, bool) {
		if now.Store(s == step); s == step && !after {
			lease.lose()
		}
		return fine, false
	})
	l.after = func() {
		if after && now.Load() {
			lease.lose()
		}
	}
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if !lease.over.Load() {
		t.Skipf("it has come to its end in fewer steps: %+v, %v", sum, err) // changes that come at once share a commit
	}
	if ended := err == nil && after && sum.Complete(); !ended && (!isA[*manifest.LeaseError](err) || EndCode(err) != code.Lease) {
		t.Errorf("it ended with %v, code %s", err, EndCode(err))
	}
	if late.Load() > 0 {
		t.Errorf("%d DELETEs after the lease was lost", late.Load())
	}
	l.nothingLost(all)
	l.lease, l.after = nil, nil
	l.reset(nil)
	if sum, err = l.run(Options{Delete: true, Workers: 1}); err != nil || !sum.Complete() {
		t.Errorf("the next run: %+v, %v", sum, err)
	}
	l.allDone(all)
	if n := l.audio; n > 3 {
		t.Errorf("%d downloads of two recordings, one of them interrupted", n)
	}
	if n := sent.Load(); n > 3 {
		t.Errorf("%d DELETEs of two recordings, the answer to one of them not written down", n)
	}
}

// A run that waits for something ends when its lease does, without asking VBC again.
func TestLostLeaseEndsWaiting(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	l.fill()
	l.lease = newLease(false)
	var after atomic.Int64
	l.fault = func(r *http.Request) *vbctest.Fault {
		if l.lease.over.Load() {
			after.Add(1)
		}
		if isTokenRequest(r) {
			return nil
		}
		time.AfterFunc(50*time.Millisecond, l.lease.lose)
		return &vbctest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := l.run(Options{Delete: true, Workers: 1})
		ended <- err
	}()
	select {
	case err := <-ended:
		if !isA[*manifest.LeaseError](err) || after.Load() > 0 {
			t.Errorf("%v, %d requests after the lease was lost", err, after.Load())
		}
	case <-time.After(20 * time.Second):
		l.stop()
		t.Errorf("it waited on: %v", <-ended)
	}
}

// A lease that is lost while a run is told to stop is said: else it would seem that what
// was in flight is written down.
func TestLostLeaseIsSaidWhenStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	l.fill()
	l.lease = newLease(false)
	store := &stopper{l.faulty, func() {
		l.stop()
		l.lease.lose()
	}}
	l.faulty = store
	if _, err := l.run(Options{Delete: true, Workers: 1}); !isA[*manifest.LeaseError](err) || errors.Is(err, ErrStopped) {
		t.Errorf("%v", err)
	}
}

// A lease that ends while the database is asked whether the recording is held, right
// before its DELETE, has none sent.
func TestLeaseLostWhileHoldsAreRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	l.lease = newLease(true)
	l.lease.answers = l.lease.lose
	var sent atomic.Int64
	l.fault = func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete {
			sent.Add(1)
		}
		return nil
	}
	if sum, err := l.run(Options{Delete: true, Workers: 1}); !l.lease.over.Load() || !isA[*manifest.LeaseError](err) || sent.Load() > 0 {
		t.Errorf("%d DELETEs without a lease: %+v, %v", sent.Load(), sum, err)
	}
	l.lease = nil
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || !sum.Complete() {
		t.Errorf("the next run: %+v, %v", sum, err)
	}
	l.allDone(all)
}
