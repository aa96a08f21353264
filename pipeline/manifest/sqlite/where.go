package sqlite

import (
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// clause is a condition and its values.
type clause struct {
	text string
	args []any
}

func (c clause) and(text string, args ...any) clause {
	switch {
	case text == "":
		return c
	case c.text != "":
		text = c.text + " AND " + text
	}
	return clause{text, append(slices.Clip(c.args), args...)}
}

// terms is a query as SQLite is asked it.
type terms manifest.Query

// where is a condition that whatever matches fulfils. Of rows that SQLite reads
// as the program does, it is fulfilled by nothing else; of the others, which
// unsure names, the program decides. A + keeps SQLite from choosing an index by it:
// which one is read is the way's.
func (q terms) where() clause {
	all := q.whose()
	if len(q.States) > 0 {
		marks, states := strings.Repeat("?,", len(q.States)), make([]any, len(q.States))
		for i, s := range q.States {
			states[i] = s
		}
		all = all.and("state IN ("+strings.TrimSuffix(marks, ",")+")", states...)
	}
	if q.Transcribed != nil {
		all = all.and("+transcribed = ?", *q.Transcribed)
	}
	if q.Scope.Extensions != nil && len(q.Scope.Extensions) == 0 {
		all = all.and("false")
	}
	if read := q.readable(); read.text != "" {
		all = all.and("(odd = 1 OR "+read.text+")", read.args...)
	}
	return all
}

// whose is the condition about the collection.
func (q terms) whose() clause {
	all := clause{}.and("true")
	if q.Kind != "" {
		all = all.and("kind = ?", q.Kind)
	}
	if q.Owner != "" {
		all = all.and("owner = ?", q.Owner)
	}
	return all
}

// readable is the condition about what SQLite reads out of VBC's JSON.
func (q terms) readable() (c clause) {
	f := q.Filter
	for _, same := range []struct{ column, value string }{
		{"direction", f.Direction}, {"caller_id", f.CallerID}, {"dnis", f.DNIS}, {"cnam", f.CNAM}, {"call_id", f.CallID},
	} {
		if same.value != "" {
			c = c.and("+"+same.column+" = ?", same.value)
		}
	}
	for _, among := range []struct{ column, value string }{{"extensions", f.Extension}, {"rule_ids", f.RuleID}} {
		switch {
		case strings.ContainsAny(among.value, `,"[]`):
			c = c.and("false") // such a list is odd
		case among.value != "":
			c = c.and("instr("+among.column+", ?) > 0", ","+among.value+",")
		}
	}
	if f.MinDuration > 0 {
		c = c.and("duration >= ?", manifest.NotBefore(time.Unix(0, 0).Add(f.MinDuration)))
	}
	if f.MaxDuration > 0 {
		c = c.and("duration BETWEEN 0 AND ?", f.MaxDuration.Milliseconds()) // 0 is unknown too, see unsure
	}
	if !q.Since.IsZero() {
		c = c.and("start >= ?", manifest.NotBefore(q.Since))
	}
	if !q.Until.IsZero() {
		c = c.and("start < ?", manifest.NotBefore(q.Until))
	}
	if q.Text != "" {
		c = q.withText(c)
	}
	if q.Name != "" {
		c = c.and("(odd = 2 OR instr(lower(cnam), ?) > 0)", strings.ToLower(q.Name))
	}
	if n := len(q.Number); n > 0 {
		c = c.and("("+endsIn("caller_id")+" OR "+endsIn("dnis")+")", -n, q.Number, -n, q.Number, -n, q.Number, -n, q.Number)
	}
	return q.withScope(c)
}

// endsIn is the condition that a number ends in certain digits, or that SQLite can't
// tell. Most numbers have nothing but digits, and of those no more is asked.
func endsIn(column string) string {
	return "(substr(" + column + ", ?) = ? OR " + column + " GLOB '*[^0-9]*' AND (substr(" + stripped(column) + ", ?) = ? OR " + mixed(column) + "))"
}

// inList is the condition that a list has one of so many values.
const inList = "EXISTS (SELECT 1 FROM json_each(?) AS e WHERE instr(extensions, ',' || e.value || ',') > 0)"

// withScope adds that one of certain extensions was in the call.
func (q terms) withScope(c clause) clause {
	if q.Scope.Extensions == nil {
		return c
	}
	all := slices.DeleteFunc(slices.Clone(q.Scope.Extensions), func(e string) bool { return strings.ContainsAny(e, `,"[]`) }) // such a list is odd
	switch n := len(all); {
	case n == 0:
		return c.and("false")
	case n > manyExtensions:
		return c.and(inList, asJSON(all))
	}
	text, args := "", []any{}
	for _, e := range all {
		text += " OR instr(extensions, ?) > 0"
		args = append(args, ","+e+",")
	}
	return c.and("("+strings.TrimPrefix(text, " OR ")+")", args...)
}

// manyExtensions are too many to ask for each by itself.
const manyExtensions = 20

// withText adds that a text is in a name or number. These are looked through
// as one, with what is in none of them between.
func (q terms) withText(c clause) clause {
	text := strings.ToLower(q.Text)
	words := "caller_id || char(10) || dnis || char(10) || cnam || char(10) || file_name"
	switch {
	case strings.Contains(text, "\n"):
		return c.and("odd = 2")
	case !strings.Contains(text, ","):
		words += " || char(10) || extensions"
	}
	return c.and("(odd = 2 OR instr(lower("+words+"), ?) > 0)", text)
}

// unsure is the condition for rows that fulfil where and may yet not match.
func (q terms) unsure() string {
	text := "odd = 1"
	if q.Text != "" || q.Name != "" {
		text = "odd <> 0"
	}
	if q.Number != "" {
		text += " OR " + mixed("caller_id") + " OR " + mixed("dnis")
	}
	if slices.Contains(q.Scope.Extensions, "") {
		text += " OR instr(extensions, ',,') > 0" // none, or one without a name
	}
	if q.Filter.MaxDuration > 0 {
		text += " OR duration = 0" // which is no time at all, or unknown
	}
	return "(" + text + ")"
}
