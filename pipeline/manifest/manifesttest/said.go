package manifesttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// calling is a recording with what VBC says of its caller and extensions, as JSON.
func calling(start time.Time, callID, caller, extensions string) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":1,"start":%q,"file_size_in_bytes":1000,"call_id":%q,"file_name":"a.mp3"%s%s}`,
		vbc.FormatTime(start), callID, field("caller_id", caller), field("extensions", extensions)))
	r.Account = account
	return r
}

func field(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(`,%q:%s`, name, value)
}

func isHeld(err error) bool {
	_, held := errors.AsType[*manifest.HeldError](err)
	return held
}

// What a hold covers stays under it, whatever VBC says of the call later: in the
// transaction of an intent, of an erasure, and whenever somebody asks.
func whatWasSaidStaysHeld(t *testing.T, places Places) {
	first := calling(day, "a", `"17325550100"`, `["101"]`)
	for name, then := range map[string]vbc.Recording{
		"another caller":     calling(day, "a", `"anonymous"`, `["101"]`),
		"another extension":  calling(day, "a", `"17325550100"`, `["102"]`),
		"nothing in common":  calling(day, "a", `"anonymous"`, `["102"]`),
		"a corrected start":  calling(day.Add(time.Hour), "a", `"anonymous"`, `["102"]`),
		"no caller":          calling(day, "a", `null`, `[]`),
		"no caller mentions": calling(day, "a", ``, ``),
	} {
		for what, h := range map[string]manifest.Hold{
			"caller": {CallerID: "732 555 0100"}, "extension": {Extension: "101"}, "both": {CallerID: "7325550100", Extension: "101"},
			"time": {Until: day.Add(time.Second)},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				m, p := bound(t, places)
				r, then := first, then
				add(t, m, 1, r)
				take(t, m, r, manifest.StepStored, manifest.StepVerified)
				if _, _, err := m.Look(t.Context(), then); err != nil || len(state(t, m, 1).Said) > 0 {
					t.Fatalf("looking changes something: %v", err)
				}
				row, _, err := m.Look(t.Context(), then)
				must(t, err)
				h.Reason, h.By = "why", "who"
				h, err := m.AddHold(t.Context(), h)
				must(t, err)
				later := manifest.Hold{CallerID: then.CallerID, Extension: slices.Concat(then.Extensions, []string{"101"})[0], Until: then.Start.Add(1)}
				if !h.Covers(row) || !later.Covers(row) {
					t.Error("a look doesn't know what would be held")
				}
				then.Nth = row.Nth
				add(t, m, 2, then)
				add(t, m, 3, calling(then.Start, "a", `"1"`, `["1"]`)) // and once more
				if then.Nth > 0 {
					take(t, m, then, manifest.StepStored)
				}
				if err := stepsOf(m, then)[manifest.StepPurging](t.Context()); !isHeld(err) {
					t.Errorf("its purge is begun: %v", err)
				}
				must(t, m.Close())
				m = open(t, p, nil)
				if err := m.Deletable(t.Context(), then); !isHeld(err) {
					t.Errorf("it isn't held after opening: %v", err)
				}
				_, err = m.RemoveHold(t.Context(), h.Number, "over", "who")
				must(t, err)
				take(t, m, then, manifest.StepPurging)
				if n, err := m.UnderWay(t.Context(), h); err != nil || n != 1 {
					t.Errorf("%d deletions are under way, %v", n, err)
				}
				take(t, m, then, manifest.StepPurged)
				h, err = m.AddHold(t.Context(), h)
				must(t, err)
				if err := stepsOf(m, then)[manifest.StepErasing](t.Context()); !isHeld(err) {
					t.Errorf("its erasure is begun: %v", err)
				}
				_, err = m.RemoveHold(t.Context(), h.Number, "over", "who")
				must(t, err)
				take(t, m, then, manifest.StepErasing, manifest.StepErased)
				now, err := m.Row(t.Context(), key(1), then.Nth)
				if err != nil || len(now.Said) > 0 {
					t.Errorf("it is erased, and %+v is known, %v", now.Said, err)
				}
			})
		}
	}
}

