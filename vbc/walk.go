package vbc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Attempt gives op a Slot and decides whether to call it again, with another
// Slot, after an error. It returns op's last error.
type Attempt func(ctx context.Context, op func(context.Context, *Slot) error) error

// walk reads a paged collection to its end. The API leaves open where pages
// begin to count, how large they may be and in which order ties come, and
// others may delete while we read; so a walk takes nothing for granted:
//
//   - The first request names no page; the answer says what the first is called.
//   - A page_size that is refused (400) is halved, one that the server makes
//     smaller is believed. Items that come twice are dropped by their id.
//   - It is over when as many items were seen as the server counts, or when a
//     page comes back empty and the server's own count agrees.
//   - Where fewer were seen than the server counted, it reads everything once
//     more; what is missing even then is reported, not hidden.
type walk struct {
	op    string
	url   *url.URL   // of the collection
	query url.Values // without page and page_size
	size  int        // page size to ask for
	field string     // of _embedded, where the items are

	// Of a listing that no document describes: the name of its list is a guess,
	// so if there is one other list, that is it; and a 400 is about the query.
	guess bool

	seen    map[string]int // id → the last pass that showed it
	pass    int
	count   int  // distinct items in this pass
	total   int  // the highest count of the server in this pass
	latest  int  // its latest
	first   int  // what the server calls its first page; -1 = not known
	shifted bool // an item came twice in this pass: others have added or deleted meanwhile
	probed  bool // page 0 was asked for although the first page is called 1
}

// wirePage is the frame around every listing (HAL).
type wirePage struct {
	Embedded   map[string]json.RawMessage `json:"_embedded"`
	Page       *int                       `json:"page"`
	TotalItems *int                       `json:"total_items"`
}

const (
	unnamed     = -1 // asks for no page by number
	smallest    = 10 // page size; the API's own default
	maxPageBody = 64 << 20
	maxStale    = 3 // pages in a row without anything new: the server ignores the page's number
)

var errSmallerPages = errors.New("the server refuses the page size")

// pages yields the items of every page that haven't been yielded before.
func (w *walk) pages(ctx context.Context, try Attempt) iter.Seq2[[]json.RawMessage, error] {
	return func(yield func([]json.RawMessage, error) bool) {
		w.seen = map[string]int{}
		for full := 0; full < 2; {
			w.pass++
			w.count, w.total, w.latest, w.first, w.probed, w.shifted = 0, 0, 0, unnamed, false, false
			err := w.once(ctx, try, func(items []json.RawMessage) bool { return yield(items, nil) })
			switch {
			case errors.Is(err, errSmallerPages):
				w.size = max(smallest, w.size/2) // other pages now, so from the beginning
				continue
			case errors.Is(err, errEnough):
				return
			case err != nil:
				yield(nil, err)
				return
			case w.missing() == 0:
				return
			}
			full++
		}
	}
}

// missing is how many items the server counted and didn't show.
func (w *walk) missing() int { return max(0, w.total-len(w.seen)) }

var errEnough = errors.New("the consumer wants no more")

// once reads all pages.
func (w *walk) once(ctx context.Context, try Attempt, yield func([]json.RawMessage) bool) error {
	for number, stale := unnamed, 0; stale < maxStale; {
		before := w.count
		n, err := w.page(ctx, try, number, yield)
		if err != nil {
			return err
		}
		if w.total > 0 && w.count >= w.total {
			return nil
		}
		if n == 0 {
			if !w.mayHavePageZero() {
				return nil
			}
			if err := w.pageZero(ctx, try, yield); err != nil {
				return err
			}
			if w.count >= w.total {
				return nil
			}
			continue // the same page again; being empty is a fault now
		}
		if stale++; w.count > before {
			stale = 0
		}
		if number == unnamed {
			number = w.first
		}
		number++
	}
	return nil
}

// mayHavePageZero is true where the first page called itself 1, the pages are
// at their end, and something is missing: a server that counts from 0 while
// its default is 1 looks like that.
func (w *walk) mayHavePageZero() bool {
	return w.first == 1 && !w.probed && w.count < w.latest
}

