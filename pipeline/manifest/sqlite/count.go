package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Count counts the recordings that a query selects, whatever its Limit and After: all
// of them and, if by isn't "", each group of them, in order. Months are those of
// zone. It holds no more in memory than a month's worth of short entries.
func (m *Manifest) Count(ctx context.Context, q manifest.Query, by manifest.Grouping, zone *time.Location) (groups []manifest.Count, total manifest.Count, err error) {
	q.Limit, q.OldestFirst, q.After = 0, true, manifest.Place{}
	c := manifest.NewCounting(by, zone)
	q = narrowed(q)
	if err := m.count(ctx, q, c); err != nil {
		return nil, manifest.Count{}, err
	}
	groups, total = c.Counts()
	return groups, total, nil
}

func (m *Manifest) count(ctx context.Context, q manifest.Query, c *manifest.Counting) error {
	if len(q.IDs) > 0 || q.Held != nil || q.Words != "" { // of which SQLite knows too little
		return m.countRows(ctx, q, c)
	}
	w, err := m.way(ctx, q)
	if err != nil {
		return err
	}
	if w.few() {
		return m.countRows(ctx, q, c)
	}
	from, until, err := m.extent(ctx)
	if err != nil {
		return err
	}
	if !q.Since.IsZero() {
		from = max(from, q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		until = min(until, q.Until.UnixMilli())
	}
	for from <= until {
		next := manifest.NextMonth(time.UnixMilli(from).In(c.Zone)).UnixMilli()
		if err := m.countMonth(ctx, q, c, from, min(next, until+1)); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// countRows counts by looking at each row.
func (m *Manifest) countRows(ctx context.Context, q manifest.Query, c *manifest.Counting) error {
	for r, err := range m.Search(ctx, q) {
		if err != nil {
			return err
		}
		c.Row(r)
	}
	return nil
}

// extent is when the oldest recording and the newest start.
func (m *Manifest) extent(ctx context.Context) (from, until int64, err error) {
	var oldest, newest sql.NullInt64
	err = m.reads.QueryRowContext(ctx, `SELECT (SELECT min(start) FROM call), (SELECT max(start) FROM call)`).Scan(&oldest, &newest)
	if err != nil {
		return 0, 0, fmt.Errorf("read manifest: %w", err)
	}
	if !oldest.Valid {
		return 0, -1, nil
	}
	return oldest.Int64, newest.Int64, nil
}

// groupColumn is what SQLite groups by; a month has its own query.
var groupColumn = map[manifest.Grouping]string{manifest.ByExtension: "extensions", manifest.ByDirection: "direction", manifest.ByState: "state"}

// monthQuery counts, and says how much of that SQLite isn't sure of. It groups
// only where it must: for that it sorts.
func monthQuery(q manifest.Query, by manifest.Grouping) (text string, args []any) {
	where := terms(q).where().and("start >= ? AND start < ?")
	of, group := "''", ""
	if column := groupColumn[by]; column != "" {
		of, group = column, " GROUP BY 1"
	}
	return `SELECT coalesce(` + of + `, ''), count(*), coalesce(sum(max(bytes, 0)), 0), count(*) FILTER (WHERE ` + terms(q).unsure() + `),
		coalesce(sum(max(bytes, 0)) FILTER (WHERE ` + terms(q).unsure() + `), 0) FROM ` + inOrder + ` WHERE ` + where.text + group, where.args
}

// countMonth counts a month, or a part of one. Where SQLite isn't sure, it looks
// at the rows.
func (m *Manifest) countMonth(ctx context.Context, q manifest.Query, c *manifest.Counting, from, until int64) error {
	text, args := monthQuery(q, c.By)
	type found struct {
		manifest.Count
		unsure, unsureBytes int64
	}
	all, err := query(ctx, m, func(rows *sql.Rows) (f found, err error) {
		return f, rows.Scan(&f.Group, &f.Recordings, &f.Bytes, &f.unsure, &f.unsureBytes)
	}, text, append(args, from, until)...)
	if err != nil {
		return err
	}
	unsure := int64(0)
	for _, f := range all {
		unsure += f.unsure
		if sure := f.Recordings - f.unsure; sure > 0 {
			c.Add(f.Group, time.UnixMilli(from), sure, f.Bytes-f.unsureBytes)
		}
	}
	if unsure == 0 {
		return nil
	}
	where := terms(q).where().and(terms(q).unsure())
	next := m.paged(q, []part{{from: inOrder, where: where.and("start < ?", until), ofCall: true}}, cursor{at: from})
	for {
		page, err := next(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if q.Matches(r) {
				c.Row(r)
			}
		}
	}
}
