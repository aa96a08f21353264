package pipeline

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// verdict is what an error means for trying again.
type verdict int

const (
	final     verdict = iota // trying again won't help
	passing                  // VBC may well do it in a moment
	closed                   // the quota is used up: the next slot waits, nothing else
	expired                  // the token was refused: the next slot brings a new one
	unknown                  // a new token isn't known everywhere yet: the next slot waits, and the client bounds how often
	doubtful                 // looks permanent; one more try decides
	odd                      // a quota's code with another status: whether it passes, nobody knows
	systemic                 // nothing will work from here on: the run must end
	cancelled                // nobody wants it any more
)

// patience counts the faults of one recording in one run, or of one request
// of a listing: whatever it is that fails, so many are enough.
type patience struct {
	passed  int // faults that pass
	doubted int // those that don't look like it
	odd     int // refusals of which nobody knows whether they pass

	// Of the gate: what began to fail, and how many requests of that rank had been
	// answered by then.
	marked   bool
	rank     vbc.Rank
	answered int
	alone    bool      // others were answered while it failed
	earlier  *patience // the same recording's, before it was postponed
}

// self tells what it is about from all else.
func (p *patience) self() *patience {
	if p.earlier != nil {
		return p.earlier
	}
	return p
}

const (
	maxPassing  = 4
	maxDoubtful = 2
	maxOdd      = 4

	sayWait = 10 * time.Second // pauses of one request that are worth a word
)

// defaultPauses come before the second, third and fourth try: 8.5 seconds in
// all, so that a broken recording doesn't hold up a worker.
var defaultPauses = []time.Duration{500 * time.Millisecond, 2 * time.Second, 6 * time.Second}

// judge is the one place that decides what an error means.
func judge(err error) verdict {
	if err == nil {
		return final
	}
	if e := vbc.AsError(err); e != nil {
		switch {
		case e.Denied() && e.Aside():
			return final // the run can do without
		case e.Denied():
			return systemic
		case e.Throttled():
			return closed
		case e.Unauthorized() && e.NewToken:
			return unknown
		case e.Unauthorized():
			return expired
		case e.NotSubscribed(), e.Blocked():
			return systemic
		case e.Odd():
			return odd
		case e.Temporary():
			return passing
		}
		return final
	}
	switch {
	case isA[*vbc.AuthError](err), isA[*manifest.WriteError](err), isA[*manifest.BoundError](err), errors.Is(err, storage.ErrRefused), isA[*refusal](err):
		return systemic
	case isA[*notAudioError](err), isA[*sizeError](err), isA[*vbc.NotTranscriptError](err), isA[*manifest.AlikeError](err):
		return doubtful
	case isA[*storeError](err), isA[*storage.OccupiedError](err), isA[*evidence.Mismatch](err), isA[*manifest.StateError](err),
		isA[*vbc.ForeignHostError](err), isA[*expiringError](err), isA[*manifest.HeldError](err), isA[*damagedError](err), isA[*manifest.SuspectError](err), isA[*alikeError](err), isA[*evidence.StaleError](err), isA[*evidence.Changed](err), errors.Is(err, errGone), errors.Is(err, errSeveralTranscripts), errors.Is(err, errReappeared), errors.Is(err, vbc.ErrNoAddress):
		return final
	case errors.Is(err, context.Canceled), errors.Is(err, ErrStopped):
		return cancelled
	}
	return passing // the network
}

