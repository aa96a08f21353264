package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

var october = report.Period{Since: date(2026, 10, 1), Until: date(2026, 11, 1)}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// inOctober is October of 2026 in the words of a calendar.
func inOctober(at time.Time) bool { return at.UTC().Format("2006-01") == "2026-10" }

// fate is what the test has done with one recording.
type fate struct {
	start             time.Time
	size              int64
	archived, deleted time.Time // zero: never
	notThere          bool      // VBC had it no more
	erased            bool
}

// Every number of a random history is what counting its recordings one by one says.
func TestNumbersOfAHistory(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	h := newHistory(t)
	fates := make([]fate, 250)
	moments := []time.Time{october.Since, october.Since.Add(-time.Millisecond), october.Until.Add(-time.Millisecond), october.Until} // the borders
	for i := range fates {
		f := &fates[i]
		f.start = date(2026, 5, 1).Add(time.Duration(random.IntN(120*24*3600)) * time.Second)
		f.size = random.Int64N(1 << 22)
		r := h.list(f.start, f.size)
		if i >= len(moments) && random.IntN(5) == 0 {
			continue
		}
		f.archived = date(2026, 9, 1).Add(time.Duration(random.IntN(80*24*3600)) * time.Second)
		if i < len(moments) {
			f.archived = moments[i]
		}
		c := h.archive(r, f.archived)
		if i < len(moments) || random.IntN(3) == 0 {
			continue
		}
		f.deleted, f.notThere = f.archived.Add(time.Duration(random.IntN(9*24*3600))*time.Second), random.IntN(6) == 0
		outcome := receipt.Deleted
		if f.notThere {
			outcome = receipt.NotThere
		}
		h.remove(r, c, f.deleted, outcome)
		if f.erased = random.IntN(10) == 0; f.erased {
			h.erase(r, c)
		}
	}
	_, got := h.made(october)

	var want report.Section
	var toArchived, toDeleted []time.Duration
	months, calls := map[string]*report.Month{}, map[string]*report.CallMonth{}
	for _, f := range fates {
		month, call := monthOf(months, f.archived), monthOf(calls, f.start)
		switch {
		case f.erased:
			plus(&want.Now.Erased, f.size)
			plus(&call.Erased, f.size)
		case f.archived.IsZero():
			plus(&want.Now.Waiting, f.size)
			plus(&call.Waiting, f.size)
		default:
			plus(&month.Archived, f.size)
			plus(&call.Archived, f.size)
			if inOctober(f.archived) {
				plus(&want.Done.Archived, f.size)
				toArchived = append(toArchived, f.archived.Sub(f.start))
			}
			if f.deleted.IsZero() {
				plus(&want.Now.Both, f.size)
			} else {
				plus(&want.Now.Only, f.size)
			}
		}
		if f.deleted.IsZero() {
			continue
		}
		in := inOctober(f.deleted)
		switch {
		case f.notThere && in:
			plus(&want.Done.NotThere, f.size)
		case f.notThere:
		default:
			plus(&monthOf(months, f.deleted).Deleted, f.size)
			if in {
				plus(&want.Done.Deleted, f.size)
				if !f.erased {
					toDeleted = append(toDeleted, f.deleted.Sub(f.archived))
				}
			}
		}
	}
	if diff := cmp.Diff(want.Now, got.Now); diff != "" {
		t.Error(diff)
	}
	sameWait(t, "archived", got.Done.ToArchived, toArchived)
	sameWait(t, "deleted", got.Done.ToDeleted, toDeleted)
	want.Done.ToArchived, want.Done.ToDeleted = got.Done.ToArchived, got.Done.ToDeleted
	if diff := cmp.Diff(want.Done, got.Done); diff != "" {
		t.Error(diff)
	}
	var archive report.Sum
	for _, m := range got.Months {
		w := monthOf(months, parse(m.Month))
		archive = report.Sum{Recordings: archive.Recordings + w.Archived.Recordings, Bytes: archive.Bytes + w.Archived.Bytes}
		w.Month, w.Archive = m.Month, archive
		if diff := cmp.Diff(*w, m); diff != "" {
			t.Error(diff)
		}
	}
	for _, c := range got.Calls {
		w := monthOf(calls, parse(c.Month))
		if w.Month = c.Month; *w != c {
			t.Error(cmp.Diff(*w, c))
		}
	}
	if archive != (report.Sum{Recordings: want.Now.Both.Recordings + want.Now.Only.Recordings, Bytes: want.Now.Both.Bytes + want.Now.Only.Bytes}) || len(got.Calls) != 4 {
		t.Errorf("%+v in the last month, and months of calls: %d", archive, len(got.Calls))
	}
}

