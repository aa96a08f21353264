package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
// VBC doesn't heed the order or the filter that this takes, or doesn't show again
// where a slice has ended, the listing is read to its end before anything of it
// is worked on.
type lister struct {
	*run
	collection
	yield func(slice) bool

	before  manifest.Mark // what an earlier run has listed
	mark    manifest.Mark // the same,
	known   bool          // if this run relies on it
	whole   bool          // read to the end before anything is yielded
	lacking int           // recordings that were not shown
	begun   time.Time     // where the listing begins
	pages   int
	walks   int // that ended before the listing did
	shown   *shown
	border  *border
	thin    bool            // pages that seem to lack something have been looked into
	longest int             // page so far
	odd     map[string]bool // unreadable, by what names them
	picks   []pick          // written down and not yielded yet
	named   []listed        // all that VBC has shown since, whatever the run is about
	marks   *marks
	scan    *scan
}

// errUnsorted says that a listing doesn't come in order, or doesn't go on where
// it is asked to, although earlier slices did, which are being worked on.
var errUnsorted = errors.New("the listing is not in order")

func (r *run) newLister(c collection, whole bool, yield func(slice) bool) *lister {
	l := &lister{run: r, collection: c, whole: whole, yield: yield, odd: map[string]bool{}}
	l.marks = &marks{set: l.reach, closed: c.user == "self"}
	return l
}

func (l *lister) read(ctx context.Context) error {
	from, err := l.begin(ctx)
	if err != nil {
		return err
	}
	l.begun, l.scan.begun = from, from
	for err == nil {
		var next time.Time
		if next, err = l.walk(ctx, from); err != nil || next.IsZero() {
			break
		}
		if !advances(from, next) { // the same request again would bring the same
			err = l.unordered(ctx, "it doesn't advance")
		}
		from = next
	}
	return l.ended(ctx, err)
}

// ended settles what a listing has come to. What has gaps is no trouble if the
// listing is to be read to its end once more.
func (l *lister) ended(ctx context.Context, err error) error {
	if errors.Is(err, errUnsorted) {
		l.notListed -= int64(l.lacking)
		return err
	}
	if l.lacking > 0 {
		counts := l.trouble("the next run checks again", l.about(manifest.Trouble{Code: manifest.NotShown,
			Reason: fmt.Sprintf("VBC counts more %s than it shows (missing: %d)", l, l.lacking)}))
		if err == nil && !counts {
			l.marks.excuse()
		}
		return err
	}
	if err != nil {
		return err
	}
	if l.scan.shown == 0 {
		l.log.Info("VBC lists no recordings; the next run lists again from the same time", "collection", l.String())
	}
	l.scan.full = l.begunAtStart()
	if l.manifest == nil {
		return nil
	}
	return l.manifest.Listed(ctx, l.id, l.about(manifest.Trouble{}))
}

// begunAtStart reports whether this listing is one of all that the run is about.
func (l *lister) begunAtStart() bool { return !l.known }

// cover notes that nothing is missing until a moment.
func (l *lister) cover(upTo time.Time) {
	if l.lacking > 0 {
		return
	}
	from := l.begun
	if !from.IsZero() {
		from = from.Add(zoneSlack) // where the limit was perhaps read otherwise
	}
	l.covered.set(l.numbered(), from, upTo)
}

// numbered is the collection by its user's number.
func (l *lister) numbered() collection {
	if l.user == "self" {
		return collection{l.kind, l.selfUser}
	}
	return l.collection
}

// unordered ends the reading in slices: what was seen is worked on, and then
// the listing is read from where it began to its end.
func (l *lister) unordered(ctx context.Context, why string) error {
	l.log.Warn("VBC's listing can't be read in parts; reading all of it", "collection", l.String(), "reason", why)
	l.marks.close()
	l.unsorted = append(l.unsorted, l.collection)
	if err := l.emit(ctx, time.Time{}); err != nil {
		return err
	}
	return errUnsorted
}

