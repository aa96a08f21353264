package manifesttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// call is a recording as VBC shows it in full.
func call(id int64, start time.Time, size int64, callID, name string) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":%d,"call_id":%q,"file_name":%q}`, id, vbc.FormatTime(start), size, callID, name))
	r.Account = "549825"
	return r
}

// reach brings a recording into a state.
func reach(t *testing.T, m Manifest, r vbc.Recording, s manifest.State) {
	t.Helper()
	ways := map[manifest.State][]manifest.Step{
		manifest.Stored:   {manifest.StepStored},
		manifest.Verified: {manifest.StepStored, manifest.StepVerified},
		manifest.Failed:   {manifest.StepStored, manifest.StepFailed},
		manifest.Purging:  {manifest.StepStored, manifest.StepPurging},
		manifest.Purged:   {manifest.StepStored, manifest.StepPurging, manifest.StepPurged},
		manifest.Erasing:  {manifest.StepStored, manifest.StepPurging, manifest.StepPurged, manifest.StepErasing},
		manifest.Erased:   {manifest.StepStored, manifest.StepPurging, manifest.StepPurged, manifest.StepErasing, manifest.StepErased},
	}
	take(t, m, r, ways[s]...)
}

// Whatever VBC shows under an id that was given before, and whatever had become
// of that: it stays, is found, and can be led on by itself.
func whatHasACopyIsNeverDisplaced(t *testing.T, places Places) {
	first := call(7, day, 1000, "a", "a.mp3")
	for name, c := range map[string]struct {
		then vbc.Recording
		want manifest.Sighting
	}{
		"given again":           {call(7, day.AddDate(1, 0, 0), 2000, "b", "b.mp3"), manifest.New},
		"given again, as large": {call(7, day.AddDate(1, 0, 0), 1000, "b", "b.mp3"), manifest.New},
		"earlier":               {call(7, day.AddDate(-1, 0, 0), 2000, "b", "b.mp3"), manifest.New},
		"corrected":             {call(7, day.Add(time.Second), 1000, "a", "a.mp3"), manifest.Corrected},
		"another size":          {call(7, day, 2000, "a", "a.mp3"), manifest.New},
		"another name":          {call(7, day, 1000, "a", "b.mp3"), manifest.New},
		"another call":          {call(7, day, 1000, "b", "a.mp3"), manifest.New},
	} {
		for _, s := range []manifest.State{manifest.Stored, manifest.Verified, manifest.Failed, manifest.Purging, manifest.Purged, manifest.Erasing, manifest.Erased} {
			t.Run(fmt.Sprintf("%s, %s", name, s), func(t *testing.T) {
				t.Parallel()
				m := fresh(t, places)
				add(t, m, 1, first)
				reach(t, m, first, s)
				before := state(t, m, 7)
				want := c.want
				if s == manifest.Erased && want == manifest.Corrected {
					want = manifest.New // of what was erased nobody knows the call any more
				}
				if (s == manifest.Erased || s == manifest.Erasing) && c.then.Start.Equal(first.Start) && c.then.Size == first.Size {
					want = manifest.ErasedAgain
				}
				if _, saw, err := m.Look(t.Context(), c.then); saw != want || err != nil {
					t.Errorf("look says %v, %v; want %v", saw, err, want)
				}
				if saw := add(t, m, 2, c.then); saw[0] != want {
					t.Fatalf("%v, want %v", saw[0], want)
				}
				if want == manifest.ErasedAgain {
					return
				}
				rows, err := m.All(t.Context(), key(7))
				if err != nil || len(rows) != 2 {
					t.Fatalf("%d rows, %v", len(rows), err)
				}
				was, is := rows[0], rows[1]
				if was.State != s || !was.Displaced || was.Copy != before.Copy || was.Nth != 0 || !was.Start.Equal(day) {
					t.Errorf("the first is %+v", was)
				}
				if is.State != manifest.Listed || is.Displaced || is.Copy.Known() || is.Nth != 1 || !is.Start.Equal(c.then.Start) {
					t.Errorf("the second is %+v", is)
				}
				var found []int64
				for r, err := range m.Search(t.Context(), manifest.Query{IDs: []int64{7}, OldestFirst: true}) {
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, r.Nth)
				}
				if slices.Sort(found); !slices.Equal(found, []int64{0, 1}) {
					t.Errorf("found %v", found)
				}
				// The second goes its way, and the first is where it was.
				reach(t, m, is.Recording, manifest.Purged)
				if now, err := m.Row(t.Context(), key(7), 0); err != nil || now.State != s {
					t.Errorf("the first is %s, %v", now.State, err)
				}
				// VBC shows the first again: it is the one that has the id.
				saw := add(t, m, 3, first)
				if now, err := m.Get(t.Context(), key(7)); err != nil || now.Nth != 0 {
					t.Errorf("%v: now %d has the id, %v", saw, now.Nth, err)
				}
				if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
					t.Errorf("%v, %v", findings, err)
				}
			})
		}
	}
}

