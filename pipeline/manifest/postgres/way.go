package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// way is where else than in call, in the order of time, the answer to a query may be
// looked for: parts that together have all that it can select, however much else. Each
// is a statement that selects places, as placeOf calls their columns.
type way []func(v *values) string

const placeOf = "start AS at, kind AS k, owner AS o, id AS i, nth AS n"

// fewest is how many rows a way may have to be taken. Where each has more, enough of the
// calls fit for reading them in order to find a page of them soon.
const fewest = 2000

// ways are all that a query's conditions give.
func (t terms) ways(asked said.Query) (all []way) {
	add := func(ok bool, w ...func(v *values) string) {
		if ok {
			all = append(all, w)
		}
	}
	add(len(asked.Terms) > 0, t.saidWay(asked)...)
	add(len(t.IDs) > 0, withIDs(t.IDs))
	add(len(t.States) > 0, t.inStates)
	add(len(t.Number) > 2, t.of(func(v *values) string { return endsIn(v, "caller_end", t.Number) }), t.of(func(v *values) string { return endsIn(v, "dnis_end", t.Number) }))
	if digits := digitsOf(t.Filter.CallerID); digits != "" {
		add(true, t.of(func(v *values) string {
			return "caller_end = " + v.add(reversed(digits[max(0, len(digits)-longestEnd):]))
		}))
	}
	if t.Filter.Extension != "" {
		add(true, t.marked("e", t.Filter.Extension), t.isOdd())
	}
	if t.Scope.Extensions != nil {
		add(true, t.marked("e", t.Scope.Extensions...), t.isOdd())
	}
	if t.Filter.Direction != "" {
		add(true, t.marked("d", t.Filter.Direction), t.isOdd())
	}
	if grams, foreignOnly := gramsOf(strings.ToLower(t.Name)); len(grams) > 0 || foreignOnly {
		w := way{t.withName([]string{""}), t.isOdd()}
		if !foreignOnly {
			w = append(w, t.withName(grams))
		}
		add(true, w...)
	}
	add(t.Transcribed != nil && *t.Transcribed, t.of(func(*values) string { return "transcribed" }))
	if holds := manifest.InForce(t.holds); t.Held != nil && *t.Held && len(holds) > 0 {
		w, ok := t.heldWay(holds)
		add(ok, w...)
	}
	return all
}

func (t terms) numberWay() way {
	return way{t.of(func(v *values) string { return endsIn(v, "caller_end", t.Number) }), t.of(func(v *values) string { return endsIn(v, "dnis_end", t.Number) })}
}

func (t terms) callerWay() way {
	digits := digitsOf(t.Filter.CallerID)
	return way{t.of(func(v *values) string {
		return "caller_end = " + v.add(reversed(digits[max(0, len(digits)-longestEnd):]))
	})}
}

// quick is a way that has few rows more often than not, nil if there is none. That it
// hasn't is soon known.
func (t terms) quick() way {
	switch {
	case len(t.Number) > 4:
		return t.numberWay()
	case len(digitsOf(t.Filter.CallerID)) > 4:
		return t.callerWay()
	}
	return nil
}

// of is the part of call that fulfils a condition, within the query's time.
func (t terms) of(where func(v *values) string) func(v *values) string {
	return func(v *values) string {
		all := append([]string{"account = $1", where(v)}, t.around(v)...)
		return "SELECT " + placeOf + " FROM vbcvault.call WHERE " + allOf(all)
	}
}

func (t terms) isOdd() func(v *values) string { return t.of(func(*values) string { return "odd" }) }

// marked is the part with one of these marks, see search.sql.
func (t terms) marked(kind string, marks ...string) func(v *values) string {
	return t.of(func(v *values) string {
		return "vbcvault.marks(account, extensions, direction) && vbcvault.marks_of($1, '" + kind + "', " + v.add(storableOnly(marks)) + ")"
	})
}

// withName is the part whose callers' names have these in them, three letters each.
func (t terms) withName(grams []string) func(v *values) string {
	return t.of(func(v *values) string {
		return "vbcvault.grams(account, cnam) @> vbcvault.grams_of($1, " + v.add(grams) + ")"
	})
}

// gramsOf are the pieces of three letters that a name has, where there are some.
// foreignOnly says that it has letters that names of plain ones don't have.
func gramsOf(name string) (grams []string, foreignOnly bool) {
	if Storable(name) != name || strings.ContainsFunc(name, func(c rune) bool { return c >= 0x80 }) {
		return nil, name != ""
	}
	for i := range max(len(name)-2, 0) {
		grams = append(grams, name[i:i+3])
	}
	return grams, false
}

func digitsOf(s string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

func (t terms) inStates(v *values) string {
	all := append([]string{"account = $1", "state = ANY(" + v.add(named(t.States)) + ")"}, t.around(v)...)
	return "SELECT " + placeOf + " FROM vbcvault.recording WHERE " + allOf(all)
}

// withIDs are the recordings with certain ids, of all collections. Those are found one
// after the other: there are few.
func withIDs(ids []int64) func(v *values) string {
	return func(v *values) string {
		return `SELECT r.start AS at, r.kind AS k, r.owner AS o, r.id AS i, r.nth AS n FROM (
			WITH RECURSIVE each AS (
				(SELECT kind, owner FROM vbcvault.recording WHERE account = $1 ORDER BY kind, owner LIMIT 1)
				UNION ALL SELECT next.kind, next.owner FROM each CROSS JOIN LATERAL (SELECT kind, owner FROM vbcvault.recording
					WHERE account = $1 AND (kind, owner) > (each.kind, each.owner) ORDER BY kind, owner LIMIT 1) AS next)
			SELECT kind, owner FROM each) AS c CROSS JOIN LATERAL (SELECT start, kind, owner, id, nth FROM vbcvault.recording
				WHERE account = $1 AND kind = c.kind AND owner = c.owner AND id = ANY(` + v.add(ids) + `) OFFSET 0) AS r`
	}
}

// least finds the way with the fewest rows, if one has few; it is nil if none has.
func (m *Manifest) least(ctx context.Context, all []way) (way, error) {
	if len(all) == 0 {
		return nil, nil
	}
	var v values
	counts := make([]string, len(all))
	for i, w := range all {
		for _, part := range w {
			counts[i] += fmt.Sprintf(" + (SELECT count(*) FROM (%s LIMIT %d) AS counted)", part(&v), m.few)
		}
		counts[i] = strings.TrimPrefix(counts[i], " + ")
	}
	n, err := planned(ctx, m, pgx.RowTo[[]int64], "SELECT ARRAY["+strings.Join(counts, ", ")+"]", v...)
	if err != nil {
		return nil, err
	}
	best := m.few
	var least way
	for i, w := range all {
		if int(n[0][i]) < best {
			best, least = int(n[0][i]), w
		}
	}
	return least, nil
}
