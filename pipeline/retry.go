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
	doubtful                 // looks permanent; one more try decides
	systemic                 // nothing will work from here on: the run must end
	cancelled                // nobody wants it any more
)

// patience counts the faults of one recording in one run, or of one request
// of a listing: whatever it is that fails, so many are enough.
type patience struct {
	passed  int // faults that pass
	doubted int // those that don't look like it
}

const (
	maxPassing  = 4
	maxDoubtful = 2
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
		case e.Throttled():
			return closed
		case e.Unauthorized():
			return expired
		case e.NotSubscribed():
			return systemic
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
	if isA[*transcriptError](err) || isA[*evidence.Unprotected](err) {
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
	case passing, closed, expired:
		return false
	}
	return !isA[*storeError](err) && !isA[*evidence.Mismatch](err) && !isA[*storage.OccupiedError](err) // what has a name may be replaced, or another one be free
}

// attempt sends a request that finds more to do, again if need be. It is a
// vbc.Attempt.
func (r *run) attempt(ctx context.Context, op func(context.Context, *vbc.Slot) error) error {
	return r.attemptFor(ctx, &patience{}, vbc.RankList, op)
}

// attemptFor sends a request of that rank for something that may have failed
// before. Each try has a slot of its own, so whatever op does before its
// request is done anew.
func (r *run) attemptFor(ctx context.Context, p *patience, rank vbc.Rank, op func(context.Context, *vbc.Slot) error) error {
	return r.retry(ctx, p, func() error {
		slot, err := r.vbc.Slot(ctx, rank)
		if err != nil {
			return err
		}
		defer slot.Release()
		return op(ctx, slot)
	})
}

// retry is the one place that tries anything again.
func (r *run) retry(ctx context.Context, p *patience, try func() error) error {
	for ; ; r.stats.Retries.Add(1) {
		err := try()
		verdict := judge(err)
		switch verdict {
		case closed: // waiting for the quota is no failure
		case expired, passing:
			if p.passed++; p.passed >= maxPassing {
				return err
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
		r.log.Debug("trying again", "after", err)
		if verdict == passing {
			if err := pause(ctx, r.pauses[min(p.passed, len(r.pauses))-1]); err != nil {
				return err
			}
		}
	}
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
