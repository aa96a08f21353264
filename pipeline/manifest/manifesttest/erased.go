package manifesttest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// What troubles and the ends of runs quote of a call that is erased is quoted no more,
// however its number is written. Other calls, and what is counted, stay.
func erasedIsQuotedNowhere(t *testing.T, places Places) {
	m := fresh(t, places)
	r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","file_size_in_bytes":1000,
		"caller_id":"+1 (732) 555-0100","dnis":"12125550107","cnam":"ROE \"JANE\"","file_name":"to_sales.mp3","call_id":"c-77"}`))
	r.Account = account
	other := call(2, day, 1000, "c-78", "other.mp3")
	add(t, m, 1, r, other)
	quotes := "of 17325550100, +1 (732) 555-0100, ROE \"JANE\" to 12125550107: to_sales.mp3, c-77"
	must(t, m.SetTroubles(t.Context(), 1, manifest.Trouble{Kind: vbc.Company, Code: manifest.Unlisted, Reason: quotes, Filter: "0011223344556677"},
		manifest.Trouble{Kind: vbc.Company, Code: manifest.NotShown, Reason: "of other.mp3"}))
	run, err := m.BeginRun(t.Context(), manifest.RunOptions{Cutoff: day})
	must(t, err)
	must(t, m.EndRun(t.Context(), run, map[string]any{"listed": 3, "problems": []string{"fine", quotes}, "stopped": quotes}))
	must(t, m.SetScan(t.Context(), vbc.Company, "", "caller", manifest.Scan{Run: 3}))
	must(t, m.SetScan(t.Context(), vbc.Company, "", "", manifest.Scan{Run: 4}))
	take(t, m, r, manifest.StepStored, manifest.StepPurging, manifest.StepPurged, manifest.StepErasing, manifest.StepErased)
	troubles, err := m.Troubles(t.Context())
	must(t, err)
	const left = "of erased, erased, erased to erased: erased, erased"
	var reasons []string
	for _, tr := range troubles {
		if tr.Filter != "" {
			t.Errorf("a trouble has the filter %q", tr.Filter)
		}
		reasons = append(reasons, tr.Reason)
	}
	slices.Sort(reasons)
	if want := []string{left, "of other.mp3"}; !slices.Equal(reasons, want) {
		t.Errorf("troubles say %q, want %q", reasons, want)
	}
	runs, err := m.Runs(t.Context(), 1)
	must(t, err)
	if want := `{"listed":3,"problems":["fine","` + left + `"],"stopped":"` + left + `"}`; string(runs[0].Summary) != want {
		t.Errorf("the run has ended with %s, want %s", runs[0].Summary, want)
	}
	if s, err := m.Scan(t.Context(), vbc.Company, "", "caller"); err != nil || s.Run != 0 {
		t.Errorf("what was listed of one caller is known: %+v, %v", s, err)
	}
	if s, err := m.Scan(t.Context(), vbc.Company, "", ""); err != nil || s.Run != 4 {
		t.Errorf("what was listed of all is forgotten: %+v, %v", s, err)
	}
	if row := state(t, m, 2); row.FileName != "other.mp3" {
		t.Errorf("the other recording is %s", row.Raw)
	}
}

// What the archive has and the manifest doesn't know is erased under a row of its own,
// behind those of its id, unless it is held.
func foundIsErasedUnderARowOfItsOwn(t *testing.T, places Places) {
	m := fresh(t, places)
	r := call(7, day, 1000, "a", "a.mp3")
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored, manifest.StepPurging, manifest.StepPurged)
	then := call(7, day.AddDate(0, -1, 0), 2000, "b", "b.mp3")
	found := manifest.Row{Recording: then, Copy: copyOf(then)}
	h := hold(t, m, 7)
	if _, held := errors.AsType[*manifest.HeldError](m.ErasingFound(t.Context(), &found, erasureOf(then, receipt.Erasing))); !held {
		t.Error("what is held is begun")
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 2 {
		t.Errorf("the chain has %d entries, %v", c.Last, err)
	}
	_, err := m.RemoveHold(t.Context(), h.Number, "over", "who")
	must(t, err)
	must(t, m.ErasingFound(t.Context(), &found, erasureOf(then, receipt.Erasing)))
	if row := state(t, m, 7); row.Nth != 0 || row.State != manifest.Purged {
		t.Errorf("VBC has shown %+v last", row)
	}
	row, err := m.Row(t.Context(), key(7), found.Nth)
	must(t, err)
	if d := cmp.Diff(found.Copy.Audio, row.Copy.Audio); found.Nth != 1 || row.State != manifest.Erasing || string(row.Raw) != string(then.Raw) || d != "" {
		t.Errorf("%+v, %s", row, d)
	}
	take(t, m, found.Recording, manifest.StepErased)
	if seen := add(t, m, 2, then); seen[0] != manifest.ErasedAgain {
		t.Errorf("listed again it is %v", seen[0])
	}
}

// What never had a copy is erased under the name that its entries give, so that a row
// and its receipts say the same.
func goneIsErasedWhereItWouldBe(t *testing.T, places Places) {
	m := fresh(t, places)
	r := call(1, day, 1000, "a", "a.mp3")
	add(t, m, 1, r)
	take(t, m, r, manifest.StepFailed, manifest.StepGone, manifest.StepErasing)
	if row := state(t, m, 1); row.State != manifest.Erasing || row.Copy.Audio != copyOf(r).Audio || row.Copy.Sidecar != copyOf(r).Sidecar {
		t.Errorf("%+v", row)
	}
	take(t, m, r, manifest.StepErased)
	if row := state(t, m, 1); string(row.Raw) != string(manifest.Bare(1, day, 1000)) {
		t.Errorf("%s is left", row.Raw)
	}
}
