package manifesttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// words are texts that easily match each other, and that SQLite and Go may
// see differently.
var words = rapid.OneOf(
	rapid.SampledFrom([]string{"", "101", "1010", "17325550100", "+17325550100", "0", "-5", "1.50", "1e3", "007", "anonymous", "Jörg Müller", "JÖRG", "ß", "100%", "a_b", "a%b", "\x00", "a\x00b", "İ", "i", "\u212a", "k", `"`, `\`, "[", ",", "\n", "null", "😀", "INBOUND", "caller_id"}),
	rapid.StringOfN(rapid.RuneFrom([]rune{'a', 'A', 'b', 'k', '1', '0', '%', '_', '*', '?', 'é', 'É', '\u212a', 'ſ', '"', '\\'}), 0, 4, -1),
)

// scalars are values of JSON as VBC might write them, and as it shouldn't.
func scalar(t *rapid.T, label string) string {
	text := words.Draw(t, label)
	switch rapid.IntRange(0, 11).Draw(t, label+" is written") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", "{}", `{"a":1}`, "[]", "1.0", "1e3", "-0", "12345678901234567890", `"\ud83d"`, `"\u0000"`, `"\ud83d\ude00"`, `"a\/b"`, "\"\xff\""}).Draw(t, label+" oddly")
	case 1, 2, 3:
		return rapid.SampledFrom([]string{"0", "101", "1010", "17325550100", "-5"}).Draw(t, label+" as a number")
	case 4: // every character as an escape
		var b strings.Builder
		for _, c := range text {
			if c > 0xffff {
				c = '?'
			}
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return `"` + b.String() + `"`
	}
	b, _ := json.Marshal(text)
	return string(b)
}

func list(t *rapid.T, label string) string {
	if rapid.IntRange(0, 9).Draw(t, label+" is a list") == 0 {
		return scalar(t, label)
	}
	var items []string
	for i := range rapid.IntRange(0, 3).Draw(t, label) {
		items = append(items, scalar(t, fmt.Sprint(label, i)))
	}
	return "[" + strings.Join(items, " , ") + "]"
}

// anyRecording is what VBC might say of a call.
func anyRecording(t *rapid.T, id int64) vbc.Recording {
	start := spring.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "hours")) * time.Hour)
	written := start.Format("2006-01-02T15:04:05+0000")
	if rapid.IntRange(0, 9).Draw(t, "has fractions") == 0 {
		written = start.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "µs")) * time.Microsecond).Format(time.RFC3339Nano)
	}
	fields := []string{fmt.Sprintf(`"id":%d`, id), fmt.Sprintf(`"start":%q`, written), fmt.Sprintf(`"file_size_in_bytes":%d`, rapid.IntRange(-1, 3).Draw(t, "size"))}
	usual := rapid.Bool().Draw(t, "is as usual")
	field := func(name string, value func(*rapid.T, string) string) {
		if usual && name != "duration" {
			text, _ := json.Marshal(words.Draw(t, name))
			if name == "extensions" || name == "rule_ids" {
				text = fmt.Appendf(nil, "[%s]", text)
			}
			fields = append(fields, fmt.Sprintf(`"%s":%s`, name, text))
			return
		}
		switch rapid.IntRange(0, 19).Draw(t, name+" is") {
		case 0, 1:
		case 2:
			fields = append(fields, fmt.Sprintf(`"%s":%s`, strings.ToUpper(name), value(t, name)))
		case 3:
			fields = append(fields, fmt.Sprintf(`"%s":%s`, name, value(t, name)), fmt.Sprintf(`"%s":%s`, name, value(t, name+" again")))
		case 4:
			fields = append(fields, fmt.Sprintf(`"\u%04x%s":%s`, name[0], name[1:], value(t, name)))
		case 5:
			fields = append(fields, fmt.Sprintf(`"%s":%s`, strings.ReplaceAll(name, "s", "ſ"), value(t, name)))
		default:
			fields = append(fields, fmt.Sprintf(`"%s" : %s`, name, value(t, name)))
		}
	}
	for _, name := range []string{"call_direction", "caller_id", "dnis", "cnam", "call_id", "file_name"} {
		field(name, scalar)
	}
	for _, name := range []string{"extensions", "rule_ids"} {
		field(name, list)
	}
	field("duration", func(t *rapid.T, label string) string {
		return rapid.OneOf(rapid.SampledFrom([]string{"0", "1000", `"1000"`, "2000", "1500.0", "-1", `""`, `"0200"`, "null", "1099511627776", `" 5"`}),
			rapid.Custom(func(t *rapid.T) string { return scalar(t, label) })).Draw(t, label)
	})
	if rapid.IntRange(0, 39).Draw(t, "is deep") == 0 {
		fields = append(fields, `"deep":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000))
	}
	kind, owner := vbc.Company, ""
	if rapid.IntRange(0, 3).Draw(t, "is on-demand") == 0 {
		kind, owner = vbc.OnDemand, rapid.SampledFrom([]string{"1", "22"}).Draw(t, "owner")
	}
	return vbc.ParseRecording(kind, owner, json.RawMessage("{"+strings.Join(fields, ",")+"}"))
}

