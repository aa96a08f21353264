package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

func TestHoldCovers(t *testing.T) {
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	recording := func(caller, extensions string) vbc.Recording {
		return vbc.ParseRecording(vbc.Company, "", json.RawMessage(`{"id":7,"start":"2025-05-12T10:15:00+0000","caller_id":`+caller+`,"extensions":`+extensions+`}`))
	}
	r := recording(`"17325550100"`, `[101,"102"]`)
	for _, c := range []struct {
		hold Hold
		r    vbc.Recording
		want bool
	}{
		{Hold{IDs: []int64{6, 7}}, r, true},
		{Hold{IDs: []int64{8}}, r, false},
		{Hold{CallerID: "+1 (732) 555-0100"}, r, true},
		{Hold{CallerID: "732 555 0100"}, r, true},
		{Hold{CallerID: "0017325550100"}, r, true},
		{Hold{CallerID: "17325550101"}, r, false},
		{Hold{CallerID: "020 7946 0958"}, recording(`"+442079460958"`, `[]`), true},
		{Hold{CallerID: "+44 (0)20 7946 0958"}, recording(`"442079460958"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`"sip:+17325550100@10.0.0.1"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`"17325550100 x12"`, `[]`), true},
		{Hold{CallerID: "0100"}, r, false},
		{Hold{CallerID: "0100"}, recording(`"0100"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`17325550100`, `null`), true},
		{Hold{CallerID: "Anonymous"}, recording(`"anonymous "`, `null`), true},
		{Hold{CallerID: "17325550100"}, recording(`null`, `null`), true}, // nobody knows who called
		{Hold{CallerID: "17325550100"}, recording(`""`, `null`), true},
		{Hold{CallerID: "17325550100"}, recording(`" "`, `null`), true},
		{Hold{CallerID: "17325550100"}, recording(`"anonymous"`, `null`), false},
		{Hold{CallerID: "17325550100", IDs: []int64{8}}, recording(`null`, `null`), false},
		{Hold{CallerID: "17325550100", Until: start}, recording(`null`, `null`), false},
		{Hold{CallerID: "17325550100", Since: start}, recording(`null`, `null`), true},
		{Hold{Extension: "101"}, r, true},
		{Hold{Extension: "102"}, r, true},
		{Hold{Extension: "10"}, r, false},
		{Hold{Extension: "101"}, recording(`1`, `101`), true},
		{Hold{Extension: "102"}, recording(`1`, `"101"`), false},
		{Hold{Extension: "102"}, recording(`1`, `[{"extension":"101"}]`), true}, // nobody can tell
		{Hold{Extension: "102"}, recording(`1`, `{"extension":"101"}`), true},
		{Hold{Extension: "102"}, recording(`1`, `null`), true},
		{Hold{Extension: "102"}, recording(`1`, `[]`), true},
		{Hold{Extension: "102"}, recording(`1`, `""`), true},
		{Hold{Extension: "102", Since: start.Add(time.Second)}, recording(`1`, `[]`), false},
		{Hold{Since: start}, r, true},
		{Hold{Since: start.Add(time.Second)}, r, false},
		{Hold{Until: start}, r, false},
		{Hold{Until: start.Add(time.Second)}, r, true},
		{Hold{IDs: []int64{7}, Extension: "103"}, r, false}, // all of them must match
		{Hold{Lost: true, IDs: []int64{8}}, r, true},
		{Hold{}, r, true},
	} {
		if got := c.hold.Covers(Row{Recording: c.r}); got != c.want {
			t.Errorf("%+v covers caller %q, extensions %v: %v", c.hold, c.r.CallerID, c.r.Extensions, got)
		}
	}
	if _, held := Covering([]Hold{{IDs: []int64{7}, Removed: &Removal{}}}, Row{Recording: r}); held {
		t.Error("a hold that has ended holds")
	}
}

// What VBC said before counts as what it says now does, each for itself.
func TestHoldCoversWhatWasSaid(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	row := Row{Recording: vbc.Recording{ID: 7, Start: start, CallerID: "anonymous", Extensions: []string{"101"}}, Said: []Said{
		{Start: start.Add(-time.Hour), CallerID: "17325550100", Extensions: []string{"102"}},
		{Start: start, CallerID: "17325550101", Extensions: []string{"103"}},
	}}
	for _, c := range []struct {
		hold Hold
		want bool
	}{
		{Hold{CallerID: "732 555 0100"}, true},
		{Hold{CallerID: "17325550101"}, true},
		{Hold{CallerID: "anonymous"}, true},
		{Hold{CallerID: "17325550102"}, false},
		{Hold{Extension: "102"}, true},
		{Hold{Extension: "104"}, false},
		{Hold{Until: start}, true},
		{Hold{Until: start.Add(-time.Hour)}, false},
		{Hold{Since: start.Add(-30 * time.Minute), Until: start}, false}, // it has started at no time between
		{Hold{CallerID: "17325550101", Extension: "102", Until: start}, true},
		{Hold{IDs: []int64{8}, CallerID: "17325550100"}, false},
	} {
		if got := c.hold.Covers(row); got != c.want {
			t.Errorf("%+v covers it: %v", c.hold, got)
		}
	}
	if !(Hold{CallerID: "17325550101"}).Names(row) || (Hold{CallerID: "17325550102"}).Names(row) ||
		(Hold{CallerID: "17325550102"}).Names(Row{}) {
		t.Error("a hold names a caller whom VBC has never named, or doesn't name one whom it has")
	}
	bare := Row{Recording: vbc.Recording{CallerID: "17325550100"}}
	if (Hold{CallerID: "17325550101", Extension: "102"}).ForLack(row) || !(Hold{CallerID: "17325550102"}).ForLack(bare) ||
		!(Hold{CallerID: "17325550100", Extension: "101"}).ForLack(bare) {
		t.Error("it isn't told what is held for lack of a caller or an extension")
	}
}

// What is remembered is bounded, and what is beyond it is under every hold but one
// on another id.
func TestSaidIsBounded(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	var all []Said
	for i := range 3 * MostSaid {
		s := Said{Start: start, CallerID: fmt.Sprint("1732555", 1000+i%(2*MostSaid)), Extensions: []string{"101", "102"}}
		all = remember(all, s, Said{Start: s.Start, CallerID: s.CallerID + " ", Extensions: []string{"102", "101"}})
		if want := i < MostSaid; want != !(Hold{CallerID: "3335559999", Until: start}).Covers(Row{Recording: vbc.Recording{Start: start, CallerID: "1", Extensions: []string{"1"}}, Said: all}) {
			t.Fatalf("after %d: %v", i+1, want)
		}
	}
	if len(all) != MostSaid+1 || !all[MostSaid].equal(Said{}) {
		t.Errorf("%d are remembered, the last is %+v", len(all), all[len(all)-1])
	}
	long := remember(nil, Said{Start: start, CallerID: strings.Repeat("1", longestSaid+1)})
	if len(long) != 1 || long[0].CallerID != "" || !long[0].Start.Equal(start) {
		t.Error("a text that is too long is remembered")
	}
}

// What was said of a call goes on to count whatever row it gets, and nothing of
// another call that has had its id.
func TestRecognizeRecalls(t *testing.T) {
	t.Parallel()
	const at = "2025-05-12T10:15:00+0000"
	parse := func(start, caller, callID string, size int) vbc.Recording {
		return vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":7,"start":%q,"caller_id":%q,"call_id":%q,"file_name":"a.mp3","file_size_in_bytes":%d}`, start, caller, callID, size))
	}
	raw := func(r vbc.Recording) string { return string(r.Raw) }
	first := parse(at, "1", "a", 10)
	before := []Said{{Start: first.Start, CallerID: "0"}}
	for name, c := range map[string]struct {
		known []Known
		now   vbc.Recording
		is    Sighting
		want  []string // callers
	}{
		"the same":                   {[]Known{{Raw: raw(first), State: Verified, Archived: true, Copied: true, Said: before}}, first, Archived, []string{"0"}},
		"another caller":             {[]Known{{Raw: raw(first), State: Verified, Archived: true, Copied: true, Said: before}}, parse(at, "2", "a", 10), Archived, []string{"0", "1"}},
		"an earlier caller again":    {[]Known{{Raw: raw(first), State: Verified, Archived: true, Copied: true, Said: before}}, parse(at, "0", "a", 10), Archived, []string{"0", "1"}},
		"corrected":                  {[]Known{{Raw: raw(first), State: Verified, Copied: true, Said: before}}, parse("2025-05-12T10:15:01+0000", "2", "a", 10), Corrected, []string{"0", "1"}},
		"corrected, without a copy":  {[]Known{{Raw: raw(first), State: Listed, Said: before}}, parse("2025-05-12T10:15:01+0000", "2", "a", 10), New, []string{"0", "1"}},
		"another size":               {[]Known{{Raw: raw(first), State: Listed, Said: before}}, parse(at, "2", "a", 11), New, []string{"0", "1"}},
		"another size, nobody's":     {[]Known{{Raw: raw(parse(at, "1", "", 10)), State: Listed, Said: before}}, parse(at, "2", "a", 11), New, []string{"0", "1"}},
		"given again":                {[]Known{{Raw: raw(first), State: Purged, Copied: true, Said: before}}, parse("2025-06-12T10:15:00+0000", "2", "b", 10), New, nil},
		"given again, no call ids":   {[]Known{{Raw: raw(parse(at, "1", "", 10)), State: Purged, Copied: true, Said: before}}, parse("2025-06-12T10:15:00+0000", "2", "", 10), New, nil},
		"erased, and archived again": {[]Known{{Raw: string(Bare(7, first.Start, 10)), State: Erased, Copied: true}}, parse(at, "2", "a", 11), New, nil},
		"corrected and back": {[]Known{{Raw: raw(first), State: Verified, Archived: true, Copied: true, Displaced: true},
			{Nth: 1, Raw: raw(parse("2025-05-12T10:15:01+0000", "2", "a", 10)), State: Verified, Archived: true, Copied: true}}, first, Archived, []string{"2"}},
	} {
		s := Recognize(3, c.now, c.known)
		var got []string
		for _, said := range s.Said {
			got = append(got, said.CallerID)
		}
		if s.Is != c.is || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %q; want %v, %q", name, s.Is, got, c.is, c.want)
		}
		if had := len(c.known[0].Said); !s.Is.Unknown() && s.Recalls != (len(got) > had) || s.Is.Unknown() && s.Recalls != (len(got) > 0) {
			t.Errorf("%s: it is to be written down: %v", name, s.Recalls)
		}
	}
}
