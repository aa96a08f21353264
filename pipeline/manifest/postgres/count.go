package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
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
	if len(q.IDs) > 0 || q.Held != nil || q.Words != "" { // of which PostgreSQL knows too little
		return m.countRows(ctx, q, c)
	}
	t := terms{Query: q, account: m.account}
	few, err := m.least(ctx, t.ways(said.Query{}))
	if err != nil {
		return err
	}
	if few != nil {
		return m.countRows(ctx, q, c)
	}
	unsure, err := m.countCalls(ctx, t, c)
	if err != nil || !unsure {
		return err
	}
	return m.countUnsure(ctx, q, c)
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

// groupColumn is what PostgreSQL groups by, beside months.
var groupColumn = map[manifest.Grouping]string{manifest.ByDirection: "direction", manifest.ByState: "state"}

// counted is so many calls that are counted alike.
type counted struct {
	month                     int // as in the list of months
	value                     string
	extensions                []string
	n, bytes, unsure, unknown int64 // in all, and of these what PostgreSQL isn't sure of
}

// countCalls counts all that it is sure of, and says whether there is more.
func (m *Manifest) countCalls(ctx context.Context, t terms, c *manifest.Counting) (unsure bool, err error) {
	months, err := m.months(ctx, c)
	if err != nil {
		return false, err
	}
	var v values
	month, value, extensions := "0", "''", "'{}'::text[]"
	if len(months) > 0 {
		month = "width_bucket(start, " + v.add(months) + "::bigint[])"
	}
	if column := groupColumn[c.By]; column != "" {
		value = column
	}
	if c.By == manifest.ByExtension {
		extensions = "extensions"
	}
	where := t.where(&v)
	if n := len(months); n > 0 { // what has come since isn't counted
		where += " AND start >= " + v.add(months[0]) + " AND start < " + v.add(months[n-1])
	}
	all, err := planned(ctx, m, func(row pgx.CollectableRow) (f counted, err error) {
		return f, row.Scan(&f.month, &f.value, &f.extensions, &f.n, &f.bytes, &f.unsure, &f.unknown)
	}, fmt.Sprintf(`SELECT %s, %s, %s, count(*), coalesce(sum(greatest(bytes, 0)), 0)::bigint, count(*) FILTER (WHERE %[4]s),
		coalesce(sum(greatest(bytes, 0)) FILTER (WHERE %[4]s), 0)::bigint FROM vbcvault.call WHERE account = $1 AND `, month, value, extensions, t.unsure())+where+` GROUP BY 1, 2, 3`, v...)
	if err != nil {
		return false, err
	}
	for _, f := range all {
		unsure = unsure || f.unsure > 0
		n, bytes := f.n-f.unsure, f.bytes-f.unknown
		switch {
		case n == 0:
		case c.By == manifest.ByExtension:
			c.AddExtensions(f.extensions, n, bytes)
		case f.month > 0:
			c.Add("", time.UnixMilli(months[f.month-1]), n, bytes)
		default:
			c.Add(f.value, time.Time{}, n, bytes)
		}
	}
	return unsure, nil
}

// months are when those begin in which there are calls, where they are counted by them.
func (m *Manifest) months(ctx context.Context, c *manifest.Counting) (begin []int64, err error) {
	if c.By != manifest.ByMonth {
		return nil, nil
	}
	var from, until *int64
	err = m.row(ctx, "SELECT (SELECT min(start) FROM vbcvault.call WHERE account = $1), (SELECT max(start) FROM vbcvault.call WHERE account = $1)").Scan(&from, &until)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if from == nil {
		return nil, nil
	}
	begin = []int64{*from}
	for at := *from; at <= *until; {
		at = manifest.NextMonth(time.UnixMilli(at).In(c.Zone)).UnixMilli()
		begin = append(begin, at)
	}
	return begin, nil
}

// countUnsure looks at the calls of which PostgreSQL isn't sure.
func (m *Manifest) countUnsure(ctx context.Context, q manifest.Query, c *manifest.Counting) error {
	s, err := m.search(ctx, q)
	if err != nil {
		return err
	}
	s.terms.doubt = true
	for r, err := range s.all(ctx) {
		if err != nil {
			return err
		}
		if q.Matches(r) {
			c.Row(r)
		}
	}
	return nil
}

func unsureOf(page []found) (some []found) {
	for _, f := range page {
		if f.unsure {
			some = append(some, f)
		}
	}
	return some
}

// keysAtOnce is how many places are read at once to be counted.
const keysAtOnce = 1024

// CountUpTo counts the recordings that a query selects, whatever its Limit and After,
// and stops at limit. Of most it reads the keys alone.
func (m *Manifest) CountUpTo(ctx context.Context, q manifest.Query, limit int64) (n int64, more bool, err error) {
	q.Limit, q.After = 0, manifest.Place{}
	s, err := m.search(ctx, q)
	if err != nil {
		return 0, false, err
	}
	s.limit = int(min(limit+1, keysAtOnce))
	for !s.done {
		page, err := s.next(ctx)
		if err != nil {
			return 0, false, err
		}
		more, err := s.selected(ctx, page)
		if err != nil {
			return 0, false, err
		}
		if n += more; n > limit {
			return limit, true, nil
		}
	}
	return n, false, nil
}

// selected is how many of these places the query selects.
func (s *search) selected(ctx context.Context, page []found) (n int64, err error) {
	look := page
	if s.terms.Held == nil {
		look = unsureOf(page)
	}
	rows, err := s.m.rowsAt(ctx, look)
	for _, r := range rows {
		if s.terms.Matches(r) && s.fitsHolds(r) {
			n++
		}
	}
	return n + int64(len(page)-len(look)), err
}
