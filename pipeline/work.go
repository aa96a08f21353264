package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
)

// errGone says that a recording was never archived and VBC has it no more.
var errGone = errors.New("VBC no longer has this recording, and it was never archived: it was deleted by somebody or something else")

// errReappeared says that a deletion that VBC had confirmed didn't happen.
var errReappeared = errors.New("VBC lists this recording again although VBC had confirmed its deletion")

// item is one recording in work.
type item struct {
	manifest.Row
	entry      *packed // its audio in an export; nil = fetch it directly
	patience   patience
	mismatched bool  // the store didn't hold a copy of it as it should
	wrote      bool  // its audio and metadata were written by this run, not found
	sent       bool  // a DELETE for it may have been sent
	again      bool  // it was begun in this run before
	there      *bool // whether VBC has it, if this run has found out
	asked      bool  // by a request for it

	written []string // keys that this run has written, not found
	trusted bool     // some of that can't be read, and the store's word for it counts

	transcribed bool // a transcript was added to the copy, and isn't proven yet
}

// task is one recording to be led on.
type task struct {
	manifest.Row
	entry *packed   // its audio in an export; nil = fetch it directly
	done  func()    // nil, or what to call when it is through
	again *patience // of the first time, if it was postponed
}

// listedTasks are the recordings of slices with work left. What failed in an
// earlier run comes later.
func (r *run) listedTasks(list func(context.Context) iter.Seq2[slice, error]) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		for f, err := range flow.Ahead(r.ctx, func(ctx context.Context) iter.Seq2[fetched, error] { return r.fetch(ctx, list(ctx)) }) {
			if err != nil {
				yield(task{}, err)
				return
			}
			for t, err := range r.tasksOf(f) {
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
	}
}

// tasksOf are the recordings of one slice.
func (r *run) tasksOf(f fetched) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		done := func() {
			if f.left.Add(-1) == 0 {
				r.close(f)
			}
		}
		for _, p := range f.todo {
			row, err := r.manifest.Row(r.work, f.kind, f.user, p.id, p.nth)
			if err != nil {
				yield(task{}, err)
				return
			}
			if row.Failure.Reason != "" {
				done()
				continue
			}
			if !yield(task{Row: row, entry: f.entries[p.id], done: done}, nil) {
				return
			}
		}
	}
}

