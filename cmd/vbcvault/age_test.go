package main

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

// An age in m is refused with the two that may be meant, and what has no unit
// that is known with what to write.
func TestAges(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"90d": 90 * day, "2w": 14 * day, "1y": 365 * day, "36h": 36 * time.Hour, "1y2w": 379 * day, "360s": 6 * time.Minute,
		"1ms": time.Millisecond, "1h1800s": 90 * time.Minute, "0": 0,
	} {
		if d, err := parseAge("delete-after", s); err != nil || d != want {
			t.Errorf("%s: %v, %v; want %v", s, d, err, want)
		}
	}
	const unclear, unknown = "--delete-after %s: minutes or months?", "--delete-after %q is not a duration"
	const form = "write it as in 90d, 2w, 1y or 36h"
	for s, want := range map[string]struct{ text, hint string }{
		"6m":       {unclear, "write 360s for 6 minutes, or 180d for about 6 months"},
		"1m":       {unclear, "write 60s for 1 minute, or 30d for about 1 month"},
		"90m":      {unclear, "write 5400s for 90 minutes, or 2735d for about 90 months"},
		"12m":      {unclear, "write 720s for 12 minutes, or 365d for about 12 months"},
		"1h30m":    {unclear, "write 1h1800s for 1h and 30 minutes, or 910d1h for 1h and about 30 months"},
		"1y6m":     {unclear, "write 1y360s for 1y and 6 minutes, or 1y180d for 1y and about 6 months"},
		"2d6m30s":  {unclear, "write 2d390s for 2d30s and 6 minutes, or 182d30s for 2d30s and about 6 months"},
		"129600m":  {unclear, "write 7776000s for 129600 minutes"},
		"6M":       {unknown, "write 180d for about 6 months"},
		"6mo":      {unknown, "write 180d for about 6 months"},
		"6 months": {unknown, "write 180d for about 6 months"},
		"1 Month":  {unknown, "write 30d for about 1 month"},
		"6min":     {unknown, "write 360s for 6 minutes"},
		"90":       {unknown, "add a unit: 90 days is 90d; other units are s, h, w and y"},
		"soon":     {unknown, form},
		"":         {unknown, form},
		"-90d":     {unknown, form},
	} {
		_, err := parseAge("delete-after", s)
		if err == nil || codeOf(err) != exitUsage || err.Error() != fmt.Sprintf(want.text, s) || hintFor(err) != want.hint {
			t.Errorf("%q: %v\n  hint: %s\nwant %q", s, err, hintFor(err), want)
		}
		for _, m := range regexp.MustCompile(`(?:write|or) ([0-9]\S*) for`).FindAllStringSubmatch(hintFor(err), -1) {
			if _, err := parseAge("delete-after", m[1]); err != nil {
				t.Errorf("%q: it suggests %s, which is refused: %v", s, m[1], err)
			}
		}
	}
}
