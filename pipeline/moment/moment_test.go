package moment

import (
	"testing"
	"time"
)

// What is too long ago by either clock is old.
func TestAge(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	begin := time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		wall, boot time.Duration // that have gone by
		stale      bool
	}{
		"at once":                                  {0, 0, false},
		"a little later":                           {limit, limit, false},
		"too late":                                 {limit + 1, limit + 1, true},
		"the machine slept":                        {0, time.Hour, true},
		"the process was stopped":                  {11 * time.Second, 11 * time.Second, true},
		"restored from a snapshot":                 {time.Hour, 0, true},
		"the wall clock was set back":              {-time.Minute, time.Second, true},
		"the wall clock was set back by a whisker": {-time.Millisecond, time.Second, false},
	} {
		at := Moment{}
		c0 := clocks{wall: func() time.Time { return begin.Add(at.boot) }, boot: func() time.Duration { return at.boot }}
		m := c0.now()
		c1 := clocks{wall: func() time.Time { return begin.Add(c.wall) }, boot: func() time.Duration { return c.boot }}
		if got := c1.age(m) > limit; got != c.stale {
			t.Errorf("%s: stale is %v", name, got)
		}
	}
	if age := (Moment{}).Age(); age < time.Hour {
		t.Errorf("the zero moment was %v ago", age)
	}
	if age := Now().Age(); age < 0 || age > time.Hour {
		t.Errorf("now was %v ago", age)
	}
	if a, b := sinceBoot(), sinceBoot(); b < a || a <= 0 && a != b {
		t.Errorf("the clock went from %v to %v", a, b)
	}
}
