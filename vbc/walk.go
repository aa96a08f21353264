package vbc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
)

// Attempt gives op a Slot and decides whether to call it again, with another
// Slot, after an error. It returns op's last error.
type Attempt func(ctx context.Context, op func(context.Context, *Slot) error) error

// walk reads a paged collection to its end. The API leaves open where pages
// begin to count, how large they may be and in which order ties come, and
// others may delete while we read; so a walk takes nothing for granted:
//
//   - The first request names no page; the answer says what the first is called.
//   - A page that may be too large is asked for in smaller ones (pageSizes), and
//     a size that the server makes smaller is believed. Items that come twice
//     are dropped by their id.
//   - It is over when all that the server says agrees (ends): as many items were
//     seen as it counts, no link leads on, and there are no more pages. Where it
//     doesn't agree, or says nothing, the walk reads on until a page comes back
//     empty.
//   - It always advances. Pages that bring nothing new are few, and what the
//     server said to be still to come is a contradiction then, and not the end.
//   - Where fewer were seen than the server counted, it reads everything once
//     more; what is missing even then is reported, not hidden.
type walk struct {
	op    string
	url   *url.URL   // of the collection
	query url.Values // without page and page_size
	field string     // of _embedded, where the items are
	alike func(json.RawMessage) bool

	size   int // page size to ask for
	wanted int // and if the server can do that
	sizes  *pageSizes

	// Of a listing that no document describes: the name of its list is a guess,
	// so if there is one other list, that is it; and a 400 is about the query.
	guess bool

	seen    map[string]int // id → the last pass that showed it
	pass    int
	count   int    // distinct items in this pass
	total   int    // the highest count of the server in this pass
	latest  int    // its latest; 0 = none of use
	read    int    // pages that brought something new in this pass
	places  int    // of the collection where the latest page ends
	reach   int    // up to which the pages so far have covered it: more, where a larger page has begun before that
	last    page   // the latest page
	served  int    // items that the server makes of a larger page; 0 = it has made none smaller
	first   int    // what the server calls its first page; unnamed = not known
	before  bool   // which has one before it
	shifted bool   // an item came twice in this pass, as others have added or deleted, or the pages are others now
	probed  bool   // page 0 was asked for although the first page is called 1
	shrunk  bool   // the page before was refused for its size
	resized bool   // in this pass pages have had several sizes
	back    bool   // the page overlaps with those before, because its size is another
	over    bool   // nothing more is to come
	odd     string // what the server says and doesn't keep
}

const (
	unnamed     = -1 // asks for no page by number
	smallest    = 10 // page size; the API's own default
	maxPageBody = 64 << 20
	maxStale    = 3       // pages in a row without anything new: the server ignores the page's number
	mostPages   = 1 << 20 // with something new: the server makes them up
)

// pages yields the items of every page that haven't been yielded before.
func (w *walk) pages(ctx context.Context, try Attempt) iter.Seq2[[]json.RawMessage, error] {
	return func(yield func([]json.RawMessage, error) bool) {
		w.seen = map[string]int{}
		for range 2 {
			w.pass++
			w.count, w.total, w.latest, w.read, w.places, w.reach, w.first = 0, 0, 0, 0, 0, 0, unnamed
			w.before, w.shifted, w.probed, w.over, w.odd, w.last = false, false, false, false, "", page{}
			w.served, w.resized = 0, false
			err := w.once(ctx, try, func(items []json.RawMessage) bool { return yield(items, nil) })
			switch {
			case errors.Is(err, errEnough):
				return
			case err != nil:
				if w.size < w.wanted && forSize(err) != notForSize {
					err = fmt.Errorf("%w (also with pages of %d)", err, w.size)
				}
				yield(nil, err)
				return
			case w.short() == 0 || w.odd != "":
				return
			}
		}
	}
}

// short is how many items the server counted and didn't show.
func (w *walk) short() int { return max(0, w.total-len(w.seen)) }

// missing is short, and at least 1 where the server says that there is more and
// doesn't show it.
func (w *walk) missing() int {
	if w.odd != "" {
		return max(1, w.short())
	}
	return w.short()
}

// counted is how many items there are, as far as the server's count is of use:
// at least those that came, and one where more is to come.
func (w *walk) counted() int {
	switch {
	case w.over && w.latest == 0:
		return len(w.seen)
	case w.over || w.latest > w.count:
		return w.latest
	}
	return len(w.seen) + 1
}

var errEnough = errors.New("the consumer wants no more")