// pendingTasks are what the manifest holds beside the listing.
func (r *run) pendingTasks(sel manifest.Selection) iter.Seq2[task, error] {
	return func(yield func(task, error) bool) {
		r.closeListings()
		for row, err := range r.manifest.Pending(r.work, sel) {
			if err == nil {
				err = r.learnTranscriptOf(r.ctx, row)
			}
			if !yield(task{Row: row}, err) {
				return
			}
		}
	}
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
	if row.Failure.Known(err.Error()) {
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
	if err := r.redate(row); err != nil {
		return err
	}
	if err := r.tellApart(ctx, row); err != nil {
		return err
	}
	purge, held := r.policy.mayPurge(row.Row)
	if purge && !r.takePurge() {
		purge, held = false, true
	}
	if held && !row.again {
		r.stats.Skipped.Add(1)
	}
	if row.State == manifest.Purging && !purge {
		return r.settle(ctx, row)
	}
	err := r.advance(ctx, row, purge)
	switch {
	case err != nil:
	case r.policy.aliked(row.Row):
		return r.alike(row)
	case row.Reappeared && !purge:
		return errReappeared
	}
	return err
}

// redate has the age of a copy from the future count from now on: it would
// never be old enough to be purged, or not for years.
func (r *run) redate(row *item) error {
	if !fromTheFuture(row.Copy.ArchivedAt) {
		return nil
	}
	r.log.Info("a copy has an archive time in the future, so a clock was wrong; its age counts from now",
		"recording", row.Recording.String(), "archived", row.Copy.ArchivedAt.Format(time.RFC3339))
	row.Copy.ArchivedAt = time.Now()
	return r.manifest.Redate(r.work, row.Recording, row.Copy.ArchivedAt)
}

// advance is the one way: transfer → verify → purge, where purge verifies.
func (r *run) advance(ctx context.Context, row *item, purge bool) error {
	for fresh := false; ; {
		var err error
		if !row.Copy.Known() {
			if row.Displaced {
				return r.lostItsID(row) // what its id brings now is another recording's
			}
			c, err := r.transfer(ctx, row)
			if err != nil {
				return r.maybeGone(ctx, row, err)
			}
			row.Copy = c
			fresh = true
			if row.Alike == manifest.Suspect {
				if err := r.tellApart(ctx, row); err != nil {
					return err
				}
				if !row.Copy.Known() {
					continue
				}
			}
			if may, held := r.policy.mayPurge(row.Row); purge && !may {
				purge = false // the copy that was old enough is no more
				if held {
					r.stats.Skipped.Add(1)
				}
			}
		}
		// What this run hasn't seen may be gone, and then there is no transcript
		// to wait for: the purge looks first.
		if !purge || row.SeenRun == r.id {
			if err = r.transcribe(ctx, row); err != nil {
				err = errors.Join(err, r.verifyRest(row))
			}
		}
		switch {
		case err != nil: // and perhaps the audio isn't there either
		case purge:
			err = r.purge(ctx, row)
			if isA[*manifest.HeldError](err) {
				purge, err = false, r.spare(ctx, row, err)
			}
			if isA[*manifest.SuspectError](err) {
				row.Alike = manifest.Suspect
				if err = r.tellApart(ctx, row); err == nil {
					purge = purge && !r.policy.aliked(row.Row)
					continue
				}
			}
		case fresh, row.transcribed, row.State != manifest.Verified:
			err = r.verify(row)
		}
		if !isA[*evidence.Mismatch](err) {
			return err
		}
		if again, err := r.lostTranscript(row, err); err != nil {
			return err
		} else if again {
			continue
		}
		if there, e := r.stillHas(ctx, row); e != nil {
			return errors.Join(err, e)
		} else if !there {
			return r.onlyCopy(row, err)
		}
		// The recording is still at VBC, so nothing is lost: it is archived
		// anew. A store that doesn't hold what it has just been given gets no
		// second download in this run.
		r.log.Warn("the copy is damaged or missing", "recording", row.Recording.String(), "reason", err)
		if evidence.Refutes(err) {
			row.Refuted = true // so that what lies there isn't taken for whole again
			if e := r.manifest.Doubt(r.work, row.Recording); e != nil {
				return errors.Join(err, e)
			}
		}
		if e := r.manifest.Relist(r.work, row.Recording, refused(row.Copy, err, fresh, row.Copy.Audio, row.Copy.Sidecar)...); e != nil || fresh {
			return errors.Join(err, e)
		}
		row.Copy = manifest.Copy{Transcript: row.Copy.Transcript} // which isn't in doubt
	}
}

// stillHas reports whether VBC has this recording: what this run's listing has
// shown it has, and where that hasn't, it is asked, once: the copy isn't what it
// should be. An id may have been given again.
func (r *run) stillHas(ctx context.Context, row *item) (there bool, err error) {
	if row.SeenRun == r.id && !row.Displaced {
		return true, nil
	}
	if row.there == nil || !*row.there && !row.asked {
		if there, err = r.isThereStill(ctx, row); err != nil {
			return false, err
		}
		row.there = &there
	}
	return *row.there, nil
}

// onlyCopy ends with a recording whose copy isn't what it should be, and that
// VBC has no more: nothing is downloaded in its place, and what lies there stays,
// unless a whole copy lies beside it.
func (r *run) onlyCopy(row *item, wrong error) error {
	if found, err := r.find(row); err != nil || found {
		return err
	}
	return errors.Join(fmt.Errorf("VBC no longer has this recording: %w", wrong), r.manifest.Damaged(r.work, row.Recording, wrong.Error()))
}

// verifyRest verifies a new copy whose transcript couldn't be had, so that at
// least that is known.
func (r *run) verifyRest(row *item) error {
	if !row.Copy.ArchivedAt.IsZero() {
		return nil
	}
	return r.verify(row)
}

// spare ends the purge of a recording that was put under a legal hold since
// the run began. An earlier try may have sent a DELETE.
func (r *run) spare(ctx context.Context, row *item, why error) error {
	r.stats.Skipped.Add(1)
	r.log.Info("a recording was put under a legal hold and is not deleted", "recording", row.Recording.String(), "reason", why)
	now, err := r.manifest.Row(r.work, row.Kind, row.Owner, row.ID, row.Nth)
	switch {
	case err != nil:
		return err
	case now.State == manifest.Purging:
		return r.settle(ctx, row)
	}
	return r.verify(row)
}

// maybeGone looks closer at an audio that isn't there. Only a complete listing
// without the recording, VBC's answer for the recording itself, and a store
// without a copy mean that it is gone, and only where VBC shows others: else it may
// be hidden with them. A manifest that was restored from an older backup may not
// know of the copy.
func (r *run) maybeGone(ctx context.Context, row *item, cause error) error {
	if !saysGone(cause) || row.SeenRun == r.id || !r.covered.has(row.Recording) {
		return cause
	}
	if there, err := r.askVBC(ctx, row); err != nil || there || !r.shows(collectionOf(row.Recording)) {
		return cause
	}
	if found, err := r.find(row); err != nil || found {
		return err
	}
	if err := r.manifest.Gone(r.work, row.Recording); err != nil {
		return err
	}
	return errGone
}

// lostItsID writes down that a recording was never archived, and that VBC shows
// another one under its id.
func (r *run) lostItsID(row *item) error {
	if err := r.manifest.Gone(r.work, row.Recording); err != nil {
		return err
	}
	return errGone
}

// fail writes down that a recording couldn't be done, and lets the run go on.
func (r *run) fail(row manifest.Row, cause error) error {
	rec := row.Recording
	if row.Failure.Known(cause.Error()) {
		r.stats.Acknowledged.Add(1)
		r.log.Info("recording failed, as acknowledged", "recording", rec.String(), "reason", cause, "acknowledged", row.Failure.Acknowledged)
	} else {
		r.stats.Failed.Add(1)
		r.log.Warn("recording failed", "recording", rec.String(), "start", rec.Start.Format(time.RFC3339), "reason", cause)
	}
	if errors.Is(cause, errGone) {
		return nil
	}
	err := r.manifest.Failed(context.WithoutCancel(r.work), rec, r.id, cause.Error(), permanent(cause))
	if err != nil {
		return fmt.Errorf("%w (after: %w)", err, cause)
	}
	return nil
}

// takePurge takes one of the purges that --max-deletes allows. What is taken
// isn't given back, whatever becomes of it: the limit holds.
func (r *run) takePurge() bool {
	return r.policy.MaxDeletes == nil || r.purges.Add(1) <= int64(*r.policy.MaxDeletes)
}
