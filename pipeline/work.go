package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
)

// errGone says that a recording was never archived and VBC has it no more.
var errGone = errors.New("VBC no longer has this recording, and it was never archived: it was deleted by somebody or something else")

// errReappeared says that a deletion that VBC had confirmed didn't happen.
var errReappeared = errors.New("VBC lists this recording again although VBC had confirmed its deletion")

// item is one recording in work. It belongs to the worker that leads it on, as
// does all that is found out about it there.
type item struct {
	manifest.Row          // as it was when its turn came; Copy, Alike, Refuted and Unvouched are kept up to date
	entry        *packed  // its audio in an export; nil = fetch it directly
	patience     patience // with its faults, whatever is being tried
	again        bool     // it was begun in this run before

	// What this run may do to it.
	decided bool // all of this
	granted bool // it is purged, and counts towards --max-deletes
	purge   bool // that still holds
	renewed bool // not for the copy that it has now

	// What VBC says of it.
	looked   bool  // it was asked since the last setback, before a purge of what no listing has shown
	there    *bool // whether VBC has it, if this run has found out
	asked    bool  // by a request for it
	compared bool  // whether its audio is another one's
	sent     bool  // a DELETE for it may have been sent

	// What became of its copy.
	fresh       bool     // this run has stored it
	wrote       bool     // its audio and metadata were written by this run, not found
	written     []string // keys that this run has written, not found
	trusted     bool     // some of that can't be read, and the store's word for it counts
	transcribed bool     // a transcript was added to it, and isn't proven yet
	mismatched  bool     // the store didn't hold one as it should
}

// handle leads one recording as far as this run may take it. An error ends
// the run; a recording that fails doesn't.
func (r *run) handle(ctx context.Context, t task) error {
	if t.done != nil {
		defer t.done()
	}
	row := t.Row
	if !r.policy.eligible(row.Recording) && row.State != manifest.Purging {
		return nil
	}
	if err := r.checkClock(); err != nil {
		r.stop(err) // it has jumped since the run began
		return err
	}
	r.stats.Begun.Add(1)
	defer r.stats.Ended.Add(1)
	r.stats.WorkBegan.CompareAndSwap(0, time.Now().UnixMilli())
	it := &item{Row: row, entry: t.entry, sent: row.State == manifest.Purging, again: t.again != nil}
	it.patience.earlier = t.again
	err := r.lead(ctx, it)
	switch {
	case err == nil:
		r.breaker.done()
		return nil
	case r.work.Err() != nil, ctx.Err() != nil && judge(err) != retry.Final:
		return context.Cause(ctx) // stopped: it is not the recording's fault
	case judge(err) == retry.Systemic, judge(err) == retry.Cancelled:
		r.stop(err) // what is in flight gets no more than its time to drain
		return err
	case t.again == nil && isOutage(err) && r.gate.unproven(&it.patience):
		r.postpone(it, err)
		return nil
	}
	if e := r.fail(row, err); e != nil {
		r.stop(e)
		return e
	}
	if row.Failure.Known(codeOf(err), err.Error()) {
		return nil
	}
	done := r.stats.Archived.Load()+r.stats.Deleted.Load() > 0
	if tripped := r.breaker.failed(err, row.Failure.Reason != "", done); tripped != nil {
		r.stop(tripped)
		return tripped
	}
	return nil
}

// lead takes a recording on from the state in which it is.
func (r *run) lead(ctx context.Context, row *item) error {
	err := r.advance(ctx, row)
	switch {
	case err != nil, row.State == manifest.Purging && !row.granted:
		return err // all there is to say of what was settled
	case r.policy.aliked(row.Row):
		return r.alike(row)
	case row.Reappeared && !row.granted && !r.policy.held(row.Row): // else it is to stay there
		return errReappeared
	}
	return nil
}

// step is one step on a recording's way, and whether there is nothing to do after it.
type step struct {
	name string
	do   func(context.Context, *item) error
	ends bool
}

