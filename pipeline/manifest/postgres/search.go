package postgres

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// Search yields the recordings that a query selects, by their start. It holds
// few rows in memory at once, and they may be moved on while it runs.
func (m *Manifest) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		found := 0
		s, err := m.search(ctx, q)
		if err != nil {
			yield(manifest.Row{}, err)
			return
		}
		for r, err := range s.all(ctx) {
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			if !q.Matches(r) || !s.fitsHolds(r) || q.Passed(r) {
				continue
			}
			if found++; !yield(r, nil) || found == q.Limit {
				return
			}
		}
	}
}

// search is an answer that is being looked for. First some calls are looked at in order:
// that is all of a small account, and a page of what is frequent. If that isn't enough, it
// goes on by a way that has few rows, or looks at more and more calls at once.
type search struct {
	m     *Manifest
	terms terms
	asked said.Query

	c     cursor // the last place that was read
	limit int    // places on a page
	look  int    // so many calls are looked at for the next page
	few   way    // nil = they are looked at in order
	try   way    // looked at first of all: it may have few
	done  bool
}

// How many calls are looked at for one page, at first and at most.
const (
	firstLook   = 2048
	longestLook = 1 << 15
)

func (m *Manifest) search(ctx context.Context, q manifest.Query) (*search, error) {
	s := &search{m: m, terms: terms{Query: narrowed(q), account: m.account}, limit: pendingPage, look: m.look}
	var err error
	if s.asked, err = said.Parse(q.Words); err != nil {
		return nil, err
	}
	if q.Held != nil {
		if s.terms.holds, err = m.Holds(ctx); err != nil {
			return nil, err
		}
	}
	if q.Limit > 0 {
		s.limit = min(s.limit, q.Limit)
	}
	if len(q.IDs) > 0 {
		s.few, s.limit = way{withIDs(q.IDs)}, math.MaxInt32 // they are found all at once
	}
	if s.few == nil {
		s.try = s.terms.quick()
	}
	s.c = s.terms.begin()
	return s, nil
}

// fitsHolds decides whether a row is held as the query asks.
func (s *search) fitsHolds(r manifest.Row) bool {
	if s.terms.Held == nil {
		return true
	}
	_, held := manifest.Covering(s.terms.holds, r)
	return held == *s.terms.Held
}

// found is where a call stands that may be selected.
type found struct {
	cursor
	unsure bool // whether it is, a look at the recording says
	end    bool // it isn't: up to there calls were looked at, and there may be more
}

// all are the recordings that may be selected, in the query's order.
func (s *search) all(ctx context.Context) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for !s.done {
			page, err := s.next(ctx)
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			for some := range slices.Chunk(page, pendingPage) {
				rows, err := s.m.rowsAt(ctx, some)
				if err != nil {
					yield(manifest.Row{}, err)
					return
				}
				for _, r := range rows {
					if !yield(r, nil) {
						return
					}
				}
			}
		}
	}
}

// rowsAt are the recordings at these places, in their order, as far as they are there.
func (m *Manifest) rowsAt(ctx context.Context, page []found) ([]manifest.Row, error) {
	if len(page) == 0 {
		return nil, nil
	}
	var kinds, owners []string
	var ids, nths []int64
	for _, f := range page {
		kinds, owners, ids, nths = append(kinds, f.kind), append(owners, f.owner), append(ids, f.id), append(nths, f.nth)
	}
	return planned(ctx, m, m.scan, `SELECT `+columns+` FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS u (k, o, i, n, place)
		CROSS JOIN LATERAL (SELECT * FROM vbcvault.recording WHERE account = $1 AND kind = u.k AND owner = u.o AND id = u.i AND nth = u.n OFFSET 0) AS r
		ORDER BY place`, kinds, owners, ids, nths)
}

// next are the next places.
func (s *search) next(ctx context.Context) (page []found, err error) {
	if s.try != nil {
		if page, ok, err := s.tried(ctx); err != nil || ok {
			return page, err
		}
	}
	if s.few != nil {
		return s.nextOfFew(ctx)
	}
	var v values
	page, err = s.read(ctx, s.inOrder(&v), v)
	if err != nil {
		return nil, err
	}
	var end *found
	if i := slices.IndexFunc(page, func(f found) bool { return f.end }); i >= 0 {
		end = &page[i]
		page = slices.Delete(slices.Clone(page), i, i+1)
	}
	switch {
	case len(page) == s.limit:
		s.c = page[len(page)-1].cursor
	case end == nil:
		s.done = true
	default:
		s.c = end.cursor
		err = s.further(ctx)
	}
	return page, err
}

// further decides how to go on where the calls that were looked at are too few.
func (s *search) further(ctx context.Context) (err error) {
	if s.look == s.m.options.look {
		s.few, err = s.m.least(ctx, s.terms.ways(s.asked))
	}
	s.look = min(8*s.look, longestLook)
	return err
}

// tried are the next places if the way that is tried first has few; else ok is false.
func (s *search) tried(ctx context.Context) (page []found, ok bool, err error) {
	var v values
	s.few, s.try = s.try, nil
	page, err = s.read(ctx, s.ofFew(&v, s.m.few), v)
	if err != nil {
		return nil, false, err
	}
	if slices.ContainsFunc(page, func(f found) bool { return f.end }) {
		s.few = nil
		return nil, false, nil
	}
	return s.turned(page), true, nil
}