// walk reads pages from one moment on until there is enough for a slice, or
// nothing more, and yields that. next is where to go on; zero at the end.
func (l *lister) walk(ctx context.Context, from time.Time) (next time.Time, err error) {
	listing := l.vbc.List(l.query(from, !l.newestOnly))
	l.named = nil
	var held, odd []vbc.Recording
	order, seen, thin := inOrder{at: from.Truncate(time.Second)}, 0, false
	for page, err := range listing.Pages(ctx, l.attempt) {
		if e := vbc.AsError(err); e != nil && e.Status == http.StatusBadRequest && l.pages == 0 && !l.newestOnly {
			l.newestOnly = true // perhaps it is the order that it doesn't know
			return l.walk(ctx, from)
		}
		if err != nil {
			if e := l.note(ctx, held); e != nil {
				return time.Time{}, errors.Join(e, err)
			}
			return time.Time{}, errors.Join(l.emit(ctx, time.Time{}), err)
		}
		l.pages++
		l.see(page)
		l.granted.Store(int64(listing.PageSize()))
		seen += len(page)
		odd = append(odd, unreadables(page)...)
		if err := l.refuseForm(odd, max(listing.Total(), seen)); err != nil {
			l.cantRead(odd) // so that they can be acknowledged
			return time.Time{}, err
		}
		thin = thin || l.isThin(len(page), listing.PageSize(), listing.Total() > seen)
		if !order.holds(page) && !l.whole {
			if l.walks > 0 {
				return time.Time{}, l.unordered(ctx, "it is not in order")
			}
			l.whole = true
		}
		held = append(held, page...)
		if !l.border.holds(page, order.at, false) {
			return time.Time{}, l.unordered(ctx, "recordings that it showed before are missing")
		}
		if err := l.recheck(ctx, from, listing); err != nil {
			return time.Time{}, err
		}
		to := order.at.Truncate(time.Second)
		switch {
		case l.whole:
			if err := l.note(ctx, held); err != nil {
				return time.Time{}, err
			}
			held = nil
		case len(held) >= l.sliceLimits().count && advances(from, to) && to.After(firstSecond(held)) && listing.Total() != seen:
			return to, l.cut(ctx, from, to, held, listing, thin)
		}
	}
	if !l.border.holds(nil, order.at, true) {
		return time.Time{}, l.unordered(ctx, "recordings that it showed before are missing")
	}
	if err := l.recheck(ctx, from, listing); err != nil {
		return time.Time{}, err
	}
	if err := l.note(ctx, held); err != nil {
		return time.Time{}, err
	}
	if n := listing.Missing(); n > 0 {
		l.missing(n)
	}
	l.remaining.Store(0)
	if l.scan.shown == 0 {
		l.marks.close() // that nothing is shown doesn't mean that there is nothing
	}
	l.marks.confirm()
	l.cover(l.policy.Cutoff)
	if err := l.emit(ctx, l.policy.Cutoff.Truncate(time.Second)); err != nil {
		return time.Time{}, err
	}
	l.marks.confirm()
	return time.Time{}, nil
}

// cut ends a slice at a second that what was held reaches into. All of it is
// written down. What starts in that second is yielded with the next slice, which
// begins there: VBC must show it again.
func (l *lister) cut(ctx context.Context, from, to time.Time, held []vbc.Recording, listing *vbc.Listing, thin bool) error {
	if err := l.note(ctx, held); err != nil {
		return err
	}
	before, rest := split(held, to)
	l.walks++
	left := listing.Total() - len(before)
	l.shown = &shown{from: from, to: to, recordings: before, thin: thin}
	if listing.Counted() {
		l.shown.left = left
	}
	l.border = newBorder(to, rest)
	l.remaining.Store(int64(max(0, left)))
	return l.emitUntil(ctx, to, earlier(to, l.policy.Cutoff.Truncate(time.Second)))
}

// advances reports whether a slice that begins at from may end at to: then the
// next request is another one.
func advances(from, to time.Time) bool { return to.After(from) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (l *lister) query(from time.Time, oldestFirst bool) vbc.Query {
	return vbc.Query{Kind: l.kind, Account: l.policy.Account, User: l.user,
		Before: l.policy.Cutoff.Add(zoneSlack), Since: from, PageSize: l.pageSize(), OldestFirst: oldestFirst, Filter: l.policy.Filter}
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

// note writes recordings down. What can't be read is written down too, as a
// trouble.
func (l *lister) note(ctx context.Context, recordings []vbc.Recording) error {
	if err := l.learnTheirTranscripts(ctx, recordings); err != nil {
		return err
	}
	l.compareTranscripts(recordings)
	l.scan.note(&l.policy, recordings)
	l.cantRead(recordings)
	eligible, seen, err := l.admit(ctx, l.collection, recordings)
	if err != nil {
		return err
	}
	for i, rec := range eligible {
		if err := l.sighted(rec, seen[i]); err != nil {
			return err
		}
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
	return nil
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
// zero, everything that was shown is among it, or was before.
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
	reached := l.marks.add(upTo, len(pieces))
	for _, s := range pieces {
		s.listed = within(l.named, s.from, s.to)
		s.done = func() { l.marks.done(reached) }
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
