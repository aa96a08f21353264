package pipeline

import (
	"slices"
	"testing"
	"time"
)

// A mark stands only behind what is written down, confirmed by what comes behind
// it, and worked through, in this order, whatever is done first.
func TestMarksAreInOrder(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2026, 5, day, 0, 0, 0, 0, time.UTC) }
	var set []int
	m := &marks{set: func(upTo time.Time) { set = append(set, upTo.Day()) }}
	want := func(days ...int) {
		t.Helper()
		if !slices.Equal(set, days) {
			t.Errorf("marks at %v, want %v", set, days)
		}
	}
	first := m.add(at(1), 1)
	m.done(first)
	want() // nobody knows yet what lies between it and the next
	m.confirm()
	want(1)
	second, third := m.add(at(2), 2), m.add(at(3), 0)
	m.confirm()
	m.done(second)
	want(1)
	m.done(second)
	want(1, 3)
	late := m.add(time.Time{}, 1) // found when a slice was listed once more
	_ = m.add(at(4), 0)
	m.confirm()
	want(1, 3)
	m.done(late)
	want(1, 3, 4)
	m.close()
	m.done(m.add(at(5), 1))
	m.confirm()
	want(1, 3, 4)
	_ = third
}