// nextOfFew are those of a way.
func (s *search) nextOfFew(ctx context.Context) ([]found, error) {
	var v values
	page, err := s.read(ctx, s.ofFew(&v, 0), v)
	if err != nil {
		return nil, err
	}
	return s.turned(page), nil
}

// turned is a page of a way, behind which the next one begins.
func (s *search) turned(page []found) []found {
	if s.done = len(page) < s.limit; !s.done {
		s.c = page[len(page)-1].cursor
	}
	return page
}

func (s *search) read(ctx context.Context, text string, v values) ([]found, error) {
	return planned(ctx, s.m, func(row pgx.CollectableRow) (f found, err error) {
		return f, row.Scan(&f.at, &f.kind, &f.owner, &f.id, &f.nth, &f.unsure, &f.end)
	}, text, v...)
}

// asIndexed has PostgreSQL go by indexes for one transaction: where it knows little of the
// rows, it takes them for many, and then reads whole tables, or takes longer to compile
// its plan than to carry it out.
const asIndexed = "SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)"

// planned is query for what finds calls. Both statements go as one, and are one transaction.
func planned[T any](ctx context.Context, m *Manifest, scan func(pgx.CollectableRow) (T, error), text string, args ...any) (all []T, err error) {
	var both pgx.Batch
	both.Queue(asIndexed)
	both.Queue(text, append([]any{m.account}, args...)...).Query(func(rows pgx.Rows) (err error) {
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err := m.db.SendBatch(ctx, &both).Close(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return all, nil
}

// alias are the columns of places.
var alias = []string{"at", "k", "o", "i", "n"}

const placeAlias = "at, k, o, i, n"

// callAt looks at the call at a place: whether it fits, and whether PostgreSQL isn't sure
// of that.
func (s *search) callAt(v *values) string {
	return "CROSS JOIN LATERAL (SELECT (" + s.terms.where(v) + ") AS fits, " + s.terms.unsure() + ` AS unsure FROM vbcvault.call
		WHERE account = $1 AND start = at AND kind = k AND owner = o AND id = i AND nth = n OFFSET 0) AS c`
}

// inOrder looks at the next calls in order, until the page is full, and says where the
// last one stands that it may look at. That there is a limit to these keeps PostgreSQL from
// reading all of them to put them in order.
func (s *search) inOrder(v *values) string {
	columns := []string{"start", "kind", "owner", "id", "nth"}
	within := allOf(append([]string{"account = $1", s.terms.behind(v, s.c)}, s.terms.around(v)...))
	look, from, looked := s.look, "vbcvault.call", ""
	if len(s.asked.Terms) > 0 {
		from = "vbcvault.spoken"
		within += " AND part = 0"
		looked = "(SELECT *, " + placeOf + " FROM " + from + " WHERE " + within + s.terms.order(columns...) + fmt.Sprintf(" LIMIT %d) AS spoken ", look) +
			s.callAt(v) + " WHERE " + saysAll(v, s.m.account, s.asked) + " AND fits"
	} else {
		where := s.terms.where(v)
		if where == "true" {
			look = s.limit
		}
		looked = "(SELECT " + placeOf + ", (" + where + ") AS fits, " + s.terms.unsure() + " AS unsure FROM " + from + " WHERE " + within +
			s.terms.order(columns...) + fmt.Sprintf(" LIMIT %d) AS looked WHERE fits", look)
	}
	return "(SELECT " + placeAlias + ", unsure, false FROM " + looked + s.terms.order(alias...) + fmt.Sprintf(" LIMIT %d)", s.limit) +
		" UNION ALL (SELECT " + placeOf + ", true, true FROM " + from + " WHERE " + within + s.terms.order(columns...) + fmt.Sprintf(" OFFSET %d LIMIT 1)", look-1)
}

// ofFew looks at all calls of a way that come behind the last place. If most isn't 0, and
// a part has so many, it looks at none, and says that with a place that is the end.
func (s *search) ofFew(v *values, most int) string {
	behind, spoken, with, names := "<", "", "", make([]string, len(s.few))
	if s.terms.OldestFirst {
		behind = ">"
	}
	var full []string
	for i, part := range s.few {
		names[i] = fmt.Sprintf("TABLE part%d", i)
		text := part(v)
		if most > 0 {
			text += fmt.Sprintf(" LIMIT %d", most)
			full = append(full, fmt.Sprintf("(SELECT count(*) FROM part%d) = %d", i, most))
		}
		with += fmt.Sprintf("part%d AS MATERIALIZED (%s), ", i, text)
	}
	if len(s.asked.Terms) > 0 {
		spoken = " AND EXISTS (SELECT 1 FROM vbcvault.spoken WHERE account = $1 AND start = at AND kind = k AND owner = o AND id = i AND nth = n AND part = 0 AND " +
			saysAll(v, s.m.account, s.asked) + ")"
	}
	page := "SELECT " + placeAlias + ", unsure, false FROM few " + s.callAt(v) + " WHERE fits AND (" + placeAlias + ") " + behind + " " + s.c.in(v) + spoken
	end := s.terms.order(alias...) + fmt.Sprintf(" LIMIT %d", s.limit)
	with = "WITH " + with + "few AS MATERIALIZED (" + strings.Join(names, " UNION ") + ")"
	if most == 0 {
		return with + " " + page + end
	}
	over := strings.Join(full, " OR ")
	return with + ", over AS MATERIALIZED (SELECT " + over + " AS over) (" + page + " AND NOT (SELECT over FROM over)" + end +
		") UNION ALL SELECT 0, '', '', 0, 0, true, true FROM over WHERE over"
}
