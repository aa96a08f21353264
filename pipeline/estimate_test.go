package pipeline

import (
	"testing"
	"time"
)

// At the default quota of 10 requests a minute, 10,000 recordings with
// deletion: 33 hours, and half of that with exports.
func TestEstimates(t *testing.T) {
	hours := func(requests int64) int { return int(Takes(requests, DefaultInterval).Round(time.Hour).Hours()) }
	c := CostOf(10_000, 10_000, 0)
	if hours(c.Direct) != 34 || hours(c.Export) != 17 {
		t.Errorf("%+v: %d h, %d h", c, hours(c.Direct), hours(c.Export))
	}
	if c := CostOf(3, 0, 0); c.Direct != 4 || c.Export != 4 {
		t.Errorf("an export of three costs more than three downloads: %+v", c)
	}
	if c := CostOf(3, 0, 2); c.Direct != 6 || c.Export != 6 {
		t.Errorf("transcripts are not counted: %+v", c)
	}
	if c := CostOf(0, 0, 0); c.Direct != 0 {
		t.Errorf("nothing to do costs %+v", c)
	}
}
