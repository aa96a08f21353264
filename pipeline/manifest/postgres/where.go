package postgres

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// terms is a query as PostgreSQL is asked it.
type terms struct {
	manifest.Query
	account int64
	holds   []manifest.Hold // all that there are, where Held asks for them
	doubt   bool            // only what PostgreSQL isn't sure of
}

// where is a condition that whatever matches fulfils. Of calls that aren't odd, and that
// unsure doesn't name, it is fulfilled by nothing else, save that Held is only looked at
// from afar.
func (t terms) where(v *values) string {
	all := t.whose(v)
	if len(t.IDs) > 0 {
		all = append(all, "id = ANY("+v.add(t.IDs)+")")
	}
	if len(t.States) > 0 {
		all = append(all, "state = ANY("+v.add(named(t.States))+")")
	}
	if t.Transcribed != nil {
		all = append(all, "transcribed = "+v.add(*t.Transcribed))
	}
	if t.Scope.Extensions != nil && len(t.Scope.Extensions) == 0 {
		all = append(all, "false")
	}
	if t.Held != nil {
		all = append(all, t.held(v))
	}
	if t.doubt {
		all = append(all, t.unsure())
	}
	all = append(all, t.around(v)...)
	if read := t.read(v); len(read) > 0 {
		all = append(all, "(odd OR "+strings.Join(read, " AND ")+")")
	}
	return allOf(all)
}

// allOf is the condition that all of these are true.
func allOf(conditions []string) string {
	if len(conditions) == 0 {
		return "true"
	}
	return strings.Join(conditions, " AND ")
}

// whose is the condition about the collection.
func (t terms) whose(v *values) (all []string) {
	if t.Kind != "" {
		all = append(all, "kind = "+v.add(string(t.Kind)))
	}
	if t.Owner != "" {
		all = append(all, "owner = "+v.add(Storable(t.Owner)))
	}
	return all
}

// around is the condition about the time, as far as it is true of odd calls, too: where
// less was known of a call, another start within the same second was written down.
func (t terms) around(v *values) (all []string) {
	if !t.Since.IsZero() {
		all = append(all, "start >= "+v.add(t.Since.UnixMilli()-inOneSecond))
	}
	if !t.Until.IsZero() {
		all = append(all, "start <= "+v.add(t.Until.UnixMilli()+inOneSecond))
	}
	return all
}

const inOneSecond = 1000

// read is the condition about what was read out of VBC's JSON.
func (t terms) read(v *values) (all []string) {
	f := t.Filter
	for _, same := range []struct{ column, value string }{
		{"direction", f.Direction}, {"caller_id", f.CallerID}, {"dnis", f.DNIS}, {"cnam", f.CNAM}, {"call_id", f.CallID},
	} {
		if same.value != "" {
			all = append(all, ofText(same.value, func() string { return same.column + " = " + v.add(same.value) }))
		}
	}
	for _, among := range []struct{ column, value string }{{"extensions", f.Extension}, {"rule_ids", f.RuleID}} {
		if among.value != "" {
			all = append(all, ofText(among.value, func() string { return v.add(among.value) + " = ANY(" + among.column + ")" }))
		}
	}
	if f.MinDuration > 0 {
		all = append(all, "duration >= "+v.add(manifest.NotBefore(time.Unix(0, 0).Add(f.MinDuration))))
	}
	if f.MaxDuration > 0 {
		all = append(all, "duration BETWEEN 0 AND "+v.add(f.MaxDuration.Milliseconds()))
	}
	if !t.Since.IsZero() {
		all = append(all, "start >= "+v.add(manifest.NotBefore(t.Since)))
	}
	if !t.Until.IsZero() {
		all = append(all, "start < "+v.add(manifest.NotBefore(t.Until)))
	}
	if text := strings.ToLower(t.Text); t.Text != "" {
		all = append(all, ofText(text, func() string { return t.withText(v, text) }))
	}
	if name := strings.ToLower(t.Name); t.Name != "" {
		all = append(all, ofText(name, func() string { return "(strpos(lower(cnam), " + v.add(name) + ") > 0 OR " + foreign("cnam") + ")" }))
	}
	if t.Number != "" {
		all = append(all, "("+endsIn(v, "caller_end", t.Number)+" OR "+endsIn(v, "dnis_end", t.Number)+")")
	}
	if t.Scope.Extensions != nil {
		all = append(all, "extensions && "+v.add(storableOnly(t.Scope.Extensions)))
	}
	return all
}

