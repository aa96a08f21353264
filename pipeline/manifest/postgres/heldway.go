package postgres

import (
	"math"
	"slices"
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
	either := []string{"odd", inSaid}
	for _, h := range holds {
		either = append(either, "("+allOf(covered(v, h))+")")
	}
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

// anyExtension is the condition that holds may take a call's extension for any.
var anyExtension = "cardinality(extensions) = 0 OR EXISTS (SELECT 1 FROM unnest(extensions) AS e WHERE " + blank("e") + ")"

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
		return "(" + either + ` OR lower(btrim(caller_id, E' \t\n\v\f\r')) = ` + v.add(storable(text)) + ")"
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
