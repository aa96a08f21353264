package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	*listing
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

func (l *listing) newLister(c collection, whole bool, yield func(slice) bool) *lister {
	one := &lister{listing: l, collection: c, whole: whole, yield: yield, odd: map[string]bool{}}
	one.marks = &marks{set: one.reach, closed: c.user == "self"}
	return one
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
		l.report.lack(-l.lacking)
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
	l.witness.covered.set(l.numbered(l.collection), from, upTo)
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
		needed, err := l.isNeeded(ctx, rec, seen[i])
		if err != nil {
			return err
		}
		l.picks = append(l.picks, pick{rec.ID, rec.Nth, rec.Size, rec.Start, needed})
	}
	return nil
}

// isNeeded reports whether there is anything to do for a listed recording.
func (l *lister) isNeeded(ctx context.Context, rec vbc.Recording, seen manifest.Sighting) (bool, error) {
	switch {
	case seen != manifest.Archived:
		return true, nil
	case l.manifest == nil:
		return l.policy.Delete, nil
	case !l.policy.Delete:
		return l.isIncomplete(ctx, rec)
	case len(manifest.InForce(l.holds)) == 0: // spares looking
		return true, nil
	}
	row, err := l.manifest.Row(ctx, rec.Key(), rec.Nth)
	return err != nil || !l.rests(row), err
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
	if _, listed := l.transcripts.of(rec); !listed {
		return false, nil
	}
	row, err := l.manifest.Row(ctx, rec.Key(), rec.Nth)
	return l.lacksTranscript(&item{Row: row}), err
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
	cuts, err := l.exporter.cuts(ctx, l.numbered(l.collection))
	if err != nil {
		return err
	}
	pieces := chop(l.numbered(l.collection), picks, l.sliceLimits(), cuts)
	reached := l.marks.add(upTo, len(pieces))
	for _, s := range pieces {
		s.listed = within(l.named, s.from, s.to)
		s.done = func() { l.marks.done(reached) }
		l.yielded += int64(len(s.todo))
		l.tell(ctx)
		l.stats.Todo.Store(l.yielded + l.remaining)
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