func plus(s *report.Sum, bytes int64) { s.Recordings, s.Bytes = s.Recordings+1, s.Bytes+bytes }

func parse(month string) time.Time {
	at, err := time.Parse("2006-01", month)
	if err != nil {
		panic(err)
	}
	return at
}

func monthOf[T any](all map[string]*T, at time.Time) *T {
	name := at.Format("2006-01")
	if all[name] == nil {
		all[name] = new(T)
	}
	return all[name]
}

// sameWait compares a wait with those that the test knows one by one.
func sameWait(t *testing.T, what string, got report.Wait, all []time.Duration) {
	t.Helper()
	slices.Sort(all)
	if len(all) == 0 || got.Recordings != int64(len(all)) {
		t.Fatalf("%s: %d waited, want %d", what, got.Recordings, len(all))
	}
	rank := func(part float64) float64 { return all[int(math.Ceil(part*float64(len(all))))-1].Seconds() }
	for name, of := range map[string][2]float64{"median": {got.Median, rank(0.5)}, "95 of 100": {got.P95, rank(0.95)}} {
		if math.Abs(of[0]-of[1]) > 0.01*of[1]+1 {
			t.Errorf("%s: %s %.0f s, want %.0f s", what, name, of[0], of[1])
		}
	}
	if longest := all[len(all)-1].Seconds(); math.Abs(got.Longest-longest) > 0.5 {
		t.Errorf("%s: longest %.0f s, want %.0f s", what, got.Longest, longest)
	}
}

// Runs count by how they ended, and days by whether one succeeded on them.
func TestRunsOfAPeriod(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	at := func(day, hour int) time.Time { return date(2026, 10, day).Add(time.Duration(hour) * time.Hour) }
	requests := map[string]int64{"200": 10, "429": 2}
	ok := func() *pipeline.Summary {
		return &pipeline.Summary{Requests: requests, QuotaWait: 1.5, Throttled: 2, Downloads: 4, Exported: 1}
	}
	cut := ok()
	cut.Stopped, cut.StoppedCode = "x", "outage"
	told := ok()
	told.Stopped, told.StoppedCode = "x", "interrupted"
	bad := ok()
	bad.Failed = 1
	h.run(date(2026, 9, 29), time.Hour, ok(), manifest.RunOptions{}) // before the period
	h.run(at(2, 23), 26*time.Hour, ok(), manifest.RunOptions{})      // the 2nd, 3rd and 4th
	h.run(at(5, 2), time.Hour, cut, manifest.RunOptions{})
	h.run(at(6, 2), time.Hour, told, manifest.RunOptions{})
	h.run(at(7, 2), time.Hour, bad, manifest.RunOptions{})
	h.run(at(8, 2), time.Hour, nil, manifest.RunOptions{})
	h.run(at(9, 2), time.Hour, &pipeline.Summary{}, manifest.RunOptions{OlderThan: manifest.Seconds(time.Hour)}) // of an earlier program
	h.run(date(2026, 11, 1), time.Hour, bad, manifest.RunOptions{DeleteAfter: manifest.Seconds(time.Minute)})    // after it
	_, s := h.made(october)
	want := report.Runs{
		Began: 6, Succeeded: 2, Incomplete: 1, Stopped: 1, Interrupted: 2,
		StoppedFor: []report.StoppedFor{{Code: "outage", Meaning: s.Runs.StoppedFor[0].Meaning, Runs: 1}},
		Seconds:    30 * 3600, Days: 31, DaysWithout: 27, Last: date(2026, 11, 1), LastSuccess: at(9, 3), LastEnd: date(2026, 11, 1).Add(time.Hour), LastFailed: true,
	}
	if s.At.Before(october.Until) {
		t.Fatalf("the clock says %v", s.At)
	}
	if diff := cmp.Diff(want, s.Runs); diff != "" || s.Runs.StoppedFor[0].Meaning == "" {
		t.Error(diff)
	}
	wantRequests := report.Requests{Total: 48, ByStatus: map[string]int64{"200": 40, "429": 8}, Throttled: 8, QuotaWait: 6, Downloads: 16, Exported: 4, Uncounted: 2}
	if diff := cmp.Diff(wantRequests, s.Requests); diff != "" {
		t.Error(diff)
	}
	if s.Done.OlderThan != 0 || s.Done.DeleteAfter != 60 {
		t.Errorf("the last run's options: %+v", s.Done)
	}
}

