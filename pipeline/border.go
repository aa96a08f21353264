package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// shown is the slice that was listed last, and how many VBC must count behind it.
type shown struct {
	from, to   time.Time
	recordings []vbc.Recording
	left       int  // 0 = it counts nothing
	thin       bool // a page had fewer items than others, though more came
}

// border is where a slice has ended: what starts in its second was shown, and
// must be shown again by the listing that goes on from there. If it isn't, VBC
// reads the limit otherwise than we do (exclusively, to the millisecond, in a
// zone of its own), and what lies behind it may be out of sight as well.
type border struct {
	at  time.Time      // whole second
	ids map[int64]bool // not shown again yet
}

func newBorder(at time.Time, rest []vbc.Recording) *border {
	b := &border{at: at, ids: map[int64]bool{}}
	for _, rec := range rest {
		b.ids[rec.ID] = true
	}
	return b
}

// holds notes a page, and reports whether the border may still be shown again:
// the latest start so far hasn't passed it, and the listing hasn't ended.
func (b *border) holds(page []vbc.Recording, latest time.Time, ended bool) bool {
	if b == nil {
		return true
	}
	for _, rec := range page {
		delete(b.ids, rec.ID)
	}
	return len(b.ids) == 0 || !ended && latest.Before(b.at.Add(time.Second))
}

// isThin reports whether a page, behind which more comes, has fewer items than
// it should: then some that were counted weren't shown. Servers make pages
// smaller, but to a round number, and we by halves.
func (l *lister) isThin(n, asked int, more bool) bool {
	l.longest = max(l.longest, n)
	return more && !l.thin && n < asked && (n%10 != 0 || n < l.longest) && !isHalf(n, asked)
}

func isHalf(n, of int) bool {
	for ; of > n; of /= 2 {
	}
	return of == n
}

// recheck compares VBC's count with the one before. Where it is too small,
// something was hidden, or somebody else has deleted, and the slice before is
// listed once more by itself. Without a contradiction nothing is missing until
// from.
func (l *lister) recheck(ctx context.Context, from time.Time, listing *vbc.Listing) error {
	s := l.shown
	l.shown = nil
	if s == nil {
		return nil
	}
	lacking := 0
	if !listing.More() || listing.Counted() { // else nobody knows how many there are
		lacking = max(0, s.left-listing.Total())
	}
	if lacking > 0 || s.thin {
		if err := l.listAgain(ctx, s, lacking); err != nil {
			return err
		}
	}
	if len(l.border.ids) == 0 {
		l.marks.confirm()
		l.cover(from)
	}
	return nil
}

// listAgain lists a slice once more, of which so many are lacking.
func (l *lister) listAgain(ctx context.Context, s *shown, lacking int) error {
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
	found := 0
	for page, err := range listing.Pages(ctx, l.attempt) {
		switch {
		case err == nil:
		case ctx.Err() != nil, judge(err) == retry.Systemic:
			return err
		default:
			// Whatever it is, it must not keep the rest from being listed.
			l.log.Warn("part of the listing could not be repeated", "collection", l.String(), "reason", err)
			l.missing(max(1, lacking))
			return l.emitUntil(ctx, s.to, time.Time{})
		}
		l.pages++
		l.see(page)
		page = slices.DeleteFunc(page, func(rec vbc.Recording) bool { return known[rec.ID] || !rec.Start.Before(s.to) })
		found += len(page)
		if err := l.note(ctx, page); err != nil {
			return err
		}
	}
	if s.thin && found == 0 {
		l.thin = true // its pages are as they are
	}
	if n := max(listing.Missing(), lacking-found); n > 0 {
		l.missing(n)
	}
	return l.emitUntil(ctx, s.to, time.Time{})
}

// emitUntil is emit for what starts before a moment. The rest waits for the next
// slice.
func (l *lister) emitUntil(ctx context.Context, to, upTo time.Time) error {
	var later []pick
	l.picks = slices.DeleteFunc(l.picks, func(p pick) bool {
		if p.start.Before(to) {
			return false
		}
		later = append(later, p)
		return true
	})
	err := l.emit(ctx, upTo)
	l.picks = append(l.picks, later...)
	return err
}

// missing notes that VBC counted recordings that it didn't show.
func (l *lister) missing(n int) {
	l.lacking += n
	l.report.lack(n)
	l.marks.doubt()
	l.log.Warn("VBC counted recordings that it did not show; the next run checks again", "collection", l.String(), "missing", n)
}

func unreadables(page []vbc.Recording) (odd []vbc.Recording) {
	for _, rec := range page {
		if rec.Unreadable != "" {
			odd = append(odd, rec)
		}
	}
	return odd
}
