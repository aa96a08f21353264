package manifest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
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