// ofText is a condition about a text, if PostgreSQL can have it: otherwise only a call that
// is odd has it.
func ofText(text string, condition func() string) string {
	if Storable(text) != text {
		return "false"
	}
	return condition()
}

// storableOnly are those spelled that PostgreSQL can have.
func storableOnly(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return Storable(s) != s })
}

// foreign is the condition that a text has letters whose small ones only the program
// knows.
func foreign(text string) string { return "octet_length(" + text + ") <> length(" + text + ")" }

// spelled are looked through as one, with what is in none of them between.
const spelled = `(caller_id || E'\n' || dnis || E'\n' || cnam || E'\n' || file_name || E'\n' || array_to_string(extensions, E'\n'))`

// withText is the condition that a text is in a name or number.
func (t terms) withText(v *values, text string) string {
	if !strings.Contains(text, "\n") {
		return "(strpos(lower(" + spelled + "), " + v.add(text) + ") > 0 OR " + foreign(spelled) + ")"
	}
	return "EXISTS (SELECT 1 FROM unnest(ARRAY[caller_id, dnis, cnam, file_name] || extensions) AS e WHERE strpos(lower(e), " + v.add(text) + ") > 0 OR " + foreign("e") + ")"
}

// longestEnd is how many digits of numbers caller_end and dnis_end have, the last one
// first.
const longestEnd = 40

// endsIn is the condition that a number ends in certain digits: that its last ones, from
// the end, begin so. ':' is what comes after '9'.
func endsIn(v *values, column, number string) string {
	if strings.Trim(number, "0123456789") != "" {
		return "false"
	}
	begins := reversed(number[max(0, len(number)-longestEnd):])
	return "(" + column + " >= " + v.add(begins) + " AND " + column + " < " + v.add(begins+":") + ")"
}

func reversed(digits string) string {
	b := []byte(digits)
	slices.Reverse(b)
	return string(b)
}

// unsure is the condition for calls that fulfil where and may yet not match.
func (t terms) unsure() string {
	text := "odd"
	if t.Text != "" {
		text += " OR " + foreign(spelled)
	}
	if t.Name != "" {
		text += " OR " + foreign("cnam")
	}
	if len(t.Number) > longestEnd {
		text += " OR true"
	}
	return "(" + text + ")"
}

// behind is the condition for what comes behind a cursor.
func (t terms) behind(v *values, c cursor) string {
	if t.OldestFirst {
		return "(start, kind, owner, id, nth) > " + c.in(v)
	}
	return "(start, kind, owner, id, nth) < " + c.in(v)
}

// order is by what these columns are called, in the order of the query.
func (t terms) order(columns ...string) string {
	if t.OldestFirst {
		return " ORDER BY " + strings.Join(columns, ", ")
	}
	return " ORDER BY " + strings.Join(columns, " DESC, ") + " DESC"
}

// begin is before the first row that a query can select.
func (t terms) begin() cursor {
	c := cursor{at: math.MaxInt64}
	switch {
	case t.OldestFirst && t.Since.IsZero():
		c = first
	case t.OldestFirst:
		c.at = t.Since.UnixMilli() - inOneSecond
	case !t.Until.IsZero():
		c.at = t.Until.UnixMilli() + inOneSecond + 1
	}
	if t.After == (manifest.Place{}) {
		return c
	}
	after := cursor{at: t.After.Start.UnixMilli(), kind: string(t.After.Kind), owner: Storable(t.After.Owner), id: t.After.ID, nth: t.After.Nth}
	if t.OldestFirst && after.at < c.at || !t.OldestFirst && after.at >= c.at {
		return c
	}
	return after
}

// narrowed is a query with what its scope says of the time.
func narrowed(q manifest.Query) manifest.Query {
	if q.Scope.Since.After(q.Since) {
		q.Since = q.Scope.Since
	}
	return q
}

// named are states as PostgreSQL takes them.
func named(states []manifest.State) (all []string) {
	for _, s := range states {
		all = append(all, string(s))
	}
	return all
}
