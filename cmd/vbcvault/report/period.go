package report

import "time"

// Period is what a report is about. Days and months are those of UTC.
type Period struct {
	Since time.Time `json:"since"` // UTC
	Until time.Time `json:"until"` // UTC, excluded
}

// LastMonth is the whole calendar month before the one of t.
func LastMonth(t time.Time) Period {
	first := monthOf(t)
	return Period{Since: first.AddDate(0, -1, 0), Until: first}
}

// MonthUntil is the period that ends with until and begins with the month of the moment
// before it.
func MonthUntil(until time.Time) Period {
	return Period{Since: monthOf(until.Add(-1)), Until: until.UTC()}
}

// Contains reports whether a moment lies in the period.
func (p Period) Contains(t time.Time) bool { return !t.Before(p.Since) && t.Before(p.Until) }

// String is the period for people: its first and its last day, or its moments where it
// doesn't consist of whole days.
func (p Period) String() string {
	const day = "2 January 2006"
	last := p.Until.Add(-1)
	switch {
	case !p.Since.Equal(dayOf(p.Since)) || !p.Until.Equal(dayOf(p.Until)):
		const moment = day + " 15:04"
		return p.Since.Format(moment) + " to " + p.Until.Format(moment) + " UTC"
	case p.Since.Equal(monthOf(p.Since)) && p.Until.Equal(p.Since.AddDate(0, 1, 0)):
		return p.Since.Format("January 2006") + " (UTC)"
	case dayOf(last).Equal(p.Since):
		return p.Since.Format(day) + " (UTC)"
	}
	return p.Since.Format(day) + " to " + last.Format(day) + " (UTC)"
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func dayOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