// Failures count by code, holds cover what they cover, and what ends is told in time.
func TestWhatNeedsAPerson(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	now := time.Now().UTC()
	for i := range 3 {
		h.fail(h.list(date(2026, 5, 3-i), 10), "size", fmt.Sprint("for ", i), i == 0)
	}
	known := h.list(date(2026, 4, 1), 10)
	h.fail(known, "gone-mad", "x", false)
	h.must(h.m.Acknowledge(t.Context(), known, "never mind"))
	day := 24 * time.Hour
	for _, in := range []time.Duration{-day, 29 * day, 31 * day, 89 * day, 91 * day, 364 * day, 366 * day} {
		h.archive(h.list(date(2026, 6, 1), 100), date(2026, 8, 1), now.Add(in), now.Add(2*in))
	}
	lost := h.list(date(2026, 7, 1), 1000)
	h.remove(lost, h.archive(lost, date(2026, 8, 1)), date(2026, 8, 2), receipt.Deleted)
	h.must(h.m.Damaged(t.Context(), lost, "it is gone"))
	for _, hold := range []manifest.Hold{{IDs: []int64{1, lost.ID}}, {CallerID: "17325550142"}, {Extension: "1"}} {
		hold.Reason, hold.By = "r", "b"
		_, err := h.m.AddHold(t.Context(), hold)
		h.must(err)
	}
	_, err := h.m.RemoveHold(t.Context(), 3, "over", "b")
	h.must(err)
	_, s := h.made(october)

	if len(s.Failures) != 2 || s.Failures[0].Code != "size" || s.Failures[0].Recordings != 3 || s.Failures[0].Permanent != 1 ||
		s.Failures[0].Acknowledged != 0 || !s.Failures[0].OldestCall.Equal(date(2026, 5, 1)) || s.Failures[0].Advice == "" || s.Failures[1].Acknowledged != 1 {
		t.Errorf("failures %+v", s.Failures)
	}
	if len(s.Holds) != 2 || s.Holds[0].Recordings != 2 || s.Holds[0].AtVBC != 1 || s.Holds[1].Recordings != 12 || s.Holds[1].AtVBC != 11 || s.Now.Held != 11 {
		t.Errorf("holds %+v, held %d", s.Holds, s.Now.Held)
	}
	one := report.Sum{Recordings: 1, Bytes: 100}
	two := report.Sum{Recordings: 2, Bytes: 200}
	want := report.Due{Over: one, Days30: one, Days90: two, Days365: two, Later: one, Never: report.Sum{Recordings: 1, Bytes: 1000}}
	if diff := cmp.Diff(want, s.Expiry.Locks); diff != "" {
		t.Error(diff)
	}
	want = report.Due{Over: one, Days90: two, Days365: two, Later: two, Never: report.Sum{Recordings: 1, Bytes: 1000}}
	if diff := cmp.Diff(want, s.Expiry.Removal); diff != "" {
		t.Error(diff)
	}
	if s.Now.Damaged != (report.Sum{Recordings: 1, Bytes: 1000}) || s.Standing != report.Action || s.Findings[0].Standing != report.Action {
		t.Errorf("damaged %+v, standing %s, %+v", s.Now.Damaged, s.Standing, s.Findings)
	}
}

