package pipeline

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// lister reads one collection's listing.
//
// The oldest come first, and each request continues at the second where the
// slice before ended, so that what is purged meanwhile moves nothing. Where
// VBC doesn't heed the order or the filter that this takes, the listing is
// read to its end before anything of it is worked on.
type lister struct {
	*run
	collection
	yield func(slice) bool

	mark  manifest.Mark // what an earlier run has listed
	known bool          // and this one relies on it
	whole bool          // read to the end before anything is yielded
	gaps  bool          // something was not shown
	begun time.Time     // where the listing begins
	pages int
	walks int // that ended before the listing did
	shown *shown
	picks []pick   // written down and not yielded yet
	named []listed // all that VBC has shown since, whatever the run is about
}

// errUnsorted says that a listing doesn't come in order although earlier
// slices did, which are being worked on.
var errUnsorted = errors.New("the listing doesn't come in order")

func (l *lister) read(ctx context.Context) error {
	from, err := l.begin(ctx)
	if err != nil {
		return err
	}
	start := from
	l.begun = from
	for {
		next, err := l.walk(ctx, from)
		if errors.Is(err, errUnsorted) {
			l.log.Warn("VBC doesn't list in order; reading the listing to its end first", "collection", l.String())
			l.unsorted = append(l.unsorted, l.collection)
		}
		if err != nil {
			return err
		}
		if !l.gaps {
			end := next
			if end.IsZero() {
				end = l.policy.Cutoff
			}
			l.covered.set(l.numbered(), start, end)
		}
		if next.IsZero() {
			return nil
		}
		from = next
	}
}

// numbered is the collection by its user's number.
func (l *lister) numbered() collection {
	if l.user == "self" {
		return collection{l.kind, l.selfUser}
	}
	return l.collection
}

// walk reads pages from one moment on until there is enough for a slice, or
// nothing more, and yields that. next is where to go on; zero at the end.
func (l *lister) walk(ctx context.Context, from time.Time) (next time.Time, err error) {
	listing := l.vbc.List(l.query(from, !l.newestOnly))
	l.named = nil
	var held []vbc.Recording
	order := inOrder{at: from.Truncate(time.Second)}
	for page, err := range listing.Pages(ctx, l.attempt) {
		if e := vbc.AsError(err); e != nil && e.Status == http.StatusBadRequest && l.pages == 0 && !l.newestOnly {
			l.newestOnly = true // perhaps it is the order that it doesn't know
			return l.walk(ctx, from)
		}
		if err != nil {
			return time.Time{}, errors.Join(l.note(ctx, held), l.emit(ctx, time.Time{}), err)
		}
		l.pages++
		l.see(page)
		l.granted.Store(int64(listing.PageSize()))
		if err := l.recheck(ctx, listing.Total()); err != nil {
			return time.Time{}, err
		}
		if !order.holds(page) && !l.whole {
			if l.walks > 0 {
				return time.Time{}, errUnsorted
			}
			l.whole = true
		}
		held = append(held, page...)
		to := order.at.Truncate(time.Second)
		switch {
		case l.whole:
			if err := l.note(ctx, held); err != nil {
				return time.Time{}, err
			}
			held = nil
		case len(held) >= l.sliceLimits().count && to.After(firstSecond(held)) && listing.Total() > len(held):
			before, rest := split(held, to)
			l.walks++
			l.shown = &shown{from: from, to: to, recordings: before, left: listing.Total() - len(before)}
			l.remaining.Store(int64(listing.Total() - len(held) + len(rest)))
			return to, errors.Join(l.note(ctx, before), l.emit(ctx, to))
		}
	}
	if n := listing.Missing(); n > 0 {
		l.missing(n)
	}
	l.remaining.Store(0)
	return time.Time{}, errors.Join(l.note(ctx, held), l.emit(ctx, l.policy.Cutoff.Truncate(time.Second)))
}

func (l *lister) query(from time.Time, oldestFirst bool) vbc.Query {
	return vbc.Query{Kind: l.kind, Account: l.policy.Account, User: l.user,
		Before: l.policy.Cutoff, Since: from, PageSize: l.pageSize(), OldestFirst: oldestFirst, Filter: l.policy.Filter}
}

func (l *lister) missing(n int) {
	l.gaps = true
	l.notListed += int64(n)
	l.log.Warn("VBC counted recordings that it did not show; the next run looks again", "collection", l.String(), "missing", n)
}

// shown is the slice that was listed last, and how many VBC must count behind it.
type shown struct {
	from, to   time.Time
	recordings []vbc.Recording
	left       int
}

// recheck compares VBC's count with the one before. Where it is too small,
// something was hidden, or somebody else has deleted, and the slice before is
// listed once more by itself.
func (l *lister) recheck(ctx context.Context, total int) error {
	s := l.shown
	l.shown = nil
	if s == nil || total >= s.left {
		return nil
	}
	known := map[int64]bool{}
	for _, rec := range s.recordings {
		known[rec.ID] = true
	}
	q := l.query(s.from, true)
	q.Before = s.to.Add(-time.Second)
	listing := l.vbc.List(q)
	now := l.named
	l.named = nil
	defer func() { l.named = now }()
	for page, err := range listing.Pages(ctx, l.attempt) {
		switch {
		case err == nil:
		case ctx.Err() != nil, judge(err) == systemic:
			return err
		default:
			// Whatever it is, it must not keep the rest from being listed.
			l.log.Warn("a slice could not be listed once more", "collection", l.String(), "reason", err)
			l.missing(s.left - total)
			return l.emit(ctx, time.Time{})
		}
		l.pages++
		l.see(page)
		page = slices.DeleteFunc(page, func(rec vbc.Recording) bool { return known[rec.ID] || !rec.Start.Before(s.to) })
		if err := l.note(ctx, page); err != nil {
			return err
		}
	}
	if n := listing.Missing(); n > 0 {
		l.missing(n)
	}
	return l.emit(ctx, time.Time{})
}

