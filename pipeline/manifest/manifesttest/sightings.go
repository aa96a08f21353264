package manifesttest

import (
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// What a listing shows is told from what is known of it, whatever has become of it.
func sightings(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	moved := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","file_size_in_bytes":2000}`))
	for i, c := range []struct {
		before manifest.Step
		listed vbc.Recording
		want   manifest.Sighting
		after  manifest.State
	}{
		{"", r, manifest.New, manifest.Listed},
		{"", r, manifest.Pending, manifest.Listed},
		{manifest.StepStored, r, manifest.Pending, manifest.Stored},
		{manifest.StepVerified, r, manifest.Archived, manifest.Verified},
		{manifest.StepPurging, r, manifest.Archived, manifest.Purging},
		{manifest.StepPurged, r, manifest.Reappeared, manifest.Verified},
		{manifest.StepPurging, r, manifest.Archived, manifest.Purging},
		{manifest.StepPurged, moved, manifest.New, manifest.Listed}, // another one under the same id
		{manifest.StepGone, moved, manifest.New, manifest.Listed},
	} {
		if c.before != "" {
			take(t, m, state(t, m, 1).Recording, c.before)
		}
		if _, s, err := m.Look(t.Context(), c.listed); s != c.want || err != nil {
			t.Errorf("%d: look says %v, %v; want %v", i, s, err, c.want)
		}
		if s := add(t, m, int64(i+1), c.listed); s[0] != c.want {
			t.Errorf("%d: %v, want %v", i, s[0], c.want)
		}
		if s := add(t, m, int64(i+1), c.listed); s[0] != manifest.Repeated {
			t.Errorf("%d: shown twice in a run: %v", i, s[0])
		}
		if row := state(t, m, 1); row.State != c.after || row.SeenRun != int64(i+1) {
			t.Errorf("%d: is %s, seen by %d; want %s", i, row.State, row.SeenRun, c.after)
		}
	}
	if row := state(t, m, 1); row.Size != 2000 || row.Copy.Known() {
		t.Errorf("the copy of another recording is still known: %+v", row)
	}
	if rows, err := m.All(t.Context(), key(1)); err != nil || len(rows) != 2 || rows[0].State != manifest.Purged || !rows[0].Displaced || rows[0].Size != 1000 {
		t.Errorf("what had the id before is %+v, %v", rows, err)
	}
}

// What VBC still lists although its deletion was confirmed is taken back, with a
// receipt, and nothing else is.
func stillListed(t *testing.T, places Places) {
	m := fresh(t, places)
	purged, kept := recording(1, day), recording(2, day)
	add(t, m, 1, purged, kept)
	take(t, m, purged, manifest.StepStored, manifest.StepPurging, manifest.StepPurged)
	take(t, m, kept, manifest.StepStored)
	still, err := m.StillListed(t.Context(), 1, []vbc.Recording{purged, kept, recording(3, day)})
	if err != nil || len(still) != 1 || still[0].ID != 1 {
		t.Errorf("%v, %v", still, err)
	}
	if a, b := state(t, m, 1), state(t, m, 2); a.State != manifest.Verified || !a.Reappeared || b.State != manifest.Stored || b.Reappeared {
		t.Errorf("%+v and %+v", a, b)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 3 {
		t.Errorf("%d receipts, %v", c.Last, err)
	}
	var last receipt.Entry
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		last = entry(t, line)
	}
	if last.Outcome != receipt.StillThere || last.Key() != purged.Key() {
		t.Errorf("%+v", last)
	}
}
