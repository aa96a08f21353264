package pipeline

import (
	"context"
	"fmt"
	"net/http"

	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// What VBC answers about a recording that it doesn't have, no document says, and
// a gateway, a proxy or a wrong route answer 404 as well. So the shape of a 404
// decides nothing. What decides is, in this order:
//
//  1. a listing of this run, without gaps and unfiltered, that would have shown
//     the recording, shows others, and not it. That costs no request.
//  2. the request for the recording itself, if it brings one.
//  3. where that is answered 404: the same request for a recording that the
//     listing has just shown. If that works, the 404 was about the recording.

// saysGone reports whether an answer may mean that VBC hasn't got something.
func saysGone(err error) bool {
	e := vbc.AsError(err)
	return e != nil && !e.Malformed && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}

// unclearError says that nobody can tell what a 404 was about.
type unclearError struct {
	Err error  // the 404
	Why string // nothing else tells
}

func (e *unclearError) Error() string {
	if e.Why == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v; it is unknown whether VBC still has it: %s. A run without filters and without --since finds out from its listing", e.Err, e.Why)
}

func (e *unclearError) Unwrap() error { return e.Err }

// isThere finds out whether VBC has this very recording. Where a listing has
// shown another one under its id, that is known.
func (r *run) isThere(ctx context.Context, row *item) (there bool, err error) {
	if row.Displaced || r.listedWithout(row.Row) {
		return false, nil
	}
	return r.askVBC(ctx, row)
}

// look asks VBC for a recording that this run's listing hasn't shown, and that is
// to be purged: ids may be given again, and what has this one's now may be
// another. Where it is gone, as most such are, that costs no more than the DELETE
// would.
func (r *run) look(ctx context.Context, row *item) error {
	there, err := r.isThere(ctx, row) // now, whatever was known before
	if err != nil {
		return err
	}
	row.there, row.looked = &there, true
	return nil
}

// isThereStill is isThere for a recording whose copy isn't whole, so far as is
// known: it may be the last one, and is worth a request whatever a listing says.
func (r *run) isThereStill(ctx context.Context, row *item) (there bool, err error) {
	if row.Displaced {
		return false, nil
	}
	return r.askVBC(ctx, row)
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

// askVBC asks VBC for a recording. An *unclearError says that the answer is a 404,
// and that it may be about anything.
func (r *run) askVBC(ctx context.Context, row *item) (there bool, err error) {
	row.asked = true
	err = r.attemptFor(ctx, &row.patience, vbc.RankPurge, func(_ context.Context, slot *vbc.Slot) (err error) {
		there, err = slot.Exists(r.work, row.Recording)
		return err
	})
	if saysGone(err) {
		return false, r.vouch(ctx, row, err)
	}
	if err == nil {
		r.witness.mu.Lock()
		defer r.witness.mu.Unlock()
		s := r.witness.about(collectionOf(row.Recording))
		s.reached = true
		s.refuted = s.refuted || there && r.wouldShow(row.Row)
	}
	return there, err
}

// vouch finds out whether a 404 was about the recording that was asked for, and
// returns nil if it was.
func (r *run) vouch(ctx context.Context, row *item, notFound error) error {
	c := collectionOf(row.Recording)
	r.witness.mu.Lock()
	s := r.witness.about(c)
	r.witness.mu.Unlock()
	s.control.Lock()
	defer s.control.Unlock()

	r.witness.mu.Lock()
	would, shown, reached, unreached := r.wouldShow(row.Row), s.shown, s.reached || s.confirmed && r.wouldShow(row.Row), s.unreached
	r.witness.mu.Unlock()
	switch {
	case reached:
		return nil
	case would && shown > 0:
		r.confirm(s)
		return nil
	case unreached != "":
		return &unclearError{notFound, unreached}
	}
	newest, err := r.newest(ctx, c, row.Account)
	r.witness.mu.Lock()
	s.lists = s.lists || len(newest) > 0
	r.witness.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case judge(err) == retry.Systemic:
		return err
	case err != nil:
		return r.unreached(s, notFound, "VBC doesn't list the "+c.String()+" ("+err.Error()+")")
	case len(newest) == 0, would && newest[0].ID != row.ID: // none at all, or others: the listing is to be believed
		r.confirm(s)
		return nil
	case newest[0].Unreadable != "", newest[0].ID == row.ID:
		return &unclearError{notFound, "VBC still lists it, or lists a recording that can't be read"}
	}
	control := newest[0]
	control.Account = row.Account
	err = r.attemptFor(ctx, &patience{}, vbc.RankPurge, func(_ context.Context, slot *vbc.Slot) error {
		_, err := slot.Exists(r.work, control)
		return err
	})
	switch {
	case err == nil:
		r.witness.mu.Lock()
		s.reached = true
		r.witness.mu.Unlock()
		return nil
	case saysGone(err):
		return r.unreached(s, notFound, fmt.Sprintf("VBC gives the same answer for %s, which it lists, so the address may be wrong", control))
	case ctx.Err() != nil, judge(err) == retry.Systemic:
		return err
	}
	return &unclearError{notFound, err.Error()}
}

// newest lists a collection's newest recordings, whatever the run is about: one
// request for a few of them.
func (r *run) newest(ctx context.Context, c collection, account string) ([]vbc.Recording, error) {
	l := r.vbc.List(vbc.Query{Kind: c.kind, Account: account, User: c.user, PageSize: fewNewest})
	for page, err := range l.Pages(ctx, r.attempt) {
		return page, err
	}
	return nil, nil
}

const fewNewest = 10

// noAudioError says that VBC answers as if it hadn't got a recording's audio.
type noAudioError struct{ err error }

func (e *noAudioError) Error() string { return e.err.Error() }
func (e *noAudioError) Unwrap() error { return e.err }

// maybeGone looks closer at an audio that isn't there. Only a complete listing
// without the recording, VBC's answer for the recording itself, and a store
// without a copy mean that it is gone, and only where VBC shows others: else it may
// be hidden with them. A manifest that was restored from an older backup may not
// know of the copy.
func (r *run) maybeGone(ctx context.Context, row *item, cause error) (ends bool, err error) {
	if row.SeenRun == r.id || !r.witness.covered.has(row.Recording) {
		return false, cause
	}
	if there, err := r.askVBC(ctx, row); err != nil || there || !r.shows(collectionOf(row.Recording)) {
		return false, cause
	}
	if found, err := r.find(row); err != nil || found {
		return true, err
	}
	if err := r.manifest.Gone(r.work, row.Recording); err != nil {
		return false, err
	}
	return false, errGone
}

// lostItsID writes down that a recording was never archived, and that VBC shows
// another one under its id.
func (r *run) lostItsID(row *item) error {
	if err := r.manifest.Gone(r.work, row.Recording); err != nil {
		return err
	}
	return errGone
}
