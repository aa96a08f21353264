package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// byWords reads what was said: places are in the order of time, so the next rows are
// found without looking at the rest. All other conditions are those of every search.
func (m *Manifest) byWords(q manifest.Query, asked said.Query) func(context.Context) ([]manifest.Row, error) {
	w := &walk{m: m, q: q, match: matching(asked), where: terms(q).where(), from: math.MinInt64, to: math.MaxInt64}
	if len(q.IDs) > 0 {
		w.where = w.where.and("id IN (SELECT value FROM json_each(?))", asJSON(q.IDs))
	}
	for _, since := range []time.Time{q.Since, q.Scope.Since} {
		if !since.IsZero() {
			w.from = max(w.from, placeOf(since.UnixMilli()))
		}
	}
	if !q.Until.IsZero() {
		w.to = placeOf(q.Until.UnixMilli()) | placesOfSecond
	}
	if q.After != (manifest.Place{}) {
		seen := placeOf(q.After.Start.UnixMilli())
		if q.OldestFirst {
			w.from = max(w.from, seen)
		} else {
			w.to = min(w.to, seen|placesOfSecond)
		}
	}
	return w.next
}

// matching is what a query's words are for SQLite. They consist of letters, marks and
// digits, so nothing in them means anything else to it.
func matching(q said.Query) string {
	var all []string
	for _, t := range q.Terms {
		text := `"` + strings.Join(t.Words, " ") + `"`
		if t.Prefix {
			text += " *"
		}
		all = append(all, text)
	}
	return strings.Join(all, " AND ")
}

// walk goes through the places of what was said.
type walk struct {
	m     *Manifest
	q     manifest.Query
	match string
	where clause

	from, to int64  // the places that are left
	crowded  bool   // in the second where the walk is, more was said than fits into a page;
	second   int64  // its first place,
	c        cursor // and the last row of it that was read
	done     bool
}

// next reads the next rows, none at the end. Those of one second come together, or, if
// they are too many, one after the other by sorting them for each page.
func (w *walk) next(ctx context.Context) (page []manifest.Row, err error) {
	for len(page) == 0 && !w.done && err == nil {
		if w.crowded {
			page, err = w.within(ctx)
		} else {
			page, err = w.ahead(ctx)
		}
	}
	return page, err
}

// placed is a row, and where the index has it.
type placed struct {
	manifest.Row
	start, place int64
}

// ahead reads a page in the order of the places.
func (w *walk) ahead(ctx context.Context) ([]manifest.Row, error) {
	limit := pendingPage
	if w.q.Limit > 0 {
		limit = min(limit, max(w.q.Limit+1, 64)) // of which some may not match
	}
	page, err := w.read(ctx, w.from, w.to, w.order("spoken.rowid"), w.order("place"), clause{}, limit)
	if err != nil {
		return nil, err
	}
	if len(page) < limit {
		w.done = true
		return w.sorted(page), nil
	}
	// Of the last second there may be more.
	w.second = page[len(page)-1].place &^ placesOfSecond
	page = slices.DeleteFunc(page, func(p placed) bool { return p.place&^placesOfSecond == w.second })
	w.crowded = len(page) == 0
	switch {
	case w.crowded:
		w.c = terms(manifest.Query{OldestFirst: w.q.OldestFirst}).begin()
	case w.q.OldestFirst:
		w.from = w.second
	default:
		w.to = w.second | placesOfSecond
	}
	return w.sorted(page), nil
}

// within reads the next page of one second.
func (w *walk) within(ctx context.Context) ([]manifest.Row, error) {
	behind := "<"
	if w.q.OldestFirst {
		behind = ">"
	}
	end := w.second | placesOfSecond
	page, err := w.read(ctx, w.second, end, terms(w.q).order(), terms(w.q).order(),
		clause{}.and("(at, k, o, i, n) "+behind+" (?, ?, ?, ?, ?)", w.c.at, w.c.kind, w.c.owner, w.c.id, w.c.nth), pendingPage)
	if err != nil {
		return nil, err
	}
	for _, p := range page {
		w.c.after(p.Row, time.UnixMilli(p.start))
	}
	if len(page) < pendingPage {
		w.crowded = false
		if w.q.OldestFirst {
			w.done = end >= w.to
			w.from = end + 1
		} else {
			w.done = w.second <= w.from
			w.to = w.second - 1
		}
	}
	return w.sorted(page), nil
}

func (w *walk) order(by string) string {
	if w.q.OldestFirst {
		return "ORDER BY " + by
	}
	return "ORDER BY " + by + " DESC"
}

// read reads rows between two places.
func (w *walk) read(ctx context.Context, from, to int64, inner, outer string, more clause, limit int) ([]placed, error) {
	text, args := w.text(from, to, inner, outer, more, limit)
	return queryOnce(ctx, w.m, func(rows *sql.Rows) (p placed, err error) {
		p.Row, err = w.m.scanWith(rows, &p.start, &p.place)
		return p, err
	}, text, args...)
}

// text is what reads them. A recording is looked at only once it is found.
func (w *walk) text(from, to int64, inner, outer string, more clause, limit int) (text string, args []any) {
	where := clause{}.and("spoken MATCH ? AND spoken.rowid BETWEEN ? AND ?", w.match, from, to).and(more.text, more.args...).and(w.where.text, w.where.args...)
	return `SELECT ` + columns + `, at, place FROM (SELECT place, at, k, o, i, n FROM spoken CROSS JOIN indexed ON place = spoken.rowid
			CROSS JOIN call ON start = at AND kind = k AND owner = o AND id = i AND nth = n WHERE ` + where.text + ` ` + inner + ` LIMIT ?)
		CROSS JOIN recording ON kind = k AND owner = o AND id = i AND nth = n ` + outer, append(where.args, limit)
}

// sorted puts rows in the order of every search.
func (w *walk) sorted(page []placed) (rows []manifest.Row) {
	slices.SortFunc(page, func(a, b placed) int {
		if !w.q.OldestFirst {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nth, b.Nth))
	})
	for _, p := range page {
		rows = append(rows, p.Row)
	}
	return rows
}
