package manifesttest

import (
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// What somebody has acknowledged is known as long as the reason stays the same.
func acknowledgedTrouble(t *testing.T, places Places) {
	m := fresh(t, places)
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	all := []manifest.Trouble{
		{Kind: vbc.Company, Code: manifest.Unreadable, Item: "7", Reason: "no start", Ends: day},
		{Kind: vbc.Company, Code: manifest.Unreadable, Item: "77", Reason: "no start", Ends: day},
		{Kind: vbc.OnDemand, Owner: "745249", Code: manifest.NotShown, Reason: "1 recording", Begins: day.AddDate(0, -1, 0), Ends: day},
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(names ...string) {
		t.Helper()
		got, err := m.Troubles(t.Context())
		ok(err)
		if len(got) != len(names) {
			t.Fatalf("%d troubles, want %d: %+v", len(got), len(names), got)
		}
		for i, name := range names {
			if has := got[i].Name() + " " + got[i].Acknowledged; has != name {
				t.Errorf("%q, want %q", has, name)
			}
		}
	}
	ok(m.SetTroubles(t.Context(), 1, all...))
	want("missing/on-demand/745249 ", "unreadable/company/7 ", "unreadable/company/77 ")
	known, err := m.AcknowledgeTroubles(t.Context(), "unreadable/company/7", "a ticket")
	if ok(err); len(known) != 1 {
		t.Errorf("%d acknowledged, want just the one of that name", len(known))
	}
	known, err = m.AcknowledgeTroubles(t.Context(), "missing", "known")
	if ok(err); len(known) != 1 {
		t.Errorf("%d acknowledged, want all below that name", len(known))
	}
	want("unreadable/company/77 ", "missing/on-demand/745249 known", "unreadable/company/7 a ticket")
	all[2].Reason = "2 recordings"
	ok(m.SetTroubles(t.Context(), 2, all...))
	want("missing/on-demand/745249 ", "unreadable/company/77 ", "unreadable/company/7 a ticket")

	// Only a listing that covers as much says that it is over.
	of := func(begins time.Time, filter string) manifest.Trouble {
		return manifest.Trouble{Kind: vbc.OnDemand, Owner: "745249", Begins: begins, Ends: day, Filter: manifest.FilterName(filter)}
	}
	ok(m.Listed(t.Context(), 3, of(day, "")))
	ok(m.Listed(t.Context(), 3, of(time.Time{}, "extension=101")))
	ok(m.Listed(t.Context(), 2, of(time.Time{}, ""))) // the run that has met it
	want("missing/on-demand/745249 ", "unreadable/company/77 ", "unreadable/company/7 a ticket")
	ok(m.Listed(t.Context(), 3, of(day.AddDate(0, -1, 0), "")))
	want("unreadable/company/77 ", "unreadable/company/7 a ticket")

	// What a listing of everything has met is over by one of everything only,
	// though a filtered one has met it too.
	filtered := all[0]
	filtered.Filter = manifest.FilterName("extension=101")
	ok(m.SetTroubles(t.Context(), 4, filtered))
	ok(m.Listed(t.Context(), 5, manifest.Trouble{Kind: vbc.Company, Ends: day, Filter: filtered.Filter}))
	want("unreadable/company/77 ", "unreadable/company/7 a ticket")
}
