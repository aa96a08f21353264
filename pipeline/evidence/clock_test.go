package evidence

import (
	"errors"
	"testing"
	"time"
)

// What was asked for too long ago by either clock is no evidence any more.
func TestEvidenceGoesStale(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		wall, boot time.Duration // that have gone by
		stale      bool
	}{
		"at once":                                  {0, 0, false},
		"a little later":                           {Fresh, Fresh, false},
		"too late":                                 {Fresh + 1, Fresh + 1, true},
		"the machine slept":                        {0, time.Hour, true},
		"the process was stopped":                  {11 * time.Second, 11 * time.Second, true},
		"restored from a snapshot":                 {time.Hour, 0, true},
		"the wall clock was set back":              {-time.Minute, time.Second, true},
		"the wall clock was set back by a whisker": {-time.Millisecond, time.Second, false},
	} {
		at := moment{}
		c0 := clocks{wall: func() time.Time { return begin.Add(at.boot) }, boot: func() time.Duration { return at.boot }}
		m := c0.now()
		c1 := clocks{wall: func() time.Time { return begin.Add(c.wall) }, boot: func() time.Duration { return c.boot }}
		if got := c1.age(m) > Fresh; got != c.stale {
			t.Errorf("%s: stale is %v", name, got)
		}
	}
	var v Verified // asked at the beginning of time
	var stale *StaleError
	if err := v.Fresh(); !errors.As(err, &stale) {
		t.Errorf("the zero value: %v", err)
	}
	if v.asked = system.now(); v.Fresh() != nil {
		t.Errorf("%v", v.Fresh())
	}
	if a, b := sinceBoot(), sinceBoot(); b < a || a <= 0 && a != b {
		t.Errorf("the clock went from %v to %v", a, b)
	}
}
