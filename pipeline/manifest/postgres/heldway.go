package postgres

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// mostHolds is how many are looked at in SQL. Of more, the program looks at each recording.
const mostHolds = 100

// held is the condition that whatever is held as the query asks fulfils, odd or not.
func (t terms) held(v *values) string {
	holds := manifest.InForce(t.holds)
	all := slices.ContainsFunc(holds, func(h manifest.Hold) bool { return h.Lost || !h.Selects() }) // everything is held
	switch {
	case all && *t.Held, len(holds) > mostHolds:
		return "true"
	case all:
		return "false"
	case !*t.Held:
		return unheldTimes(v, holds)
	case len(holds) == 0:
		return "false"
	}
	either := []string{"odd"}
	for _, h := range holds {
		either = append(either, "("+allOf(covered(v, h))+")")
	}
	either = append(either, inSaid)
	return "(" + strings.Join(either, " OR ") + ")"
}

// inSaid is the condition that VBC has said something else of a call before: it may be
// held for that.
const inSaid = "(start, kind, owner, id, nth) IN (SELECT start, kind, owner, id, nth FROM vbcvault.recording WHERE account = $1 AND said <> '')"

// covered are conditions that are all true of what a hold covers for what VBC says of it
// now, save what is odd.
func covered(v *values, h manifest.Hold) (all []string) {
	if len(h.IDs) > 0 {
		all = append(all, "id = ANY("+v.add(h.IDs)+")")
	}
	if h.CallerID != "" {
		all = append(all, coveredCaller(v, h))
	}
	if h.Extension != "" {
		all = append(all, ofText(h.Extension, func() string { return "(" + v.add(h.Extension) + " = ANY(extensions) OR " + anyExtension + ")" }))
	}
	if !h.Since.IsZero() {
		all = append(all, "start >= "+v.add(h.Since.UnixMilli()))
	}
	if !h.Until.IsZero() {
		all = append(all, "start <= "+v.add(h.Until.UnixMilli()))
	}
	return all
}

// blank is the condition that a text may have nothing but space in it.
func blank(text string) string {
	return "(btrim(" + text + `, E' \t\n\v\f\r') = '' OR ` + foreign(text) + ")"
}

// anyExtension is the condition that holds may take a call's extension for any: there is
// none, or one of space alone.
var anyExtension = "cardinality(extensions) = 0 OR '' = ANY(extensions) OR strpos(" + extensionsText + ", ' ') > 0 OR translate(" + extensionsText +
	`, E'\t\n\v\f\r', '') <> ` + extensionsText + " OR " + foreign(extensionsText)

const extensionsText = "array_to_string(extensions, ',')"

// coveredCaller is the condition that a hold may be on a call's caller, see
// manifest.Hold. Numbers are compared by at least seven of their last digits, which both
// have: fewer would be too few to be a number.
func coveredCaller(v *values, h manifest.Hold) string {
	const fewest = 7
	either := blank("caller_id")
	if h.Literal() {
		text := strings.ToLower(strings.TrimSpace(h.CallerID))
		if strings.ContainsFunc(text, func(c rune) bool { return c >= 0x80 }) {
			return "true" // it may be written with other letters
		}
		return "(" + either + ` OR lower(btrim(caller_id, E' \t\n\v\f\r')) = ` + v.add(Storable(text)) + ")"
	}
	number := reversed(manifest.Digits(h.CallerID))
	return "(" + either + " OR strpos(caller_end, " + v.add(number[:fewest]) + ") > 0 OR strpos(" + v.add(number) + ", left(caller_end, 7)) > 0 AND length(caller_end) >= 7" +
		" OR length(caller_end) = " + v.add(longestEnd) + ")"
}

// unheldTimes is the condition that no hold covers all of the time in which a call is.
func unheldTimes(v *values, holds []manifest.Hold) string {
	var either []string
	for _, s := range manifest.UnheldTimes(holds) {
		switch {
		case s.From == math.MinInt64 && s.To == math.MaxInt64:
			return "true"
		default:
			either = append(either, "start >= "+v.add(s.From)+" AND start <= "+v.add(s.To))
		}
	}
	return "(odd OR " + strings.Join(append(either, "false"), " OR ") + ")"
}

// heldWay goes by what holds in force ask for, and by what VBC has said other things of.
func (t terms) heldWay(holds []manifest.Hold) (w way, ok bool) {
	for _, h := range holds {
		switch {
		case h.Lost || !h.Selects() || len(holds) > mostHolds:
			return nil, false
		case len(h.IDs) > 0:
			w = append(w, withIDs(h.IDs))
		case len(manifest.Digits(h.CallerID)) >= comparedDigits:
			w = append(w, t.calledFrom(manifest.Digits(h.CallerID)), t.of(func(*values) string { return strangeCaller }))
		case h.Extension != "":
			w = append(w, t.marked("e", h.Extension), t.marked("a", ""))
		case h.CallerID == "":
			w = append(w, t.of(func(v *values) string { return allOf(covered(v, h)) }))
		default:
			return nil, false
		}
	}
	inSaid := func(*values) string {
		return "SELECT " + placeOf + " FROM vbcvault.recording WHERE account = $1 AND said <> ''"
	}
	return append(w, inSaid, t.isOdd()), true
}

// How holds compare most numbers, see manifest.Hold: so many last digits of one are in the
// other one, of which the longest that isn't strange has so many.
const (
	comparedDigits = 9
	longestUsual   = 11
)

// strangeCaller is the condition for numbers that have more digits than that or fewer, and
// for callers whom holds may take for any. An index knows it.
const strangeCaller = `(length(caller_end) IN (7, 8) OR length(caller_end) > 11 OR btrim(caller_id, E' \t\n\v\f\r') = '' OR octet_length(caller_id) <> length(caller_id))`

// calledFrom is the part whose callers a hold on a number covers, save strange ones. The
// number has their last digits in it, or they have its last ones, behind which there may be
// others.
func (t terms) calledFrom(number string) func(v *values) string {
	number = reversed(number)
	var begin []string
	for i := range len(number) - comparedDigits + 1 {
		begin = append(begin, number[i:i+comparedDigits])
	}
	behind := []string{number[:comparedDigits]}
	for range longestUsual - comparedDigits {
		var longer []string
		for _, b := range behind {
			for d := range 10 {
				longer = append(longer, strconv.Itoa(d)+b)
			}
		}
		begin, behind = append(begin, longer...), longer
	}
	return func(v *values) string {
		all := append([]string{"account = $1", "caller_end >= b", "caller_end < b || ':'"}, t.around(v)...)
		return "SELECT each.* FROM unnest(" + v.add(begin) + "::text[]) AS b CROSS JOIN LATERAL (SELECT " + placeOf + " FROM vbcvault.call WHERE " + allOf(all) + " OFFSET 0) AS each"
	}
}
