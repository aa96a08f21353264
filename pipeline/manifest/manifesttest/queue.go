package manifesttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

func pending(t testing.TB, m Manifest, sel manifest.Selection) (ids []int64) {
	t.Helper()
	for row, err := range m.Pending(t.Context(), sel) {
		must(t, err)
		ids = append(ids, row.ID)
	}
	if n, err := m.CountPending(t.Context(), sel); err != nil || n != int64(len(ids)) {
		t.Errorf("%d are pending, and %d are counted, %v", len(ids), n, err)
	}
	return ids
}

// Oldest first, earlier failures last, and not again what failed in this run.
func pendingOrder(t *testing.T, places Places) {
	m := fresh(t, places)
	var all []vbc.Recording
	for i := range int64(600) {
		all = append(all, recording(1+i, day.Add(-time.Duration(i)*time.Minute)))
	}
	add(t, m, 1, all...)
	oldest, failedNow, verified := all[599], all[598], all[597]
	must(t, errors.Join(m.Failed(t.Context(), oldest, 1, manifest.Failure{Reason: "earlier"}), m.Failed(t.Context(), failedNow, 2, manifest.Failure{Reason: "now"})))
	take(t, m, verified, manifest.StepStored, manifest.StepVerified)
	ids := pending(t, m, manifest.Selection{Run: 2, Before: day.Add(time.Hour)})
	if len(ids) != 598 || ids[0] != 597 || ids[596] != 1 || ids[597] != 600 {
		t.Errorf("%d rows: %v … %v", len(ids), ids[:3], ids[len(ids)-3:])
	}
	if ids := pending(t, m, manifest.Selection{Run: 2, Before: day.Add(time.Hour), Verified: true}); len(ids) != 599 || ids[0] != 598 {
		t.Errorf("with verified: %d rows, %v", len(ids), ids[:3])
	}
	if ids := pending(t, m, manifest.Selection{Run: 2, Before: day.Add(-590 * time.Minute)}); len(ids) > 10 {
		t.Errorf("before a time: %d rows", len(ids))
	}
	if ids := pending(t, m, manifest.Selection{Run: 1, Before: day.Add(time.Hour)}); !slices.Equal(ids, []int64{599}) {
		t.Errorf("what this run's listing has shown: %v", ids)
	}
	take(t, m, all[0], manifest.StepStored, manifest.StepPurging)
	if ids := pending(t, m, manifest.Selection{Run: 2, Before: day.AddDate(-1, 0, 0)}); !slices.Equal(ids, []int64{1}) {
		t.Errorf("a purge that was begun is no less open than before: %v", ids)
	}
}

// Rows that are moved on while they are read come once each, and all come.
func pendingWhileRowsMove(t *testing.T, places Places) {
	m := fresh(t, places)
	var all []vbc.Recording
	for i := range int64(700) { // of the same time, and two kinds
		r := recording(1+i, day)
		if i%2 == 1 {
			r.Kind, r.Owner = vbc.OnDemand, fmt.Sprint(i%7)
		}
		all = append(all, r)
	}
	add(t, m, 1, all...)
	seen := map[vbc.Key]int{}
	for row, err := range m.Pending(t.Context(), manifest.Selection{Run: 2, Before: day.Add(time.Hour)}) {
		must(t, err)
		seen[row.Key()]++
		if row.ID%20 == 0 { // each is a commit
			must(t, m.Failed(t.Context(), row.Recording, 2, manifest.Failure{Reason: "why"}))
		}
	}
	for _, r := range all {
		if seen[r.Key()] != 1 {
			t.Errorf("%s came %d times", r, seen[r.Key()])
		}
	}
	again := pending(t, m, manifest.Selection{Run: 3, Before: day.Add(time.Hour)})
	if len(again) != len(all) || again[len(again)-1]%20 != 0 || again[0]%20 == 0 {
		t.Errorf("in the next run %d come", len(again))
	}
}

// What has failed in three runs for a permanent cause rests, and comes if it is
// asked for; a purge that was begun never rests.
func resting(t *testing.T, places Places) {
	m := fresh(t, places)
	a, b, c := recording(1, day), recording(2, day), recording(3, day)
	add(t, m, 1, a, b, c)
	take(t, m, c, manifest.StepStored, manifest.StepPurging)
	for run := range int64(manifest.RestAfter) {
		for _, r := range []vbc.Recording{a, b, c} {
			must(t, m.Failed(t.Context(), r, 1+run, manifest.Failure{Reason: "why", Permanent: r.ID != 2}))
		}
	}
	sel := manifest.Selection{Run: 9, Before: day.Add(time.Hour)}
	if ids := pending(t, m, sel); !slices.Equal(slices.Sorted(slices.Values(ids)), []int64{2, 3}) {
		t.Errorf("pending are %v", ids)
	}
	if rows, err := m.Resting(t.Context(), sel); err != nil || len(rows) != 1 || rows[0].ID != 1 || rows[0].Failure.Attempts != manifest.RestAfter {
		t.Errorf("%+v rest, %v", rows, err)
	}
	sel.RetryFailed = true
	if ids := pending(t, m, sel); len(ids) != 3 {
		t.Errorf("asked for, %v come", ids)
	}
	if rows, err := m.Resting(t.Context(), sel); err != nil || len(rows) != 0 {
		t.Errorf("%+v rest all the same, %v", rows, err)
	}
}

// Whatever yields all rows yields each once, in its order, however many there are.
func everyRowOnce(t *testing.T, places Places) {
	m := fresh(t, places)
	var all []vbc.Recording
	for i := range int64(900) {
		r := recording(1+(i*7919)%900, day.Add(time.Duration(i%5)*time.Hour))
		if i%3 > 0 {
			r.Kind, r.Owner = vbc.OnDemand, fmt.Sprint(8+i%3)
		}
		all = append(all, r)
	}
	add(t, m, 1, all[:500]...)
	add(t, m, 2, all[500:]...)
	order := func(a, b vbc.Recording) bool { // a before b
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Owner < b.Owner || a.Owner == b.Owner && !b.Start.Before(a.Start)
	}
	n, seen := 0, 0
	var last vbc.Recording
	for row, err := range m.InOrder(t.Context()) {
		must(t, err)
		if n++; n > 1 && !order(last, row.Recording) {
			t.Fatalf("%s, %s comes after %s, %s", row.Recording, row.Start, last, last.Start)
		}
		last = row.Recording
	}
	for row, err := range m.SeenBy(t.Context(), 2) {
		must(t, err)
		if seen++; row.SeenRun != 2 {
			t.Errorf("%+v", row)
		}
	}
	if n != 900 || seen != 400 {
		t.Errorf("%d rows, and %d of run 2", n, seen)
	}
	take(t, m, all[0], manifest.StepStored, manifest.StepVerified)
	take(t, m, all[1], manifest.StepStored)
	for of, want := range map[int]int{0: 1, 2: 1} {
		copies := 0
		for row, err := range m.Copies(t.Context(), of, []int{0, 1}) {
			must(t, err)
			if copies++; row.Key() != all[0].Key() {
				t.Errorf("%+v", row)
			}
		}
		if copies != want {
			t.Errorf("%d copies", copies)
		}
	}
	for range m.Copies(t.Context(), 2, []int{int(1 - all[0].ID%2)}) {
		t.Error("a part that isn't due has a copy")
	}
}
