package manifesttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

func stale(t *testing.T, m Manifest) (months []string) {
	t.Helper()
	found, err := m.StaleMonths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, month := range found {
		months = append(months, month.String())
	}
	return months
}

// catalogued takes all months off the list.
func catalogued(t *testing.T, m Manifest) {
	t.Helper()
	found, err := m.StaleMonths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, month := range found {
		if err := m.Catalogued(t.Context(), month); err != nil {
			t.Fatal(err)
		}
	}
	if left := stale(t, m); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// Every step of a recording makes its month stale, and no other; what says
// nothing new doesn't.
func everyStepMakesItsMonthStale(t *testing.T, places Places) {
	m := fresh(t, places)
	last := recording(1, time.Date(2026, 5, 31, 23, 59, 59, 0, time.UTC))
	add(t, m, 1, last, recording(2, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if got := stale(t, m); !slices.Equal(got, []string{"2026-05", "2026-06"}) {
		t.Errorf("listed: %v", got)
	}
	catalogued(t, m)
	for _, s := range []manifest.Step{
		manifest.StepFailed, manifest.StepStored, manifest.StepVerified, manifest.StepPurging, manifest.StepPurged, manifest.StepErasing, manifest.StepErased,
	} {
		take(t, m, last, s)
		if got := stale(t, m); !slices.Equal(got, []string{"2026-05"}) {
			t.Errorf("%s: %v", s, got)
		}
		catalogued(t, m)
	}
	add(t, m, 2, recording(2, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))) // listed again
	if err := m.Damaged(t.Context(), last, "it is missing"); err != nil {
		t.Fatal(err)
	}
	if got := stale(t, m); len(got) != 0 {
		t.Errorf("nothing new: %v", got)
	}
	all, err := m.Months(t.Context())
	if err != nil || fmt.Sprint(all) != "[2026-05 2026-06]" || all[0].Stale() {
		t.Errorf("%v, %v", all, err)
	}
	for i, want := range []int64{1, 2} {
		n := 0
		for row, err := range m.Of(t.Context(), all[i]) {
			if n++; err != nil || row.ID != want {
				t.Errorf("%s has %v, %v", all[i], row.Recording, err)
			}
		}
		if n != 1 {
			t.Errorf("%s has %d recordings", all[i], n)
		}
	}
}

// A change that comes while a month's file is being made is not taken for part
// of it.
func changeWhileAFileIsMade(t *testing.T, places Places) {
	m := fresh(t, places)
	add(t, m, 1, recording(1, day))
	before, err := m.StaleMonths(t.Context())
	if err != nil || len(before) != 1 {
		t.Fatalf("%v, %v", before, err)
	}
	add(t, m, 1, recording(2, day.Add(time.Hour)))
	if err := m.Catalogued(t.Context(), before[0]); err != nil {
		t.Fatal(err)
	}
	if got := stale(t, m); !slices.Equal(got, []string{"2026-05"}) {
		t.Errorf("%v; want that the month is still stale", got)
	}
	if now, err := m.MonthOf(t.Context(), day); err != nil || !now.Stale() || now.String() != "2026-05" {
		t.Errorf("%v, %v", now, err)
	}
	catalogued(t, m)
	if now, err := m.MonthOf(t.Context(), day); err != nil || now.Stale() || now.String() != "2026-05" {
		t.Errorf("%v, %v", now, err)
	}
}

// A month begins when it begins somewhere, also where the clock leaves out its
// first hour.
func monthsOfAnyZone(t *testing.T, places Places) {
	m := fresh(t, places)
	for id, start := range []string{"2017-10-01T03:59:59+0000", "2017-10-01T04:00:00+0000"} {
		r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":1}`, id+1, start))
		add(t, m, 1, r)
	}
	for name, want := range map[string]string{"America/Asuncion": "[{2017-09 1 1} {2017-10 1 1}]", "UTC": "[{2017-10 2 2}]", "Asia/Kathmandu": "[{2017-10 2 2}]"} {
		at, err := time.LoadLocation(name)
		must(t, err)
		if groups, total, err := m.Count(t.Context(), manifest.Query{}, manifest.ByMonth, at); err != nil || fmt.Sprint(groups) != want || total.Recordings != 2 {
			t.Errorf("%s: %v, %v, %v", name, groups, total, err)
		}
	}
}
