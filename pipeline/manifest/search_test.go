package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var spring = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)

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
			if slices.Contains(callLists, name) {
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
	for _, name := range callTexts {
		field(name, scalar)
	}
	for _, name := range callLists {
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

func anyQuery(t *rapid.T) (q Query) {
	maybe := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	if maybe("ids?") {
		q.IDs = rapid.SliceOfN(rapid.Int64Range(1, 30), 1, 9).Draw(t, "ids")
	}
	if maybe("states?") {
		q.States = rapid.SliceOfN(rapid.SampledFrom([]State{Listed, Purged, Failed}), 1, 2).Draw(t, "states")
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
	q.OldestFirst = rapid.Bool().Draw(t, "oldest first")
	q.Limit = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit")
	return q
}

// queryAbout asks for what is like a row: by a text of it in other letters, or
// by times around its start.
func queryAbout(t *rapid.T, r Row) (q Query) {
	switch text := rapid.SampledFrom(append([]string{r.CallerID, r.CNAM, r.FileName}, r.Extensions...)).Draw(t, "its text"); rapid.IntRange(0, 4).Draw(t, "asks for") {
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
	}
	return q
}

// Whatever VBC writes and somebody looks for, the manifest finds just what
// matches, in order, and counts what it finds.
func TestSearchFindsWhatMatches(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m, err := Open(t.Context(), filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		rows := map[int64]vbc.Recording{}
		for id := range int64(rapid.IntRange(0, 30).Draw(rt, "rows")) {
			if r := anyRecording(rt, id+1); r.Unreadable == "" {
				rows[r.ID] = r
			}
		}
		if _, err := m.Add(t.Context(), 1, slices.Collect(maps.Values(rows))); err != nil {
			rt.Fatal(err)
		}
		for id := range rows {
			if rapid.IntRange(0, 2).Draw(rt, "moves on") > 0 {
				continue
			}
			audio := encodeObject(storage.Object{Key: "k", Content: storage.Content{Size: 10 * id}})
			err := m.exec(t.Context(), "UPDATE recording SET state = ?, archived_at = ?, audio = ? WHERE id = ?",
				rapid.SampledFrom([]State{Purged, Failed, Listed}).Draw(rt, "state"), rapid.IntRange(0, 1).Draw(rt, "archived at"), audio, id)
			if err != nil {
				rt.Fatal(err)
			}
		}
		all, err := query(t.Context(), m, m.scan, "SELECT "+columns+" FROM recording ORDER BY start, kind, owner, id")
		if err != nil {
			rt.Fatal(err)
		}
		for range 5 {
			q := anyQuery(rt)
			if len(all) > 0 && rapid.Bool().Draw(rt, "about one") {
				q = queryAbout(rt, rapid.SampledFrom(all).Draw(rt, "row"))
			}
			compare(rt, m, all, q)
		}
		if findings, err := m.Check(t.Context()); err != nil || slices.ContainsFunc(findings, func(f string) bool { return !strings.Contains(f, "without a verified copy") }) {
			rt.Errorf("%q, %v", findings, err)
		}
	})
}

// compare compares what a query finds with all rows that match, oldest first.
func compare(t *rapid.T, m *Manifest, all []Row, q Query) {
	want := slices.DeleteFunc(slices.Clone(all), func(r Row) bool { return !q.matches(r) })
	for _, by := range []Grouping{"", ByMonth, ByExtension, ByDirection, ByState} {
		zone := time.FixedZone("", 60*60*rapid.IntRange(-12, 12).Draw(t, "zone"))
		groups, total, err := m.Count(t.Context(), q, by, zone)
		counted := &counting{by: by, zone: zone, groups: map[string]*Count{}}
		for _, r := range want {
			counted.row(r)
		}
		if by == "" {
			counted.groups = nil
		}
		if err != nil || total != counted.total || len(groups) != len(counted.groups) {
			t.Errorf("%+v: counted %+v by %q, %v; want %+v", q, groups, by, err, counted.total)
		}
		for _, g := range groups {
			if w := counted.groups[g.Group]; w == nil || *w != g {
				t.Errorf("%+v: counted %+v by %q, want %+v", q, g, by, w)
			}
		}
	}
	if !q.OldestFirst {
		slices.Reverse(want)
	}
	if q.Limit > 0 && len(want) > q.Limit {
		want = want[:q.Limit]
	}
	var found []Row
	for r, err := range m.Search(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, r)
	}
	if diff := cmp.Diff(want, found); diff != "" && len(want)+len(found) > 0 {
		t.Errorf("%+v: %s", q, diff)
	}
}