// What VBC deletes by itself before it is archived is told in time.
func TestRetentionOfVBC(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	now := time.Now().UTC()
	for _, age := range []int{71, 69, 100} {
		h.list(now.AddDate(0, 0, -age), 7)
	}
	h.archive(h.list(now.AddDate(0, 0, -99), 7), now)
	h.must(h.m.SetScan(t.Context(), "company", "", "", manifest.Scan{Run: 1, At: now, Oldest: now, Retention: 100 * 24 * time.Hour}))
	_, s := h.made(october)
	if s.Expiry.Retention != (100*24*time.Hour).Seconds() || s.Expiry.AtRisk != (report.Sum{Recordings: 2, Bytes: 14}) || s.Standing != report.Action {
		t.Errorf("%+v, %s", s.Expiry, s.Standing)
	}
}

// The first run over a large account takes days: only one that never comes to its end is
// overdue.
func TestFirstRunMayTakeDays(t *testing.T) {
	t.Parallel()
	for began, want := range map[time.Duration]report.Standing{6 * 24 * time.Hour: report.Attention, 8 * 24 * time.Hour: report.Action} {
		h := newHistory(t)
		h.run(time.Now().Add(-began), 0, nil, manifest.RunOptions{})
		h.run(time.Now().Add(-time.Hour), 0, nil, manifest.RunOptions{})
		if _, s := h.made(october); s.Standing != want {
			t.Errorf("no run has ended since %v: %s, want %s: %+v", began, s.Standing, want, s.Findings)
		}
	}
}

// A log that was changed is told, and an account that can't be read doesn't hide the rest.
func TestWorstComesFirst(t *testing.T) {
	t.Parallel()
	all := several(t)
	changed := newHistory(t)
	r := changed.list(date(2026, 5, 1), 10)
	changed.remove(r, changed.archive(r, date(2026, 6, 1)), date(2026, 6, 2), receipt.Deleted)
	changed.change("UPDATE receipt SET entry = replace(entry, '2026-06-02', '2026-06-03')")
	made, err := report.Make(t.Context(), append(all, changed.account("changed")), october)
	if err != nil {
		t.Fatal(err)
	}
	var standings []report.Standing
	for _, s := range made.Accounts {
		standings = append(standings, s.Standing)
		if s.Name == "changed" && (s.Log.Intact || len(s.Log.Findings) == 0 || s.Log.Findings[0].Meaning == "") {
			t.Errorf("the changed log: %+v", s.Log)
		}
	}
	want := []report.Standing{report.Unreadable, report.Action, report.Action, report.Attention, report.Good, report.Good, report.Good}
	if !slices.Equal(standings, want) || !slices.Equal(made.Unread(), []string{"broken"}) {
		t.Errorf("%q, unread %q", standings, made.Unread())
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 7, 0, 0, 0, time.FixedZone("", 9*3600)) // still February, UTC
	for _, c := range []struct {
		got  report.Period
		want string
	}{
		{report.LastMonth(at), "January 2026 (UTC)"},
		{report.LastMonth(date(2026, 3, 1)), "February 2026 (UTC)"},
		{report.MonthUntil(date(2026, 3, 1)), "February 2026 (UTC)"},
		{report.MonthUntil(date(2026, 3, 2)), "1 March 2026 (UTC)"},
		{report.MonthUntil(date(2026, 3, 5).Add(time.Hour)), "1 March 2026 00:00 to 5 March 2026 01:00 UTC"},
		{report.Period{Since: date(2026, 1, 1), Until: date(2026, 7, 1)}, "1 January 2026 to 30 June 2026 (UTC)"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%v, want %s", c.got, c.want)
		}
	}
}
