package manifest

import (
	"slices"
	"strings"
	"time"
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

// where is a condition that whatever matches fulfils. Of rows that SQLite reads
// as the program does, it is fulfilled by nothing else; of the others, which
// unsure names, the program decides.
func (q Query) where() clause {
	all := clause{}.and("true")
	if len(q.States) > 0 {
		all = all.and("state IN (SELECT value FROM json_each(?))", asJSON(q.States))
	}
	if q.Kind != "" {
		all = all.and("kind = ?", q.Kind)
	}
	if q.Owner != "" {
		all = all.and("owner = ?", q.Owner)
	}
	if read := q.readable(); read.text != "" {
		all = all.and("(odd = 1 OR "+read.text+")", read.args...)
	}
	return all
}

// readable is the condition about what SQLite reads out of VBC's JSON.
func (q Query) readable() (c clause) {
	f := q.Filter
	for _, same := range []struct{ column, value string }{
		{"direction", f.Direction}, {"caller_id", f.CallerID}, {"dnis", f.DNIS}, {"cnam", f.CNAM}, {"call_id", f.CallID},
	} {
		if same.value != "" {
			c = c.and(same.column+" = ?", same.value)
		}
	}
	for _, among := range []struct{ column, value string }{{"extensions", f.Extension}, {"rule_ids", f.RuleID}} {
		if among.value != "" { // the first part is for speed: a list is seldom looked into
			c = c.and("instr("+among.column+", ?) > 0 AND EXISTS (SELECT 1 FROM json_each("+among.column+") WHERE CAST(value AS TEXT) = ?)", among.value, among.value)
		}
	}
	if f.MinDuration > 0 {
		c = c.and("duration >= ?", notBefore(time.Unix(0, 0).Add(f.MinDuration)))
	}
	if f.MaxDuration > 0 {
		c = c.and("duration BETWEEN 1 AND ?", f.MaxDuration.Milliseconds())
	}
	if !q.Since.IsZero() {
		c = c.and("start >= ?", notBefore(q.Since))
	}
	if !q.Until.IsZero() {
		c = c.and("start < ?", notBefore(q.Until))
	}
	if q.Text != "" {
		text := strings.ToLower(q.Text)
		c = c.and(`(odd = 2 OR instr(lower(caller_id || char(10) || dnis || char(10) || cnam || char(10) || file_name || char(10) || extensions), ?) > 0
			AND (instr(lower(caller_id), ?) OR instr(lower(dnis), ?) OR instr(lower(cnam), ?) OR instr(lower(file_name), ?)
				OR EXISTS (SELECT 1 FROM json_each(extensions) WHERE instr(lower(value), ?))))`, text, text, text, text, text, text)
	}
	return c
}

// unsure is the condition for rows that fulfil where and may yet not match.
func (q Query) unsure() string {
	if q.Text != "" {
		return "odd <> 0"
	}
	return "odd = 1"
}

// notBefore is the first whole millisecond that isn't before t.
func notBefore(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}
