package pipeline

import (
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// witness is what this run's listings say of recordings that they don't show.
type witness struct {
	covered coverage // from when to when they have no gaps

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

// shown remembers what a listing has shown.
func (r *run) shown(c collection, listed []vbc.Recording) {
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
	r.witness.closed = r.report.notListed() == 0 // else what it hasn't shown may be there
}

// wouldShow reports whether this run's listing would have shown a recording that
// it hasn't shown. The caller holds witness.mu.
func (r *run) wouldShow(row manifest.Row) bool {
	s := r.witness.about(collectionOf(row.Recording))
	return row.SeenRun != r.id && r.witness.closed && !s.blind && !s.refuted && !s.others[row.ID] &&
		r.policy.Filter.String() == "" && r.witness.covered.has(row.Recording)
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
