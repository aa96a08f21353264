package manifesttest

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// filled is a manifest that was made with these rows.
func filled(t *testing.T, places Places, fill func(Fillable) error) Manifest {
	t.Helper()
	p := places(t)
	must(t, p.Create(t.Context(), func(m Fillable) error {
		return errors.Join(m.Bind(t.Context(), manifest.Binding{Account: account}), fill(m))
	}))
	return open(t, p, nil)
}

// A copy that nobody vouches for stays that until what VBC sends is stored, or
// somebody vouches for all; it isn't forgotten before, and what is the same keeps its
// age.
func unvouchedUntilStored(t *testing.T, places Places) {
	old := day.AddDate(-1, 0, 0)
	m := filled(t, places, func(m Fillable) error {
		var all []manifest.Row
		for id := int64(1); id <= 6; id++ {
			r := recording(id, day)
			c := copyOf(r)
			c.ArchivedAt = old
			all = append(all, manifest.Row{Recording: r, State: manifest.Verified, Copy: c, Unvouched: id != 6, Said: []manifest.Said{{Start: day, CallerID: "1", Extensions: []string{"2"}}}})
		}
		return m.Put(t.Context(), all...)
	})
	if row := state(t, m, 1); !row.Unvouched || len(row.Said) != 1 || row.Said[0].CallerID != "1" || row.Said[0].Extensions[0] != "2" || !row.Said[0].Start.Equal(day) {
		t.Errorf("%+v", row)
	}
	count := func(want int64) {
		t.Helper()
		if n, err := m.Unvouched(t.Context()); err != nil || n != want {
			t.Errorf("%d are unvouched, %v; want %d", n, err, want)
		}
	}
	count(5)
	for id := int64(1); id <= 6; id++ {
		before := state(t, m, id)
		must(t, m.Comparing(t.Context(), recording(id, day)))
		if after := state(t, m, id); after.Unvouched && after.State == manifest.Stored {
			before.State = manifest.Stored
			if d := gocmp.Diff(before, after); d != "" {
				t.Error(d)
			}
		} else if id != 6 || after.State != manifest.Verified {
			t.Errorf("%+v", after)
		}
	}
	same, moved, others := recording(1, day), recording(2, day), recording(3, day)
	must(t, m.Stored(t.Context(), same, copyOf(same)))
	elsewhere := copyOf(moved)
	elsewhere.Audio.Key = "elsewhere.mp3"
	must(t, m.Stored(t.Context(), moved, elsewhere))
	another := copyOf(others)
	another.Audio.SHA256 = storage.SumOf([]byte("another"))
	must(t, m.Stored(t.Context(), others, another))
	must(t, m.Relist(t.Context(), recording(4, day)))
	for id, want := range map[int64]time.Time{1: old, 2: {}, 3: {}, 4: {}} {
		if row := state(t, m, id); row.Unvouched || !row.Copy.ArchivedAt.Equal(want) {
			t.Errorf("recording %d: %+v; want it archived at %s", id, row, want)
		}
	}
	count(1)
	if n, err := m.VouchForAll(t.Context()); err != nil || n != 1 || state(t, m, 5).Unvouched {
		t.Errorf("%d, %v", n, err)
	}
	take(t, m, recording(4, day), manifest.StepFound)
	if row := state(t, m, 4); !row.Unvouched || row.State != manifest.Purged {
		t.Errorf("what was found is vouched for: %+v", row)
	}
	count(0) // which VBC has no more
}

// What is told of a recording without its copy is about the one that was told of by
// the same, and a copy of which no more is told than that it is there takes nothing
// back.
func toldByTheSame(t *testing.T, places Places) {
	m := filled(t, places, func(m Fillable) error {
		tell := func(run, size int64, state manifest.State, at time.Time, copied bool) manifest.Row {
			r := recording(1, day)
			r.Size = size
			row := manifest.Row{Recording: r, State: state, SeenRun: run}
			if copied {
				row.Copy = copyOf(r)
				row.Copy.Audio.Size = size
			}
			row.Copy.StoredAt = at
			return row
		}
		return m.Tell(t.Context(), []manifest.Row{
			tell(-2, 7, manifest.Verified, day.Add(time.Hour), true),
			tell(-1, 8, manifest.Purging, day, true),
			tell(-1, 8, manifest.Purged, day.Add(time.Minute), false),
			tell(-1, 8, "", day.Add(2*time.Minute), true),
			tell(-2, 7, "", day.Add(3*time.Hour), true),
		})
	})
	rows, err := m.All(t.Context(), key(1))
	must(t, err)
	got := map[int64]manifest.State{}
	for _, r := range rows {
		got[r.Copy.Audio.Size] = r.State
	}
	if want := (map[int64]manifest.State{7: manifest.Verified, 8: manifest.Purged}); !gocmp.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
