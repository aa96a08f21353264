package vbc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// page is one page as it came.
type page struct {
	frame
	n     int // items
	asked int // for
	news  int // items that this pass hadn't shown
	fresh []json.RawMessage
}

// isFull reports whether a page has as many items as it may have.
func (p page) isFull() bool {
	if p.size > 0 && p.size < p.asked {
		return p.n >= p.size
	}
	// Where a page says nothing of itself, the server may have made it smaller.
	return p.n >= p.asked || !p.paged && p.pages == 0 && p.size == 0 && p.n%smallest == 0
}

// page asks for one page and notes what is on it.
func (w *walk) page(ctx context.Context, try Attempt, number int) (p page, err error) {
	var items []json.RawMessage
	err = try(ctx, func(ctx context.Context, s *Slot) error {
		p, items, err = w.fetch(ctx, s, number)
		return err
	})
	if err != nil {
		return page{}, err
	}
	for _, item := range items {
		id := itemID(item)
		named := id != ""
		if !named {
			id = "no id: " + string(item) // by what it is: where it is changes with every page
		}
		pass, known := w.seen[id]
		if pass != w.pass {
			w.count++
			if named { // else it may be the same in other words
				p.news++
			}
		} else if !w.back {
			w.shifted = true
		}
		if !known {
			p.fresh = append(p.fresh, item)
		}
		w.seen[id] = w.pass
	}
	if p.news > 0 {
		w.read++
	}
	w.back = w.back && p.news < p.n
	if number != 0 || w.first == 0 {
		w.places += p.n
		w.last = p
	}
	return p, nil
}

// fetch sends the request for one page and takes its answer apart.
func (w *walk) fetch(ctx context.Context, s *Slot, number int) (p page, items []json.RawMessage, err error) {
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
		return p, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPageBody))
	if err != nil {
		return p, nil, &cutError{networkError(w.op, err)}
	}
	malformed := func(why string) error {
		return &Error{Op: w.op, Status: resp.StatusCode, Message: why, Malformed: true}
	}
	f, err := parseFrame(body)
	if err != nil {
		bad := malformed(err.Error())
		if !json.Valid(body) && !errors.Is(err, errWebPage) {
			bad = &cutError{bad}
		}
		return p, nil, bad
	}
	items, ok, err := f.items(w.field, w.guess, w.alike)
	if err != nil {
		return p, nil, malformed(err.Error())
	}
	p = page{frame: f, n: len(items), asked: w.size}
	if !ok && (f.filled() || f.total != 0 && (number == unnamed || w.guess)) {
		return p, nil, malformed(fmt.Sprintf("the answer has no list of %s, and doesn't say that there are none", w.field))
	}
	w.note(p, number)
	return p, items, w.lacking(p, number, malformed)
}

// note keeps what a page says of all of them.
func (w *walk) note(p page, number int) {
	if number == unnamed && w.first == unnamed {
		w.first, w.before = 1, p.prev // the documented default
		if p.number != unnamed {
			w.first = p.number
		}
	}
	if p.total > 0 || p.total == 0 && p.n == 0 {
		w.latest = p.total
		w.total = max(w.total, w.latest)
	}
}

// lacking is an empty page before the end: a fault of the server, to be asked
// again. But not where items have moved between pages, which takes another pass.
func (w *walk) lacking(p page, number int, malformed func(string) error) error {
	switch {
	case p.n > 0 || w.shifted || number == 0 && w.first != 0 || number != unnamed && w.mayHavePageZero():
		return nil
	case w.count < w.latest:
		return malformed(fmt.Sprintf("the page is empty, although %d of %d items are still to come", w.latest-w.count, w.latest))
	case w.read+1 < p.pages && (w.latest == 0 || w.count == 0):
		return malformed(fmt.Sprintf("the page is empty, although it is number %d of %d", w.read+1, p.pages))
	}
	return nil
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