func anyQuery(t *rapid.T) (q manifest.Query) {
	maybe := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	if maybe("ids?") {
		q.IDs = rapid.SliceOfN(rapid.Int64Range(1, 30), 1, 9).Draw(t, "ids")
	}
	if maybe("states?") {
		q.States = rapid.SliceOfN(rapid.SampledFrom([]manifest.State{manifest.Listed, manifest.Purged, manifest.Failed}), 1, 2).Draw(t, "states")
	}
	q.Kind = rapid.SampledFrom([]vbc.Kind{"", "", "", vbc.Company, vbc.OnDemand}).Draw(t, "kind")
	q.Owner = rapid.SampledFrom([]string{"", "", "", "1"}).Draw(t, "owner")
	moment := func(label string) time.Time {
		return spring.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, label))*time.Hour + time.Duration(rapid.SampledFrom([]int{0, 0, 1, 1000, 2500}).Draw(t, label+" µs"))*time.Microsecond)
	}
	if maybe("since?") {
		q.Since = moment("since")
	}
	if maybe("until?") {
		q.Until = moment("until")
	}
	for _, to := range []*string{&q.Filter.Direction, &q.Filter.CallerID, &q.Filter.DNIS, &q.Filter.CNAM, &q.Filter.CallID, &q.Filter.Extension, &q.Filter.RuleID} {
		if rapid.IntRange(0, 9).Draw(t, "filter?") == 0 {
			*to = words.Draw(t, "filter")
		}
	}
	if maybe("min?") {
		q.Filter.MinDuration = rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Second + 1, 2 * time.Second}).Draw(t, "min")
	}
	if maybe("max?") {
		q.Filter.MaxDuration = rapid.SampledFrom([]time.Duration{time.Second - 1, time.Second, 2 * time.Second}).Draw(t, "max")
	}
	if rapid.Bool().Draw(t, "text?") {
		q.Text = words.Draw(t, "text")
	}
	if maybe("number?") {
		q.Number = rapid.SampledFrom([]string{"0", "01", "101", "100", "0100", "1010", "5550100", "17325550100", "917325550100"}).Draw(t, "number")
	}
	if maybe("name?") {
		q.Name = words.Draw(t, "name")
	}
	for _, to := range []**bool{&q.Held, &q.Transcribed} {
		if maybe("held, transcribed?") {
			yes := rapid.Bool().Draw(t, "yes")
			*to = &yes
		}
	}
	if maybe("scope?") {
		q.Scope.Extensions = rapid.SliceOfN(words, 0, 3).Draw(t, "extensions in scope")
	}
	if rapid.IntRange(0, 19).Draw(t, "a wide scope?") == 0 {
		for i := range 30 {
			q.Scope.Extensions = append(q.Scope.Extensions, fmt.Sprint(100+i))
		}
	}
	if maybe("young?") {
		q.Scope.Since = moment("young")
	}
	q.OldestFirst = rapid.Bool().Draw(t, "oldest first")
	q.Limit = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit")
	return q
}

// queryAbout asks for what is like a row: by a text of it in other letters, or
// by times around its start.
func queryAbout(t *rapid.T, r manifest.Row) (q manifest.Query) {
	switch text := rapid.SampledFrom(append([]string{r.CallerID, r.CNAM, r.FileName}, r.Extensions...)).Draw(t, "its text"); rapid.IntRange(0, 8).Draw(t, "asks for") {
	case 0:
		q.Text = strings.ToLower(text)
	case 1:
		q.Text = strings.ToUpper(text)
	case 2:
		q.Until = r.Start
	case 3:
		q.Since = r.Start
	case 4:
		q.Filter = vbc.Filter{Direction: r.Direction, CallerID: r.CallerID, DNIS: r.DNIS, CNAM: r.CNAM, CallID: r.CallID, MinDuration: r.Duration, MaxDuration: r.Duration}
		if len(r.Extensions) > 0 {
			q.Filter.Extension = r.Extensions[0]
		}
	case 5:
		number := manifest.Digits(rapid.SampledFrom([]string{r.CallerID, r.DNIS}).Draw(t, "its number"))
		q.Number = number[rapid.IntRange(0, len(number)).Draw(t, "from digit"):]
	case 6:
		name := []rune(strings.ToUpper(r.CNAM))
		q.Name = string(name[rapid.IntRange(0, len(name)).Draw(t, "from letter"):])
	case 7:
		q.Scope = manifest.Scope{Extensions: append([]string{}, r.Extensions...), Since: r.Start}
	case 8:
		q.After, q.OldestFirst = manifest.PlaceOf(r), rapid.Bool().Draw(t, "oldest first")
	}
	return q
}

// holdOnSome is a hold, often on what recordings have.
func holdOnSome(t *rapid.T) (h manifest.Hold) {
	h.Reason, h.By = "a case", "vera"
	maybe := func(label string) bool { return rapid.IntRange(0, 2).Draw(t, label) == 0 }
	if maybe("holds ids?") {
		h.IDs = rapid.SliceOfN(rapid.Int64Range(1, 30), 1, 3).Draw(t, "held ids")
	}
	if maybe("holds a caller?") {
		h.CallerID = rapid.OneOf(words, rapid.SampledFrom([]string{"7325550100", "+1 (732) 555-0100", "173255501009", "5550100"})).Draw(t, "held caller")
	}
	if maybe("holds an extension?") {
		h.Extension = words.Draw(t, "held extension")
	}
	for _, to := range []*time.Time{&h.Since, &h.Until} {
		if maybe("holds a time?") {
			*to = spring.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "held time"))*time.Hour + time.Duration(rapid.IntRange(0, 1).Draw(t, "held µs"))*time.Microsecond)
		}
	}
	return h
}
