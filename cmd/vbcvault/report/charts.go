package report

// shownMonths is how many months of deeds are drawn, the latest ones.
const shownMonths = 24

// mostBars is how many months of calls are drawn one by one. More are put together by
// year.
const mostBars = 36

// deeds are the months that are drawn, and what was before them.
func (s Section) deeds() (shown []Month, earlier *Month) {
	n := len(s.Months)
	if n <= shownMonths {
		return s.Months, nil
	}
	before := Month{Month: "before " + s.Months[n-shownMonths].Month}
	for _, m := range s.Months[:n-shownMonths] {
		before.Archived = before.Archived.plus(m.Archived)
		before.Deleted = before.Deleted.plus(m.Deleted)
		before.Archive = m.Archive
	}
	return s.Months[n-shownMonths:], &before
}

func (s Sum) plus(o Sum) Sum { return Sum{s.Recordings + o.Recordings, s.Bytes + o.Bytes} }

// calls are months of calls, or years where there are many.
func (s Section) calls() []CallMonth {
	if len(s.Calls) <= mostBars {
		return s.Calls
	}
	var years []CallMonth
	for _, m := range s.Calls {
		if year := m.Month[:len("2006")]; len(years) == 0 || years[len(years)-1].Month != year {
			years = append(years, CallMonth{Month: year})
		}
		y := &years[len(years)-1]
		y.Archived, y.Waiting = y.Archived.plus(m.Archived), y.Waiting.plus(m.Waiting)
		y.Gone, y.Erased = y.Gone.plus(m.Gone), y.Erased.plus(m.Erased)
	}
	return years
}

// deedCharts draw what was done by month.
func deedCharts(id string, months []Month) []chart {
	work := figures{id: id + "-work", title: "Recordings archived, and deleted at VBC, by month", what: "Recordings by month",
		series: []string{"archived", "deleted at VBC"}, values: make([][]int64, 2)}
	size := figures{id: id + "-size", title: "Size of the archive at the end of each month", what: "Audio in the archive",
		series: []string{"in the archive"}, values: make([][]int64, 1), bytes: true}
	for _, m := range months {
		work.names, size.names = append(work.names, m.Month), append(size.names, m.Month)
		work.values[0] = append(work.values[0], m.Archived.Recordings)
		work.values[1] = append(work.values[1], m.Deleted.Recordings)
		size.values[0] = append(size.values[0], m.Archive.Bytes)
	}
	added := figures{id: id + "-added", title: "Audio archived, by month", what: "Audio archived", names: work.names,
		series: []string{"archived"}, values: make([][]int64, 1), bytes: true}
	for _, m := range months {
		added.values[0] = append(added.values[0], m.Archived.Bytes)
	}
	return []chart{work.draw(), added.draw(), size.draw()}
}

// callChart draws what has become of the calls.
func callChart(id string, calls []CallMonth) chart {
	f := figures{id: id + "-calls", title: "Recordings by the start of the call", what: "Recordings by the start of the call", stacked: true,
		series: []string{"archived", "not archived yet", "missing at VBC", "erased"}, values: make([][]int64, 4)}
	for _, m := range calls {
		f.names = append(f.names, m.Month)
		for i, of := range []Sum{m.Archived, m.Waiting, m.Gone, m.Erased} {
			f.values[i] = append(f.values[i], of.Recordings)
		}
	}
	return f.draw()
}

// Chart is a drawing, reckoned.
type Chart = chart

// Drawn are a section's months as drawings, and the rows of the tables that have the
// same numbers.
type Drawn struct {
	Deeds      []Month // by the month of the deed
	DeedCharts []Chart
	Calls      []CallMonth // by the month of the call, or its year
	CallChart  Chart
	ByYear     bool
}

// Draw draws a section for another page than the report's own. id begins the ids of what
// is within the drawings.
func (s Section) Draw(id string) Drawn {
	v := show(s, id)
	return Drawn{Deeds: v.Deeds, DeedCharts: v.DeedCharts, Calls: v.CallRows, CallChart: v.CallChart, ByYear: v.ByYear}
}