// once reads all pages.
func (w *walk) once(ctx context.Context, try Attempt, yield func([]json.RawMessage) bool) error {
	relabelled := false
	for number, stale := unnamed, 0; ; {
		p, err := w.page(ctx, try, number)
		switch {
		case err != nil && w.beyond(err, number):
			return w.finish(p)
		case err != nil && ctx.Err() == nil && w.shrink(err, number):
			number, stale = w.renumber(number), w.overlap()
			continue
		case err != nil:
			return err
		}
		grown := w.grow()
		w.over = p.news > 0 && w.ends(p)
		smaller := !w.over && w.isSmaller(p)
		if p.news > 0 {
			w.reach = max(w.reach, w.places)
		}
		if len(p.fresh) > 0 && !yield(p.fresh) {
			return errEnough
		}
		if w.over {
			return nil
		}
		if stale++; p.news > 0 {
			stale = 0
		}
		switch {
		case p.n == 0 && w.mayHavePageZero():
			if err := w.pageZero(ctx, try, yield); err != nil {
				return err
			}
			if w.count >= w.total {
				return w.finish(p)
			}
			continue // the same page again; being empty is a fault now
		case p.n == 0 && (number != unnamed || p.next == ""), w.repeats(p, stale):
			return w.finish(p)
		case stale >= maxStale, w.read >= mostPages:
			w.contradict("VBC says that there is more, but its pages contain nothing new")
			return nil
		}
		if number == unnamed {
			number = w.first
		} else if p.number == number+1 && !relabelled {
			// Its pages count from 0 and call themselves from 1 on: this was the
			// one after the next.
			relabelled = true
			number -= 2
		}
		if number++; grown || smaller && w.read > 1 {
			number, stale = w.renumber(number), w.overlap()
		}
	}
}

// ends reports whether a page is the last: all that the server says of it
// agrees, and says something.
func (w *walk) ends(p page) bool {
	told := p.paged || p.pages > 0
	switch {
	case p.next != "" || w.covered() < p.pages || w.before && !w.probed || w.latest > 0 && w.count < w.total:
		return false
	case w.latest > 0 && w.count == w.total:
		// A count that is the page's own, or a limit of the server's, looks like
		// the end.
		return !p.isFull() || told && w.total%roundCount != 0
	}
	return told // there is no count, or one that is wrong
}

// roundCount is what the limits of servers, up to which they count, are multiples of.
const roundCount = 10_000

// repeats reports whether a page that brings nothing new is how the server says
// that there is none of that number: its count and its pages agree with that.
func (w *walk) repeats(p page, stale int) bool {
	return stale > 0 && p.n > 0 && p.pages > 0 && w.covered() >= p.pages && w.latest > 0 && w.count >= w.total
}

// beyond reports whether an error says that there is no page of that number,
// where none has to be.
func (w *walk) beyond(err error, number int) bool {
	e, last := AsError(err), w.last
	if e == nil || e.Gateway || e.Malformed || e.Status != http.StatusNotFound && e.Status != http.StatusBadRequest || number == unnamed || w.covered() < last.pages {
		return false
	}
	return w.latest > 0 && w.count >= w.total || w.latest == 0 && w.count > 0 && last.next == "" && !last.isFull()
}

// finish ends a pass at a page that is empty, or isn't there.
func (w *walk) finish(p page) error {
	w.over = true
	if pages := max(p.pages, w.last.pages); w.covered()+1 < pages { // some servers count one too many
		w.contradict(fmt.Sprintf("VBC says that there are %d pages, but only %d of them have recordings", pages, w.read))
	}
	return nil
}

// covered is how many pages have been read; where their size has changed on the
// way, of the size that the latest has.
func (w *walk) covered() int {
	size, reach := w.last.asked, w.reach
	if w.served > 0 {
		size = min(size, w.served)
	}
	if !w.resized || size == 0 {
		return w.read
	}
	if w.last.news > 0 {
		reach = max(reach, w.places)
	}
	return max(w.read, (reach+size-1)/size)
}

func (w *walk) contradict(what string) {
	w.over, w.odd = true, what
}

// mayHavePageZero is true where the first page called itself 1, the pages are
// at their end, and something is missing: a server that counts from 0 while
// its default is 1 looks like that.
func (w *walk) mayHavePageZero() bool {
	return w.first == 1 && !w.probed && (w.count < w.latest || w.read > 0 && w.read < w.last.pages && w.count != w.total || w.before)
}

func (w *walk) pageZero(ctx context.Context, try Attempt, yield func([]json.RawMessage) bool) error {
	w.probed = true
	p, err := w.page(ctx, try, 0)
	if e := AsError(err); e != nil && !e.Temporary() {
		return nil // there is none
	}
	if err == nil && len(p.fresh) > 0 && !yield(p.fresh) {
		return errEnough
	}
	return err
}