// next is the state machine: the first case that applies says what is to be done.
// When that has gone well it applies no more, and the next one is looked for,
// until one ends it or none applies. So each may rely on it that those above don't
// apply, and no step asks again what is decided here.
//
// State and SeenRun are those with which the recording came. How far it has come
// since is in its copy and in the rest of the item, and before that in the manifest:
// whatever kills the program between two steps, or within one, leaves a row from
// which the next run comes to the step that is missing.
func (r *run) next(it *item) step {
	const goesOn, ends = false, true
	copied, listed := it.Copy.Known(), it.SeenRun == r.id
	switch {
	case fromTheFuture(it.Copy.ArchivedAt): // as it seems
		return step{"redate", quietly(r.redate), goesOn}
	case copied && (it.Alike == manifest.Suspect || it.Alike == manifest.Compared && !it.compared):
		return step{"tell apart", r.tellApart, goesOn}
	case !it.decided: // whether it is purged
		return step{"grant", quietly(r.grant), goesOn}
	case it.State == manifest.Purging && !it.granted: // begun, and not for this run to go on with
		return step{"settle", r.settle, ends}

	case !copied && it.Displaced: // what its id brings now is another recording's
		return step{"write off", quietly(r.lostItsID), ends}
	case !copied:
		return step{"transfer", r.transfer, goesOn}
	case it.purge && it.renewed: // granted for an older copy
		return step{"reconsider", quietly(r.reconsider), goesOn}

	case it.purge && !listed && !it.looked: // what has its id now may be another
		return step{"look", r.look, goesOn}
	case it.purge && !listed && !*it.there: // and with it perhaps the transcript
		return step{"gone", r.gone, ends}
	case it.purge && r.policy.mustCompare(it.Row): // nobody vouches for what was found in the archive
		return step{"compare", r.compareFound, goesOn}
	case r.lacksTranscript(it):
		return step{"transcribe", r.transcribe, goesOn}
	case it.purge: // which verifies
		return step{"purge", r.purge, ends}
	case it.fresh, it.transcribed, it.State != manifest.Verified:
		return step{"verify", quietly(r.verify), ends}
	}
	return step{} // it was archived before, and nothing else is to be done
}

// setbacks are what a step may meet that needn't be the end of it, in the order in
// which one may lead to the next.
var setbacks = []struct {
	met func(error) bool
	do  func(*run, context.Context, *item, error) (ends bool, err error)
}{
	{isA[*noAudioError], (*run).maybeGone},        // VBC answers that it hasn't got it
	{isA[*manifest.HeldError], (*run).spare},      // a hold has come since its purge was granted
	{isA[*manifest.SuspectError], (*run).suspect}, // its export has been found wrong since then
	{isA[*manifest.RefutedError], (*run).refuted}, // somebody has read its copy meanwhile, and found it wrong
	{isA[*evidence.Mismatch], (*run).mend},        // the store doesn't hold its copy as it should
}

// advance leads a recording on, step by step.
func (r *run) advance(ctx context.Context, row *item) error {
	for s := r.next(row); s.do != nil; s = r.next(row) {
		if r.log.Enabled(ctx, slog.LevelDebug) { // else its name is put together for nobody, seven times on its way
			r.log.Debug("next step", "recording", row.Recording.String(), "step", s.name)
		}
		err := s.do(ctx, row)
		for _, back := range setbacks {
			if back.met(err) {
				row.looked = false // much may have happened since
				s.ends, err = back.do(r, ctx, row, err)
			}
		}
		if err != nil || s.ends {
			return err
		}
	}
	return nil
}

// quietly is a step that sends VBC no request.
func quietly(do func(*item) error) func(context.Context, *item) error {
	return func(_ context.Context, row *item) error { return do(row) }
}

// grant decides, once for each recording, whether this run purges it.
func (r *run) grant(row *item) error {
	purge, held := r.grantPurge(row.Row)
	if held != "" && !row.again {
		r.stats.HoldBack(held)
	}
	row.decided, row.granted, row.purge = true, purge, purge
	return nil
}

// reconsider takes a grant back where the copy that was old enough is no more.
func (r *run) reconsider(row *item) error {
	row.renewed = false
	if may, held := r.policy.mayPurge(row.Row); !may {
		row.purge = false
		if held != "" {
			r.stats.HoldBack(held)
		}
	}
	return nil
}

// redate has the age of a copy from the future count from now on: it would
// never be old enough to be purged, or not for years.
func (r *run) redate(row *item) error {
	r.log.Info("a copy has an archive time in the future, so a clock was wrong; its age counts from now",
		"recording", row.Recording.String(), "archived", row.Copy.ArchivedAt.Format(time.RFC3339))
	row.Copy.ArchivedAt = time.Now()
	return r.manifest.Redate(r.work, row.Recording, row.Copy.ArchivedAt)
}

// fail writes down that a recording couldn't be done, and lets the run go on.
func (r *run) fail(row manifest.Row, cause error) error {
	rec, word := row.Recording, codeOf(cause)
	if row.Failure.Known(word, cause.Error()) {
		r.stats.Acknowledged.Add(1)
		r.log.Info("recording failed, as acknowledged", "recording", rec.String(), "code", word, "reason", cause, "acknowledged", row.Failure.Acknowledged)
	} else {
		r.stats.Failed.Add(1)
		r.log.Warn("recording failed", "recording", rec.String(), "start", rec.Start.Format(time.RFC3339), "code", word, "reason", cause)
	}
	if errors.Is(cause, errGone) {
		return nil
	}
	err := r.manifest.Failed(context.WithoutCancel(r.work), rec, r.id, manifest.Failure{Code: word, Reason: cause.Error(), Permanent: permanent(cause)})
	if err != nil {
		return fmt.Errorf("%w (after: %w)", err, cause)
	}
	return nil
}
