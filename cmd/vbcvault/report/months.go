package report

import "time"

// Month is what was done in one month.
type Month struct {
	Month    string `json:"month"` // as in 2026-05, UTC
	Archived Sum    `json:"archived"`
	Deleted  Sum    `json:"deleted"` // VBC has confirmed it
	// Archive is what of today's archive was there at the end of the month.
	Archive Sum `json:"archive"`
}

// CallMonth is what has become, by now, of the calls of one month.
type CallMonth struct {
	Month    string `json:"month"` // of their start, UTC
	Archived Sum    `json:"archived"`
	Waiting  Sum    `json:"waiting"` // not archived yet
	Gone     Sum    `json:"gone"`    // missing at VBC before they were archived
	Erased   Sum    `json:"erased"`
}

// monthLayout is how months are written.
const monthLayout = "2006-01"

// mostMonths is how many months are told one by one. What a clock that was wrong has
// dated earlier counts for the first of them, and what it has dated later for the last.
const mostMonths = 50 * 12

// byMonth adds up by month: there are few, however many recordings there are.
type byMonth[T any] struct {
	last   time.Time // the latest month that there may be
	months map[time.Time]*T
}

func months[T any](now time.Time) byMonth[T] {
	return byMonth[T]{last: monthOf(now), months: map[time.Time]*T{}}
}

// of is what is added up for the month of t.
func (m byMonth[T]) of(t time.Time) *T {
	month := monthOf(t)
	if month.After(m.last) {
		month = m.last
	}
	if first := m.last.AddDate(0, 1-mostMonths, 0); month.Before(first) {
		month = first
	}
	if m.months[month] == nil {
		m.months[month] = new(T)
	}
	return m.months[month]
}

// list are all months in order, without gaps, until the last of which there is
// something.
func (m byMonth[T]) list(name func(*T, string)) []T {
	all := []T{}
	for month := m.last.AddDate(0, 1-mostMonths, 0); len(m.months) > 0 && !month.After(m.last); month = month.AddDate(0, 1, 0) {
		of, ok := m.months[month]
		if !ok && len(all) == 0 {
			continue
		}
		var is T
		if ok {
			is = *of
			delete(m.months, month)
		}
		name(&is, month.Format(monthLayout))
		all = append(all, is)
	}
	return all
}