// Of another call that has had the id, nothing counts; of the same call everything
// does, in the row that it had before too.
func whatWasSaidOfAnotherCall(t *testing.T, places Places) {
	m := fresh(t, places)
	h := manifest.Hold{CallerID: "17325550100"}
	first := calling(day, "a", `"17325550100"`, `["101"]`)
	add(t, m, 1, first)
	take(t, m, first, manifest.StepStored, manifest.StepVerified)
	add(t, m, 2, calling(day.AddDate(0, 1, 0), "b", `"1"`, `["101"]`))
	if row := state(t, m, 1); row.Nth != 1 || len(row.Said) > 0 || h.Covers(row) {
		t.Errorf("another call is held: %+v", row.Said)
	}
	add(t, m, 3, calling(day.AddDate(0, 1, 1), "b", `"2"`, `["102"]`)) // it has no copy, and gets a new row
	if row := state(t, m, 1); row.Nth != 1 || !(manifest.Hold{CallerID: "1"}).Covers(row) || h.Covers(row) {
		t.Errorf("%d: what was said of it before is forgotten: %+v", row.Nth, row.Said)
	}
	add(t, m, 4, calling(day.Add(time.Second), "a", `"3"`, `["103"]`))
	before, err := m.Row(t.Context(), key(1), 0)
	must(t, err)
	if row := state(t, m, 1); !h.Covers(row) || !(manifest.Hold{Since: day.Add(time.Second)}).Covers(before) || h.Covers(manifest.Row{Recording: row.Recording}) {
		t.Errorf("the two rows of a call have %+v and %+v", before.Said, row.Said)
	}
}

// What is put into a manifest that is being made keeps what was said, and rows of
// one call share it.
func whatWasSaidIsPut(t *testing.T, places Places) {
	p := places(t)
	early, late := calling(day, "a", `"17325550100"`, `["101"]`), calling(day.Add(time.Second), "a", `"1"`, `["1"]`)
	said := []manifest.Said{{Start: day, CallerID: "0"}}
	must(t, p.Create(t.Context(), func(m Fillable) error {
		return errors.Join(m.Bind(t.Context(), manifest.Binding{Account: account}),
			m.Put(t.Context(), manifest.Row{Recording: late, State: manifest.Listed, Said: said}),
			m.Put(t.Context(), manifest.Row{Recording: early, State: manifest.Listed}), m.Displace(t.Context()))
	}))
	rows, err := open(t, p, nil).All(t.Context(), key(1))
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	for _, row := range rows {
		for _, caller := range []string{"17325550100", "1", "0"} {
			if !(manifest.Hold{CallerID: caller}).Covers(row) {
				t.Errorf("%s: it isn't known that the caller was %s", row.Start, caller)
			}
		}
	}
}

