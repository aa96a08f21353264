package pipeline

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

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
		l.habits.granted.Store(int64(listing.PageSize()))
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
	l.remaining = 0
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
	l.remaining = int64(max(0, left))
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