func firstSecond(held []vbc.Recording) time.Time {
	for _, rec := range held {
		if rec.Unreadable == "" {
			return rec.Start.Truncate(time.Second)
		}
	}
	return time.Time{}
}

// inOrder watches the starts of a listing.
type inOrder struct {
	at time.Time // the latest so far
}

func (o *inOrder) holds(page []vbc.Recording) bool {
	for _, rec := range page {
		if rec.Unreadable != "" {
			continue
		}
		if rec.Start.Before(o.at) {
			return false
		}
		o.at = rec.Start
	}
	return true
}

// split parts recordings at a moment. What can't be read stays where it was listed.
func split(held []vbc.Recording, at time.Time) (before, rest []vbc.Recording) {
	for _, rec := range held {
		if rec.Unreadable == "" && !rec.Start.Before(at) {
			rest = append(rest, rec)
		} else {
			before = append(before, rec)
		}
	}
	return before, rest
}

// note writes recordings down.
func (l *lister) note(ctx context.Context, recordings []vbc.Recording) error {
	if err := l.learnTheirTranscripts(ctx, recordings); err != nil {
		return err
	}
	l.compareTranscripts(recordings)
	eligible, seen, err := l.admit(ctx, l.collection, recordings)
	for i, rec := range eligible {
		if seen[i] == manifest.Repeated || seen[i] == manifest.ErasedAgain {
			continue
		}
		needed := seen[i] != manifest.Archived || l.policy.Delete
		if !needed && l.manifest != nil {
			if needed, err = l.isIncomplete(ctx, rec); err != nil {
				return err
			}
		}
		l.picks = append(l.picks, pick{rec.ID, rec.Nth, rec.Size, rec.Start, needed})
	}
	return err
}

// learnTheirTranscripts lists the transcripts of what has just been listed, and
// of all that comes after it, unless each has its own in the archive already.
func (l *lister) learnTheirTranscripts(ctx context.Context, recordings []vbc.Recording) error {
	if l.kind != vbc.Company {
		return nil
	}
	for _, rec := range recordings {
		if !l.policy.eligible(rec) {
			continue
		}
		if l.reads != nil {
			row, s, err := l.reads.Look(ctx, rec)
			if err != nil {
				return err
			}
			if !s.Unknown() && hasTranscript(row) {
				continue
			}
		}
		if l.whole {
			return l.learnTranscripts(ctx, l.begun)
		}
		return l.learnTranscripts(ctx, rec.Start) // none that lacks one comes before it
	}
	return nil
}

// isIncomplete reports whether an archived recording has got a transcript since.
func (l *lister) isIncomplete(ctx context.Context, rec vbc.Recording) (bool, error) {
	if _, listed := l.policy.transcripts.of(rec); !listed {
		return false, nil
	}
	row, err := l.manifest.Row(ctx, rec.Kind, rec.Owner, rec.ID, rec.Nth)
	_, lacking := l.lacksTranscript(&item{Row: row})
	return lacking, err
}

// emit yields what was noted, in slices. Up to the moment upTo, unless that is
// zero, nothing is missing.
func (l *lister) emit(ctx context.Context, upTo time.Time) error {
	picks := l.picks
	l.picks = nil
	slices.SortStableFunc(picks, func(a, b pick) int { return cmp.Or(a.start.Compare(b.start), cmp.Compare(a.id, b.id)) })
	if l.kind == vbc.Company && !upTo.IsZero() {
		if err := l.unclaimedTranscripts(ctx, l.begun, upTo); err != nil {
			return err
		}
	}
	cuts, err := l.cuts(ctx, l.numbered())
	if err != nil {
		return err
	}
	pieces := chop(l.numbered(), picks, l.sliceLimits(), cuts)
	for i := range pieces {
		pieces[i].listed = within(l.named, pieces[i].from, pieces[i].to)
	}
	if !upTo.IsZero() && !l.gaps && l.user != "self" {
		reached := func() { l.reach(upTo) }
		if len(pieces) == 0 {
			reached()
		} else {
			pieces[len(pieces)-1].done = reached
		}
	}
	for _, s := range pieces {
		l.listed += int64(len(s.todo))
		l.tell(ctx)
		l.stats.Todo.Store(l.listed + l.remaining.Load())
		l.log.Debug("listed", "collection", l.String(), "from", s.from, "to", s.to, "to_do", len(s.todo))
		if !l.yield(s) {
			return errNoMore
		}
	}
	return nil
}

// see remembers what an export of what is listed may hold.
func (l *lister) see(page []vbc.Recording) {
	if l.policy.Fetch == FetchDirect || l.policy.Fetch == "" {
		return
	}
	for _, rec := range page {
		l.named = append(l.named, listedOf(rec))
	}
}

// pageSize is how many recordings to ask for at once.
func (r *run) pageSize() int {
	return cmp.Or(r.policy.PageSize, int(r.granted.Load()), sliceSize)
}