// A hold that another manifest has is the same one here: its making and its end are
// in force at once, get a receipt, and are stored, as those of this manifest.
func sharedHolds(t *testing.T, places Places) {
	from, m := fresh(t, places), fresh(t, places)
	for range 3 {
		hold(t, from, 9)
	}
	h, err := from.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}, Destination: "file:///a", Reason: "why", By: "who"})
	must(t, err)
	made := manifest.HoldText{Hold: h.Digest, Number: h.Number}
	texts, err := from.UnstoredHolds(t.Context())
	must(t, err)
	made.Text = texts[slices.IndexFunc(texts, func(t manifest.HoldText) bool { return t.Hold == h.Digest })].Text
	end, err := manifest.NewEnd(h.Digest, "over", "who")
	must(t, err)
	r := recording(7, day)
	held := func(want bool) {
		t.Helper()
		if got := isHeld(m.Deletable(t.Context(), r)); got != want {
			t.Errorf("held: %v, want %v", got, want)
		}
	}
	must(t, m.ShareHold(t.Context(), end)) // of a hold that nobody knows
	held(false)
	must(t, m.ShareHold(t.Context(), manifest.HoldText{Hold: h.Digest, Text: []byte("torn")}))
	r.ID = 8
	held(true)
	for range 2 {
		must(t, m.ShareHold(t.Context(), made)) // and now it can be read
	}
	held(false)
	r.ID = 7
	held(true)
	must(t, m.ShareHold(t.Context(), manifest.HoldText{Hold: h.Digest, Ended: true, Text: []byte("torn")}))
	held(true)
	unstored := func(want int) {
		t.Helper()
		texts, err := m.UnstoredHolds(t.Context())
		if err != nil || len(texts) != want {
			t.Errorf("%d are to be stored, %v; want %d", len(texts), err, want)
		}
		for _, text := range texts {
			must(t, m.HoldStored(t.Context(), text))
		}
	}
	unstored(1)
	for range 2 {
		must(t, m.ShareHold(t.Context(), end))
		must(t, m.ShareHold(t.Context(), made)) // again: it has ended
	}
	held(false)
	unstored(1)
	must(t, m.NoteHolds(t.Context(), 1))
	var types []receipt.Type
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		types = append(types, entry(t, line).Type)
	}
	if !slices.Contains(types, receipt.Released) {
		t.Errorf("the chain has %v", types)
	}
	all, err := m.Holds(t.Context())
	if err != nil || len(all) != 1 || all[0].Digest != h.Digest || all[0].Removed == nil || all[0].Destination != "file:///a" {
		t.Errorf("%+v, %v", all, err)
	}
	// It keeps its number, unless that is taken here.
	other, text, err := manifest.NewHold(manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"})
	must(t, err)
	for _, number := range []int64{all[0].Number, 17} {
		text.Number = number
		text.Text = append(text.Text, ' ')
		text.Hold = storage.SumOf(text.Text)
		must(t, m.ShareHold(t.Context(), text))
	}
	all, err = m.Holds(t.Context())
	if err != nil || len(all) != 3 || all[1].Number == all[0].Number || all[2].Number != 17 || other.Digest == text.Hold {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whatever VBC says of calls, and has said before, what holds cover is found, once.
func coveredIsFound(t *testing.T, places Places) {
	rapid.Check(t, func(rt *rapid.T) {
		m, err := places(t).Open(t.Context(), nil)
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		var shown, again []vbc.Recording
		for id := range int64(rapid.IntRange(0, 20).Draw(rt, "rows")) {
			if r := anyRecording(rt, id+1); r.Unreadable == "" {
				shown = append(shown, r)
				if rapid.Bool().Draw(rt, "is shown again") {
					again = append(again, saidAnew(rt, r))
				}
			}
		}
		for run, recordings := range [][]vbc.Recording{shown, again} {
			if _, err := m.Add(t.Context(), int64(run+1), recordings); err != nil {
				rt.Fatal(err)
			}
		}
		all := allOf(rt, m)
		for _, r := range all {
			for _, s := range anyWay.Draw(rt, "has come") {
				if err := stepsOf(m, r.Recording)[s](t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
		}
		all = allOf(rt, m)
		for range 5 {
			var holds []manifest.Hold
			for range rapid.IntRange(0, 2).Draw(rt, "holds") {
				h := anyHold(rt)
				if len(all) > 0 && rapid.Bool().Draw(rt, "to the moment") {
					h = manifest.Hold{Since: rapid.SampledFrom(all).Draw(rt, "about").Start}
				}
				holds = append(holds, h)
			}
			states := rapid.SampledFrom([][]manifest.State{manifest.States(), {manifest.Listed}, {manifest.Failed, manifest.Verified}, {manifest.Purged}}).Draw(rt, "states")
			want, got := []string{}, []string{}
			for _, r := range all {
				if _, held := manifest.Covering(holds, r); held && slices.Contains(states, r.State) {
					want = append(want, fmt.Sprint(r.Key(), r.Nth))
				}
			}
			for r, err := range m.Covered(t.Context(), holds, states...) {
				if err != nil {
					rt.Fatal(err)
				}
				got = append(got, fmt.Sprint(r.Key(), r.Nth))
			}
			slices.Sort(want)
			if slices.Sort(got); !slices.Equal(got, want) {
				rt.Errorf("%+v in %v: found %q, want %q", holds, states, got, want)
			}
		}
	})
}

// saidAnew is the same recording with another caller and other extensions.
func saidAnew(t *rapid.T, r vbc.Recording) vbc.Recording {
	now := vbc.ParseRecording(r.Kind, r.Owner, fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":%d%s%s}`,
		r.ID, r.Start.Format(time.RFC3339Nano), r.Size, field("caller_id", scalar(t, "caller")), field("extensions", list(t, "extensions"))))
	if now.Unreadable != "" {
		return r
	}
	return now
}

func anyHold(t *rapid.T) (h manifest.Hold) {
	switch rapid.IntRange(0, 4).Draw(t, "a hold on") {
	case 0:
		h.IDs = rapid.SliceOfN(rapid.Int64Range(1, 20), 1, 5).Draw(t, "ids")
	case 1:
		h.Extension = words.Draw(t, "extension")
	case 2:
		h.CallerID, h.Extension = words.Draw(t, "caller"), words.Draw(t, "extension")
	default:
		h.CallerID = words.Draw(t, "caller")
	}
	if rapid.IntRange(0, 3).Draw(t, "since?") == 0 {
		h.Since = spring.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "since")) * time.Hour)
	}
	return h
}