func (w *walk) pageZero(ctx context.Context, try Attempt, yield func([]json.RawMessage) bool) error {
	w.probed = true
	_, err := w.page(ctx, try, 0, yield)
	if e := AsError(err); e != nil && !e.Temporary() {
		return nil // there is none
	}
	return err
}

// page asks for one page and yields what is new on it. n counts all its items.
func (w *walk) page(ctx context.Context, try Attempt, number int, yield func([]json.RawMessage) bool) (n int, err error) {
	var items []json.RawMessage
	err = try(ctx, func(ctx context.Context, s *Slot) error {
		items, err = w.fetch(ctx, s, number)
		return err
	})
	if e := AsError(err); e != nil && e.Status == http.StatusBadRequest && w.size > smallest && number != 0 && (!w.guess || len(w.query) == 0) {
		return 0, errSmallerPages
	}
	if err != nil {
		return 0, err
	}
	var fresh []json.RawMessage
	for _, item := range items {
		id := itemID(item)
		if id == "" {
			id = "no id: " + string(item) // by what it is: where it is changes with every page
		}
		pass, known := w.seen[id]
		if pass != w.pass {
			w.count++
		} else {
			w.shifted = true
		}
		if !known {
			fresh = append(fresh, item)
		}
		w.seen[id] = w.pass
	}
	if len(fresh) > 0 && !yield(fresh) {
		return 0, errEnough
	}
	return len(items), nil
}

// fetch sends the request for one page and takes its answer apart.
func (w *walk) fetch(ctx context.Context, s *Slot, number int) ([]json.RawMessage, error) {
	q := url.Values{"page_size": {strconv.Itoa(w.size)}}
	for k, v := range w.query {
		q[k] = v
	}
	if number != unnamed {
		q.Set("page", strconv.Itoa(number))
	}
	u := *w.url
	u.RawQuery = q.Encode()
	resp, err := s.do(ctx, w.op, http.MethodGet, &u)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPageBody))
	if err != nil {
		return nil, networkError(w.op, err)
	}
	malformed := func(why string) error {
		return &Error{Op: w.op, Status: resp.StatusCode, Message: why, Malformed: true}
	}
	var p wirePage
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, malformed("the answer is not a listing in JSON")
	}
	var items []json.RawMessage
	raw, ok := p.Embedded[w.field]
	if !ok && w.guess && len(p.Embedded) == 1 {
		for _, raw = range p.Embedded {
			ok = true
		}
	}
	if ok && json.Unmarshal(raw, &items) != nil {
		return nil, malformed("the answer's list of items is not a list")
	}
	if !ok && w.guess && (p.TotalItems == nil || *p.TotalItems != 0) {
		return nil, malformed("the answer has no list of items, and doesn't say that there are none")
	}
	if p.Embedded == nil && p.Page == nil && p.TotalItems == nil {
		return nil, malformed("the answer is JSON, but not a listing")
	}
	if w.first == unnamed && number == unnamed {
		w.first = 1 // the documented default
		if p.Page != nil {
			w.first = *p.Page
		}
	}
	if p.TotalItems != nil {
		w.latest = *p.TotalItems
		w.total = max(w.total, w.latest)
	}
	// An empty page before the end is a fault of the server, to be asked again;
	// but not where items have moved between pages, which takes another pass.
	if len(items) == 0 && w.count < w.latest && !w.shifted && number != 0 && (number == unnamed || !w.mayHavePageZero()) {
		return nil, malformed(fmt.Sprintf("the page is empty, although %d of %d items are still to come", w.latest-w.count, w.latest))
	}
	return items, nil
}

// itemID reads the id that every item of every collection has.
func itemID(item json.RawMessage) string {
	var w struct {
		ID loose `json:"id"`
	}
	if json.Unmarshal(item, &w) != nil {
		return ""
	}
	return string(w.ID)
}
