package state_test

import (
	"bytes"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

func memory(t *testing.T) *state.DB {
	t.Helper()
	d, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "web.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func play(t *testing.T, d *state.DB, viewer, recording string, at time.Time) state.Play {
	t.Helper()
	p, err := d.Play(t.Context(), viewer, recording, at)
	if err != nil || p.ID == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	return p
}

// A play goes on until an hour after the last request, and for half a day at most. It is
// one sign-in's and one recording's.
func TestPlays(t *testing.T) {
	t.Parallel()
	d, at := memory(t), time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	first := play(t, d, "vera", "a", at)
	if first.Written {
		t.Error("nothing was written down yet")
	}
	if err := d.PlayWritten(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for viewer, recording := range map[string]string{"paul": "a", "vera": "b"} {
		if p := play(t, d, viewer, recording, at); p.ID == first.ID || p.Written {
			t.Errorf("%s and %s: %+v", viewer, recording, p)
		}
	}
	for last := at; last.Before(at.Add(12 * time.Hour)); last = last.Add(59 * time.Minute) {
		if p := play(t, d, "vera", "a", last); p.ID != first.ID || !p.Written {
			t.Fatalf("%v later: %+v; want that it goes on", last.Sub(at), p)
		}
	}
	second := play(t, d, "vera", "a", at.Add(12*time.Hour))
	if second.ID == first.ID || second.Written {
		t.Errorf("half a day later: %+v; want another", second)
	}
	if err := d.PlayWritten(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if p := play(t, d, "vera", "a", at.Add(13*time.Hour)); p.ID == second.ID || p.Written {
		t.Errorf("an hour later: %+v; want another", p)
	}
	if p := play(t, d, "vera", "a", at); p.Written { // the clock was set back by hours
		t.Errorf("%+v", p)
	}
}

// The first requests of a player come together, and are one play.
func TestPlaysAtOnce(t *testing.T) {
	t.Parallel()
	d, at := memory(t), time.Now()
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() {
			if p, err := d.Play(t.Context(), "vera", "a", at); err != nil {
				t.Error(err)
			} else {
				ids[i] = p.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("%q", ids)
		}
	}
}

// Peaks are kept for a month, and are of the form that is asked for.
func TestPeaks(t *testing.T) {
	t.Parallel()
	d, at := memory(t), time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	for audio, levels := range map[string][]byte{"a": {1, 2, 3}, "none": nil} {
		if err := d.KeepPeaks(t.Context(), audio, 1, 90*time.Second, levels, at); err != nil {
			t.Fatal(err)
		}
	}
	has := func(audio string, form int, at time.Time) bool {
		t.Helper()
		length, levels, ok, err := d.Peaks(t.Context(), audio, form, at)
		if err != nil || ok && (length != 90*time.Second || audio == "a" && !bytes.Equal(levels, []byte{1, 2, 3}) || audio == "none" && len(levels) > 0) {
			t.Errorf("%s: %v, %v, %v", audio, length, levels, err)
		}
		return ok
	}
	if !has("a", 1, at) || !has("none", 1, at) || has("a", 2, at) || has("b", 1, at) || has("a", 1, at.AddDate(0, 1, 0)) {
		t.Error("something is kept that shouldn't be, or isn't")
	}
	if err := d.ForgetPeaks(t.Context(), "none"); err != nil || has("none", 1, at) {
		t.Errorf("it isn't forgotten, %v", err)
	}
	if err := d.KeepPeaks(t.Context(), "b", 1, 90*time.Second, nil, at.AddDate(0, 1, 0)); err != nil || has("a", 1, at) || !has("b", 1, at.AddDate(0, 1, 0)) {
		t.Errorf("what is old isn't forgotten, %v", err)
	}
}