// What was never archived has nothing to keep.
func whatHasNoCopyIsBegunAnew(t *testing.T, places Places) {
	m := fresh(t, places)
	r := call(7, day, 1000, "a", "a.mp3")
	add(t, m, 1, r)
	if err := m.Failed(t.Context(), r, 1, manifest.Failure{Reason: "why", Permanent: true}); err != nil {
		t.Fatal(err)
	}
	add(t, m, 2, call(7, day.Add(time.Second), 1000, "a", "a.mp3"))
	if rows, err := m.All(t.Context(), key(7)); err != nil || len(rows) != 1 || rows[0].Nth != 0 || rows[0].Failure.Reason != "" {
		t.Errorf("%+v, %v", rows, err)
	}
}

// One recording has another's audio: it is not written down before VBC was asked
// once more, and then both are known for it.
func audioOfAnother(t *testing.T, places Places) {
	m := fresh(t, places)
	a, b := call(1, day, 1000, "a", "a.mp3"), call(2, day.Add(time.Hour), 1000, "b", "b.mp3")
	earlier := call(1, day.Add(time.Second), 1000, "a", "a.mp3")
	add(t, m, 1, a, b)
	copied := copyOf(a)
	if err := m.Stored(t.Context(), a, copied); err != nil {
		t.Fatal(err)
	}
	other := copyOf(b)
	other.Audio.Content = copied.Audio.Content
	err := m.Stored(t.Context(), b, other)
	if alike, ok := errors.AsType[*manifest.AlikeError](err); !ok || alike.Other.ID != 1 {
		t.Fatalf("%v", err)
	}
	if row := state(t, m, 2); row.State != manifest.Listed {
		t.Errorf("it is %s", row.State)
	}
	if err := m.StoredAlike(t.Context(), b, other); err != nil {
		t.Fatal(err)
	}
	if x, y := state(t, m, 1), state(t, m, 2); x.Alike != manifest.Suspect || y.Alike != manifest.Compared || y.State != manifest.Stored {
		t.Errorf("%v and %v, which is %s", x.Alike, y.Alike, y.State)
	}
	intent := receipt.New(receipt.Intent, 1, a)
	intent.Audio, intent.Sidecar, intent.Verified, intent.Destination = &copied.Audio, &copied.Sidecar, day, "file:///archive"
	err = m.Purging(t.Context(), a, copied, intent, false)
	if _, suspect := errors.AsType[*manifest.SuspectError](err); !suspect || state(t, m, 1).State != manifest.Stored {
		t.Errorf("its purge is begun before VBC was asked: %v", err)
	}
	if err := m.Compared(t.Context(), a, manifest.Compared); err != nil || state(t, m, 1).Alike != manifest.Compared {
		t.Errorf("%v", err)
	}
	// The same call under a corrected start is no other recording.
	add(t, m, 2, earlier)
	earlier.Nth = 1
	if err := m.Relist(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := m.Stored(t.Context(), earlier, copied); err != nil {
		t.Errorf("%v", err)
	}
}
