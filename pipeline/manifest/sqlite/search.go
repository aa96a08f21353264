package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// Search yields the recordings that a query selects, by their start. It holds
// few rows in memory at once, and they may be moved on while it runs.
func (m *Manifest) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		found := 0
		held, err := m.holdsFor(ctx, q)
		if err != nil {
			yield(manifest.Row{}, err)
			return
		}
		for r, err := range m.candidates(ctx, narrowed(q)) {
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			if !q.Matches(r) || !held(r) || q.Passed(r) {
				continue
			}
			if found++; !yield(r, nil) || found == q.Limit {
				return
			}
		}
	}
}

// holdsFor returns what decides whether a row is held as a query asks.
func (m *Manifest) holdsFor(ctx context.Context, q manifest.Query) (func(manifest.Row) bool, error) {
	if q.Held == nil {
		return func(manifest.Row) bool { return true }, nil
	}
	holds, err := m.Holds(ctx)
	return func(r manifest.Row) bool {
		_, held := manifest.Covering(holds, r)
		return held == *q.Held
	}, err
}

// candidates yields what may match, in the order of the query.
func (m *Manifest) candidates(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		next, err := m.plan(ctx, q)
		for err == nil {
			var page []manifest.Row
			if page, err = next(ctx); err != nil {
				break
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
		yield(manifest.Row{}, err)
	}
}

// plan says where the answer to a query is looked for: it returns what reads the next
// rows, none at the end.
func (m *Manifest) plan(ctx context.Context, q manifest.Query) (next func(context.Context) ([]manifest.Row, error), err error) {
	if asked, err := said.Parse(q.Words); err != nil || len(asked.Terms) > 0 {
		return m.byWords(q, asked), err
	}
	if len(q.IDs) > 0 {
		return m.byIDs(q), nil
	}
	w, err := m.way(ctx, q)
	if err != nil {
		return nil, err
	}
	return m.paged(q, w.parts, terms(q).begin()), nil
}

// paged reads the rows behind a cursor, page by page.
func (m *Manifest) paged(q manifest.Query, parts []part, c cursor) func(context.Context) ([]manifest.Row, error) {
	done := len(parts) == 0
	return func(ctx context.Context) (page []manifest.Row, err error) {
		if done {
			return nil, nil
		}
		limit := pendingPage
		if q.Limit > 0 {
			limit = min(limit, q.Limit)
		}
		text, args := terms(q).keys(parts, c, limit)
		page, err = queryOnce(ctx, m, func(rows *sql.Rows) (manifest.Row, error) {
			var start int64
			r, err := m.scanWith(rows, &start)
			if err == nil {
				c.after(r, time.UnixMilli(start))
			}
			return r, err
		}, `SELECT `+columns+`, at FROM (`+text+`) CROSS JOIN recording ON kind = k AND owner = o AND id = i AND nth = n `+terms(q).order(), args...)
		done = len(page) < limit
		return page, err
	}
}

// queryOnce is query for what is put in so many ways that no statement is kept.
func queryOnce[T any](ctx context.Context, m *Manifest, scan func(*sql.Rows) (T, error), text string, args ...any) (out []T, err error) {
	rows, err := m.reads.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return out, nil
}

// begin is before the first row that a query can select.
func (q terms) begin() cursor {
	c := cursor{at: math.MinInt64}
	switch {
	case q.OldestFirst && !q.Since.IsZero():
		c.at = q.Since.UnixMilli()
	case q.OldestFirst:
	case q.Until.IsZero():
		c.at = math.MaxInt64
	default:
		c.at = q.Until.UnixMilli() + 1
	}
	if q.After == (manifest.Place{}) {
		return c
	}
	after := cursor{at: q.After.Start.UnixMilli(), kind: string(q.After.Kind), owner: q.After.Owner, id: q.After.ID, nth: q.After.Nth}
	if q.OldestFirst && after.at < c.at || !q.OldestFirst && after.at >= c.at {
		return c
	}
	return after
}

func (q terms) order() string {
	if q.OldestFirst {
		return `ORDER BY at, k, o, i, n`
	}
	return `ORDER BY at DESC, k DESC, o DESC, i DESC, n DESC`
}

// keys selects the next rows behind a cursor, each once. Each part yields them in the
// order of the whole. The far end of the time is a condition of its own; the near one is
// the cursor's.
func (q terms) keys(parts []part, c cursor, limit int) (text string, args []any) {
	behind, end := "<", clause{}
	switch {
	case q.OldestFirst && !q.Until.IsZero():
		end = end.and("start <= ?", q.Until.UnixMilli())
	case !q.OldestFirst && !q.Since.IsZero():
		end = end.and("start >= ?", q.Since.UnixMilli())
	}
	if q.OldestFirst {
		behind = ">"
	}
	const place = "start AS at, kind AS k, owner AS o, id AS i, nth AS n"
	where := q.where()
	for _, p := range parts {
		if text != "" {
			text += ` UNION `
		}
		w := p.where.and("(start, kind, owner, id, nth) "+behind+" (?, ?, ?, ?, ?)", c.at, c.kind, c.owner, c.id, c.nth).and(end.text, end.args...)
		if p.ofCall {
			w = w.and(where.text, where.args...)
			text += `SELECT ` + place + `, ` + q.unsure() + ` AS unsure FROM ` + p.from + ` WHERE ` + w.text
			args = append(args, w.args...)
			continue
		}
		text += `SELECT at, k, o, i, n, ` + q.unsure() + ` AS unsure FROM (SELECT ` + place + ` FROM ` + p.from + ` WHERE ` + w.text +
			`) CROSS JOIN call ON start = at AND kind = k AND owner = o AND id = i AND nth = n WHERE ` + where.text
		args = slices.Concat(args, p.args, w.args, where.args)
	}
	return text + ` ` + q.order() + ` LIMIT ?`, append(args, limit)
}

// keysOf says of so many calls, of those behind the query's beginning, whether they fit.
func (q terms) keysOf(many int) (text string, args []any) {
	c, where, behind, order := q.begin(), q.where(), "<", "start DESC, kind DESC, owner DESC, id DESC, nth DESC"
	if q.OldestFirst {
		behind, order = ">", "start, kind, owner, id, nth"
	}
	return `SELECT ` + where.text + ` AS fits FROM ` + inOrder + ` WHERE (start, kind, owner, id, nth) ` + behind + ` (?, ?, ?, ?, ?) ORDER BY ` + order + ` LIMIT ?`,
		append(slices.Clip(where.args), c.at, c.kind, c.owner, c.id, c.nth, many)
}

// byIDs reads the rows with certain ids, of all collections, at once.
func (m *Manifest) byIDs(q manifest.Query) func(context.Context) ([]manifest.Row, error) {
	done := false
	return func(ctx context.Context) (all []manifest.Row, err error) {
		if done {
			return nil, nil
		}
		done = true
		var c collection
		for {
			if c, err = m.collectionAfter(ctx, c); err != nil || c == (collection{}) {
				break
			}
			page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE kind = ? AND owner = ? AND id IN (SELECT value FROM json_each(?))`,
				c.kind, c.owner, asJSON(q.IDs))
			if err != nil {
				return nil, err
			}
			all = append(all, page...)
		}
		slices.SortFunc(all, func(a, b manifest.Row) int {
			if !q.OldestFirst {
				a, b = b, a
			}
			return manifest.PlaceOf(a).Compare(manifest.PlaceOf(b))
		})
		return all, err
	}
}

// collection is one of those that VBC has of an account.
type collection struct{ kind, owner string }

// collectionAfter is the next one of which the manifest knows a recording.
func (m *Manifest) collectionAfter(ctx context.Context, c collection) (next collection, err error) {
	all, err := query(ctx, m, func(rows *sql.Rows) (c collection, err error) {
		return c, rows.Scan(&c.kind, &c.owner)
	}, `SELECT kind, owner FROM recording WHERE (kind, owner) > (?, ?) ORDER BY kind, owner LIMIT 1`, c.kind, c.owner)
	if err != nil || len(all) == 0 {
		return collection{}, err
	}
	return all[0], nil
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return string(b)
}
