package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
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

// witness is what this run's listings say of recordings that they don't show.
type witness struct {
	mu     sync.Mutex
	of     map[collection]*sightings
	closed bool // the listings have come to their end, without counting what they didn't show
}

// sightings are what is known of one collection. Guarded by witness.mu.
type sightings struct {
	shown     int            // recordings, however often
	others    map[int64]bool // ids that were shown, of recordings that the run isn't about or that can't be read
	blind     bool           // something was shown of which nobody can tell what it is
	refuted   bool           // VBC has one that the listing should have shown
	confirmed bool           // one that the listing doesn't show is not there indeed
	reached   bool           // a request for one recording has brought it: its address is right
	unreached string         // why none does; "" = not tried
	lists     bool           // VBC lists some, if not to what this run has asked for

	control sync.Mutex // held while that is tried
}

const mostOthers = 1 << 20 // ids that are remembered of a collection; so many take about 40 MB

func (w *witness) about(c collection) *sightings {
	if w.of == nil {
		w.of = map[collection]*sightings{}
	}
	if w.of[c] == nil {
		w.of[c] = &sightings{others: map[int64]bool{}}
	}
	return w.of[c]
}

// shown remembers what a listing has shown. It is called by the listing's
// goroutine.
func (r *run) shown(c collection, listed []vbc.Recording) {
	if c.user == "self" {
		c.user = r.selfUser
	}
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	s := r.witness.about(c)
	s.shown += len(listed)
	for _, rec := range listed {
		switch {
		case r.policy.eligible(rec): // is in the manifest as seen by this run
		case rec.ID == 0, len(s.others) >= mostOthers:
			s.blind = true
		default:
			s.others[rec.ID] = true
		}
	}
}

// closeListings is called when all has been listed.
func (r *run) closeListings() {
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	r.witness.closed = r.notListed == 0 // else what it hasn't shown may be there
}

// wouldShow reports whether this run's listing would have shown a recording that
// it hasn't shown. The caller holds witness.mu.
func (r *run) wouldShow(row manifest.Row) bool {
	s := r.witness.about(collectionOf(row.Recording))
	return row.SeenRun != r.id && r.witness.closed && !s.blind && !s.refuted && !s.others[row.ID] &&
		r.policy.Filter.String() == "" && r.covered.has(row.Recording)
}

// listedWithout reports whether this run's listing says that VBC hasn't got a
// recording. Of recordings whose deletion was begun that is what is expected. Of
// others it isn't: somebody else must have deleted them, and so the first one of
// a collection is asked for all the same.
func (r *run) listedWithout(row manifest.Row) bool {
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	s := r.witness.about(collectionOf(row.Recording))
	return r.wouldShow(row) && (s.confirmed || s.shown > 0 && row.State == manifest.Purging)
}

// isThere finds out whether VBC has this very recording. Where a listing has
// shown another one under its id, that is known.
func (r *run) isThere(ctx context.Context, row *item) (there bool, err error) {
	if row.Displaced || r.listedWithout(row.Row) {
		return false, nil
	}
	return r.askVBC(ctx, row)
}

// isThereStill is isThere for a recording whose copy isn't whole, so far as is
// known: it may be the last one, and is worth a request whatever a listing says.
func (r *run) isThereStill(ctx context.Context, row *item) (there bool, err error) {
	if row.Displaced {
		return false, nil
	}
	return r.askVBC(ctx, row)
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

// shows reports whether VBC has shown anything of a collection in this run. To a
// user whose rights were taken away it shows nothing, and that says nothing of
// what it has.
func (r *run) shows(c collection) bool {
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	s := r.witness.about(c)
	return s.shown > 0 || s.reached || s.lists
}

func (r *run) confirm(s *sightings) {
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	s.confirmed = true
}

func (r *run) unreached(s *sightings, notFound error, why string) error {
	r.witness.mu.Lock()
	defer r.witness.mu.Unlock()
	s.unreached = why
	return &unclearError{notFound, why}
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
