package manifesttest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// What somebody may have to look at: the oldest that waits, what fails and since when,
// what is damaged, and when locks end.
func figures(t *testing.T, places Places) {
	m := fresh(t, places)
	want := func(want manifest.Figures) {
		t.Helper()
		got, err := m.Figures(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	want(manifest.Figures{})
	locked := func(id int64, until time.Time) {
		t.Helper()
		r := recording(id, day.Add(time.Duration(id)*time.Hour))
		c := copyOf(r)
		add(t, m, 1, r)
		must(t, m.Stored(t.Context(), r, c))
		c.Audio.LockedUntil = until
		must(t, m.Verified(t.Context(), r, c, day, true))
	}
	first, last := day.AddDate(1, 0, 0), day.AddDate(7, 0, 0)
	locked(1, last)
	locked(2, time.Time{})
	want(manifest.Figures{LockedFirst: last, LockedLast: last})
	locked(3, first)
	locked(4, first.Add(time.Minute))
	locks := manifest.Figures{LockedFirst: first, LockedLast: last}
	want(locks)

	// One fails for the second run in a row, another for the first time.
	old, young, known := recording(10, day.Add(-3*time.Hour)), recording(11, day.Add(-2*time.Hour)), recording(12, day.Add(-4*time.Hour))
	add(t, m, 1, old, young, known)
	w := locks
	w.OldestUnarchived = known.Start
	want(w)
	var runs []int64
	for range 2 {
		run, err := m.BeginRun(t.Context(), manifest.RunOptions{})
		must(t, err)
		runs = append(runs, run)
		must(t, m.Failed(t.Context(), old, run, manifest.Failure{Code: "size", Reason: "why"}))
	}
	must(t, m.Failed(t.Context(), young, runs[1], manifest.Failure{Code: "network", Reason: "why"}))
	must(t, m.Failed(t.Context(), known, runs[0], manifest.Failure{Code: "size", Reason: "why", Permanent: true}))
	must(t, m.Acknowledge(t.Context(), known, "a ticket"))
	begun, err := m.Runs(t.Context(), 2)
	must(t, err)
	w.OldestUnarchived, w.OldestFailure = old.Start, begun[1].Started
	w.Failures = []manifest.FailureCount{{Code: "network", Recordings: 1}, {Code: "size", Recordings: 1, Acknowledged: 1}}
	want(w)

	// What is archived isn't waiting, though it fails at something else.
	take(t, m, old, manifest.StepStored, manifest.StepVerified)
	must(t, m.Failed(t.Context(), old, runs[1], manifest.Failure{Code: "delete-vbc-409", Reason: "why"}))
	must(t, m.Failed(t.Context(), young, runs[1], manifest.Failure{Code: "network", Reason: "why"}))
	got, err := m.Figures(t.Context())
	must(t, err)
	if !got.OldestUnarchived.Equal(young.Start) || len(got.Failures) != 3 {
		t.Errorf("%+v", got)
	}

	// It is over.
	for _, r := range []int64{10, 11, 12} {
		row := state(t, m, r)
		take(t, m, row.Recording, manifest.StepStored, manifest.StepVerified)
	}
	want(locks)
	row := state(t, m, 3)
	take(t, m, row.Recording, manifest.StepPurging, manifest.StepPurged)
	must(t, m.Damaged(t.Context(), row.Recording, "it is missing"))
	locks.Damaged = 1
	got, err = m.Figures(t.Context())
	must(t, err)
	if got.Damaged != 1 {
		t.Errorf("%d damaged", got.Damaged)
	}
}

// The numbers of all runs are added up by their names; what is no number isn't.
func sumsOfRuns(t *testing.T, places Places) {
	m := fresh(t, places)
	sums := func(member string, want map[string]float64) {
		t.Helper()
		got, err := m.Sums(t.Context(), member)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	sums("", map[string]float64{})
	for _, s := range []any{
		map[string]any{"bytes": 1 << 40, "wait": 0.5, "requests": map[string]int{"200": 3, "none": 1}, "stopped": "7"},
		map[string]any{"bytes": 2, "wait": 0.25, "requests": map[string]int{"200": 4}},
		map[string]any{"bytes": 3},
		[]int{7},
	} {
		run, err := m.BeginRun(t.Context(), manifest.RunOptions{})
		must(t, err)
		must(t, m.EndRun(t.Context(), run, s))
	}
	_, err := m.BeginRun(t.Context(), manifest.RunOptions{}) // which goes on
	must(t, err)
	sums("", map[string]float64{"bytes": 1<<40 + 5, "wait": 0.75})
	sums("requests", map[string]float64{"200": 7, "none": 1})
	sums("nothing", map[string]float64{})
}
