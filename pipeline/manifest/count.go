package manifest

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Grouping is what recordings are counted by.
type Grouping string

const (
	ByMonth     Grouping = "month"     // of their start, as in 2026-05
	ByExtension Grouping = "extension" // under each of theirs, "" where there is none
	ByDirection Grouping = "direction" // as VBC writes it, "" where it doesn't say
	ByState     Grouping = "state"
)

// Count is so many recordings.
type Count struct {
	Group      string
	Recordings int64
	Bytes      int64 // of audio, see Row.Bytes; those of unknown size are left out
}

func (c *Count) add(n, bytes int64) {
	c.Recordings += n
	c.Bytes += bytes
}

// counting adds up recordings.
type counting struct {
	by     Grouping
	zone   *time.Location
	total  Count
	groups map[string]*Count
}

// Count counts the recordings that a query selects, whatever its Limit: all of
// them and, if by isn't "", each group of them, in order. Months are those of
// zone. It holds no more in memory than a month's worth of short entries.
func (m *Manifest) Count(ctx context.Context, q Query, by Grouping, zone *time.Location) (groups []Count, total Count, err error) {
	q.Limit, q.OldestFirst = 0, true
	c := &counting{by: by, zone: zone, groups: map[string]*Count{}}
	if err := m.count(ctx, q, c); err != nil {
		return nil, Count{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.groups)) {
		groups = append(groups, *c.groups[name])
	}
	return groups, c.total, nil
}

func (m *Manifest) count(ctx context.Context, q Query, c *counting) error {
	parts, err := m.parts(ctx, q)
	if err != nil {
		return err
	}
	if len(q.IDs) > 0 || parts[0].from != inOrder { // not many
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
		next := nextMonth(time.UnixMilli(from).In(c.zone)).UnixMilli()
		if err := m.countMonth(ctx, q, c, from, min(next, until+1)); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// countRows counts by looking at each row.
func (m *Manifest) countRows(ctx context.Context, q Query, c *counting) error {
	for r, err := range m.Search(ctx, q) {
		if err != nil {
			return err
		}
		c.row(r)
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
var groupColumn = map[Grouping]string{ByExtension: "extensions", ByDirection: "direction", ByState: "state"}

// monthQuery counts, and says how much of that SQLite isn't sure of. It groups
// only where it must: for that it sorts.
func monthQuery(q Query, by Grouping) (text string, args []any) {
	where := q.where().and("start >= ? AND start < ?")
	of, group := "''", ""
	if column := groupColumn[by]; column != "" {
		of, group = column, " GROUP BY 1"
	}
	return `SELECT coalesce(` + of + `, ''), count(*), coalesce(sum(max(bytes, 0)), 0), count(*) FILTER (WHERE ` + q.unsure() + `),
		coalesce(sum(max(bytes, 0)) FILTER (WHERE ` + q.unsure() + `), 0) FROM call WHERE ` + where.text + group, where.args
}

// countMonth counts a month, or a part of one. Where SQLite isn't sure, it looks
// at the rows.
func (m *Manifest) countMonth(ctx context.Context, q Query, c *counting, from, until int64) error {
	text, args := monthQuery(q, c.by)
	type found struct {
		Count
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
			c.add(c.names(f.Group, time.UnixMilli(from)), sure, f.Bytes-f.unsureBytes)
		}
	}
	if unsure == 0 {
		return nil
	}
	where := q.where().and(q.unsure())
	next := m.paged(q, []part{{inOrder, where.and("start < ?", until)}}, cursor{at: from})
	for {
		page, err := next(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if q.matches(r) {
				c.row(r)
			}
		}
	}
}

// row counts one row.
func (c *counting) row(r Row) {
	names := []string{}
	switch c.by {
	case ByMonth:
		names = c.names("", r.Start)
	case ByExtension:
		names = extensions(r.Extensions)
	case ByDirection:
		names = append(names, r.Direction)
	case ByState:
		names = append(names, string(r.State))
	}
	c.add(names, 1, max(r.Bytes(), 0))
}

// names are the groups that a value of groupColumn stands for.
func (c *counting) names(value string, at time.Time) []string {
	switch c.by {
	case "":
		return nil
	case ByMonth:
		return []string{at.In(c.zone).Format("2006-01")}
	case ByExtension:
		return extensions(strings.Split(value[1:len(value)-1], ","))
	}
	return []string{value}
}

// extensions are those that a recording is counted under, each once.
func extensions(all []string) []string {
	if len(all) == 0 {
		return []string{""}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

func (c *counting) add(names []string, n, bytes int64) {
	c.total.add(n, bytes)
	for _, name := range names {
		if c.groups[name] == nil {
			c.groups[name] = &Count{Group: name}
		}
		c.groups[name].add(n, bytes)
	}
}

// nextMonth is when the month after t's begins, in t's zone. There may be no
// midnight, where summer time begins with a month.
func nextMonth(t time.Time) time.Time {
	next := time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
	for next.Month() == t.Month() {
		next = next.Add(time.Hour)
	}
	return next
}