// general reports whether a failure says something about more than its own
// recording: VBC, the network, our rights, the store.
func general(err error) bool {
	if isA[*transcriptError](err) || isA[*evidence.Unprotected](err) || isA[*unclearError](err) {
		return false
	}
	if e := vbc.AsError(err); e != nil {
		return !e.Malformed && (e.Temporary() || e.Status == http.StatusForbidden || e.Gateway)
	}
	return isA[*storeError](err) || isA[*evidence.Mismatch](err) || judge(err) == passing
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// permanent reports whether a failure won't heal by waiting.
func permanent(err error) bool {
	switch judge(err) {
	case passing, closed, expired, unknown:
		return false
	}
	return !isA[*storeError](err) && !isA[*evidence.Mismatch](err) && !isA[*storage.OccupiedError](err) // what has a name may be replaced, or another one be free
}

// attempt sends a request that finds more to do, again if need be. It is a
// vbc.Attempt.
func (r *run) attempt(ctx context.Context, op func(context.Context, *vbc.Slot) error) error {
	for round := 1; ; round++ {
		var first error // of this round, right after VBC has answered something else
		err := r.attemptFor(ctx, &patience{}, vbc.RankList, func(ctx context.Context, slot *vbc.Slot) error {
			err := op(ctx, slot)
			if first == nil && isOutage(err) {
				first = err
			}
			return err
		})
		if !isOutage(err) || ctx.Err() != nil {
			return err
		}
		// Nothing else may be going on that says whether it is this request or
		// all of VBC.
		waited, ended := r.untilAlive(ctx)
		switch {
		case ended != nil:
			return ended
		case !waited:
			return err
		case round >= mostRounds && first != nil:
			return first // VBC answers until it is asked this; what came after that may be what this has done to it
		case round >= mostRounds:
			return err
		}
	}
}

// mostRounds is how often a request may end in an outage that ends.
const mostRounds = 3

// untilAlive asks VBC for the smallest page of a listing, again and again with
// the gate's pauses, until that is answered, in whatever way. waited says that it
// wasn't at once. The error is what ends the run.
func (r *run) untilAlive(ctx context.Context) (waited bool, err error) {
	var p patience
	for ; ; waited = true {
		err := r.gate.pass(ctx, vbc.RankList, &p, func() error { return r.askAnything(ctx) })
		switch {
		case ctx.Err() != nil:
			return waited, context.Cause(ctx)
		case isA[*refusal](err), judge(err) == systemic && vbc.AsError(err) == nil:
			return waited, err
		case vbc.AsError(err) != nil && vbc.AsError(err).Throttled():
		case !isOutage(err):
			return waited, nil
		}
	}
}

// askAnything sends the smallest request of all.
func (r *run) askAnything(ctx context.Context) error {
	once := func(ctx context.Context, op func(context.Context, *vbc.Slot) error) error {
		slot, err := r.vbc.Slot(ctx, vbc.RankList)
		if err != nil {
			return err
		}
		defer slot.Release()
		return op(ctx, slot)
	}
	for _, err := range r.vbc.List(vbc.Query{Kind: vbc.Company, Account: r.policy.Account, PageSize: 1, Before: r.policy.Cutoff}).Pages(ctx, once) {
		return err
	}
	return nil
}

// attemptFor sends a request of that rank for something that may have failed
// before. Each try has a slot of its own, so whatever op does before its
// request is done anew.
func (r *run) attemptFor(ctx context.Context, p *patience, rank vbc.Rank, op func(context.Context, *vbc.Slot) error) error {
	return r.retry(ctx, p, func() error {
		return r.gate.pass(ctx, rank, p, func() error {
			slot, err := r.vbc.Slot(ctx, rank)
			if err != nil {
				return err
			}
			defer slot.Release()
			return op(ctx, slot)
		})
	})
}

// retry is the one place that tries anything again.
func (r *run) retry(ctx context.Context, p *patience, try func() error) error {
	for ; ; r.stats.Retries.Add(1) {
		err := try()
		verdict := judge(err)
		switch verdict {
		case closed, unknown: // waiting for the quota is no failure
		case expired, passing:
			if p.passed++; p.passed >= maxPassing {
				return err
			}
		case odd:
			if p.odd++; p.odd >= maxOdd {
				return &refusal{Reason: "VBC refuses requests, and this may not end by itself: " + err.Error(),
					Hint: "check the application's subscription and quota in the developer portal; run the same command again later: it resumes, and nothing is lost"}
			}
		case doubtful:
			if p.doubted++; p.doubted >= maxDoubtful {
				return err
			}
		default:
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.log.Debug("retrying", "after", err)
		if verdict == passing || verdict == odd {
			wait := r.pauseAfter(err, p.passed+p.odd)
			if wait >= sayWait {
				r.log.Info("VBC asks to wait before the next request", "for", wait.Round(time.Second), "reason", err)
			}
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
	}
}

// pauseAfter is how long to wait after so many failures: longer if VBC says so,
// up to a minute.
func (r *run) pauseAfter(err error, failures int) time.Duration {
	d := r.pauses[min(failures, len(r.pauses))-1]
	if e := vbc.AsError(err); e != nil && !e.Opens.IsZero() {
		d = max(d, min(time.Until(e.Opens), 10*r.pauses[len(r.pauses)-1]))
	}
	return d
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
