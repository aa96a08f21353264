package check

import (
	"slices"
	"testing"
	"time"
)

// Another part every day: after as many days as there are parts, everything
// was looked at, and nothing twice before.
func TestSampleIsAnotherOneEveryDay(t *testing.T) {
	for _, c := range []struct{ parts, of int }{{1, 30}, {2, 30}, {7, 7}, {1, 1}} {
		seen := map[int]bool{}
		day := time.Date(2026, 11, 23, 2, 17, 0, 0, time.UTC)
		for d := range c.of / c.parts {
			due := VerifyOptions{Parts: c.parts, Of: c.of, Now: day.AddDate(0, 0, d)}.parts()
			for _, p := range due {
				if seen[p] || p < 0 || p >= c.of {
					t.Errorf("%d/%d: part %d comes again", c.parts, c.of, p)
				}
				seen[p] = true
			}
			later := VerifyOptions{Parts: c.parts, Of: c.of, Now: day.AddDate(0, 0, d).Add(20 * time.Hour)}.parts()
			if !slices.Equal(due, later) {
				t.Errorf("%v and %v on one day", due, later)
			}
		}
		if len(seen) != c.of {
			t.Errorf("%d/%d: %d parts were looked at", c.parts, c.of, len(seen))
		}
	}
}
