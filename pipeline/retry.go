package pipeline

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// patience counts the faults of one recording in one run, or of one request
// of a listing: whatever it is that fails, so many are enough.
type patience struct {
	retry.Patience

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

// judge is the one place that decides what an error means.
func judge(err error) retry.Verdict {
	if err == nil {
		return retry.Final
	}
	if e := vbc.AsError(err); e != nil {
		switch {
		case e.Denied() && e.Aside():
			return retry.Final // the run can do without
		case e.Denied():
			return retry.Systemic
		case e.Throttled():
			return retry.Closed
		case e.Unauthorized() && e.NewToken:
			return retry.Unknown
		case e.Unauthorized():
			return retry.Expired
		case e.NotSubscribed(), e.Blocked():
			return retry.Systemic
		case e.Odd():
			return retry.Odd
		case e.Temporary():
			return retry.Passing
		}
		return retry.Final
	}
	switch {
	case isA[*vbc.AuthError](err), isA[*vbc.SharedQuotaError](err), isA[*vbc.MemoryError](err), isA[*manifest.WriteError](err), isA[*manifest.LeaseError](err), isA[*manifest.BoundError](err), errors.Is(err, storage.ErrRefused), isA[*refusal.Refusal](err):
		return retry.Systemic
	case isA[*notAudioError](err), isA[*sizeError](err), isA[*vbc.NotTranscriptError](err), isA[*manifest.AlikeError](err):
		return retry.Doubtful
	case isA[*storeError](err), isA[*storage.OccupiedError](err), isA[*evidence.Mismatch](err), isA[*manifest.StateError](err),
		isA[*vbc.ForeignHostError](err), isA[*expiringError](err), isA[*manifest.HeldError](err), isA[*manifest.SuspectError](err), isA[*manifest.RefutedError](err), isA[*alikeError](err), isA[*evidence.StaleError](err), isA[*evidence.Changed](err), errors.Is(err, errGone), errors.Is(err, errSeveralTranscripts), errors.Is(err, errReappeared), errors.Is(err, vbc.ErrNoAddress):
		return retry.Final
	case errors.Is(err, context.Canceled), errors.Is(err, ErrStopped):
		return retry.Cancelled
	}
	return retry.Passing // the network
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
	return isA[*storeError](err) || isA[*evidence.Mismatch](err) || judge(err) == retry.Passing
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// permanent reports whether a failure won't heal by waiting.
func permanent(err error) bool {
	switch judge(err) {
	case retry.Passing, retry.Closed, retry.Expired, retry.Unknown:
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
		case isA[*refusal.Refusal](err), judge(err) == retry.Systemic && vbc.AsError(err) == nil:
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

// retry tries again what VBC is asked for, as judge says.
func (r *run) retry(ctx context.Context, p *patience, try func() error) error {
	again := retry.Loop{Judge: judge, Opens: opens, GiveUp: giveUp, Pauses: r.pauses, Count: func() { r.stats.Retries.Add(1) }, Log: r.log}
	return again.Do(ctx, &p.Patience, try)
}

// opens is when VBC says that it may be asked again.
func opens(err error) time.Time {
	if e := vbc.AsError(err); e != nil {
		return e.Opens
	}
	return time.Time{}
}

func giveUp(err error) error {
	return &refusal.Refusal{Code: code.OddRefusals, Reason: "VBC refuses requests, and this may not end by itself: " + err.Error(),
		Hint: "check the application's subscription and quota in the developer portal; run the same command again later: it resumes, and nothing is lost"}
}
