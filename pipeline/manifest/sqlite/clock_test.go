package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// A pace is believed for a week, and not until a week after a time that a
// wrong clock has written down.
func TestPaceFromTheFuture(t *testing.T) {
	t.Parallel()
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		age  time.Duration
		want time.Duration
	}{
		{0, 6 * time.Second}, {6 * 24 * time.Hour, 6 * time.Second}, {8 * 24 * time.Hour, 0},
		{-time.Minute, 6 * time.Second}, {-time.Hour, 0}, {-5 * 365 * 24 * time.Hour, 0},
	} {
		pace := fmt.Sprintf("6000@%d", time.Now().Add(-c.age).UnixMilli())
		if err := m.exec(t.Context(), setMeta, "pace", pace); err != nil {
			t.Fatal(err)
		}
		if l, err := m.Learned(t.Context()); err != nil || l.Pace != c.want {
			t.Errorf("%v old: %v, %v; want %v", c.age, l.Pace, err, c.want)
		}
	}
}

// A size of pages is believed for a week from when it was learned or VBC has
// confirmed it, and not from when it was last used.
func TestPageSizeIsForgotten(t *testing.T) {
	t.Parallel()
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		stored string
		found  manifest.Learned // by a run that ends now
		later  time.Duration
		want   int
	}{
		"never learned":             {"", manifest.Learned{}, 0, 0},
		"learned just now":          {"", manifest.Learned{PageSize: 62}, 0, 62},
		"of an earlier version":     {"62", manifest.Learned{}, 0, 0},
		"six days old":              {dated(62, time.Now().Add(-6*day)), manifest.Learned{}, 0, 62},
		"eight days old":            {dated(62, time.Now().Add(-8*day)), manifest.Learned{}, 0, 0},
		"six days old, used":        {dated(62, time.Now().Add(-6*day)), manifest.Learned{PageSize: 62}, 2 * day, 0},
		"six days old, confirmed":   {dated(62, time.Now().Add(-6*day)), manifest.Learned{PageSize: 62, PagesRefused: true}, 2 * day, 62},
		"six days old, another now": {dated(62, time.Now().Add(-6*day)), manifest.Learned{PageSize: 500}, 2 * day, 500},
		"of the future":             {dated(62, time.Now().Add(day)), manifest.Learned{}, 0, 0},
	} {
		if err := m.exec(t.Context(), setMeta, "page_size", c.stored); err != nil {
			t.Fatal(err)
		}
		if err := m.SetLearned(t.Context(), c.found); err != nil {
			t.Fatal(err)
		}
		if c.later > 0 {
			text, err := m.meta(t.Context(), "page_size")
			if err != nil {
				t.Fatal(err)
			}
			var n, at int64
			if _, err := fmt.Sscanf(text, "%d@%d", &n, &at); err != nil {
				t.Fatal(err)
			}
			if err := m.exec(t.Context(), setMeta, "page_size", dated(n, time.UnixMilli(at).Add(-c.later))); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := m.Learned(t.Context()); err != nil || l.PageSize != c.want {
			t.Errorf("%s: %d, %v; want %d", name, l.PageSize, err, c.want)
		}
	}
}

// dated is a number as it is kept with when it was learned.
func dated(n int64, at time.Time) string { return fmt.Sprintf("%d@%d", n, at.UnixMilli()) }
