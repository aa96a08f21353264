package report

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Runs are those that began within the period, each counted once.
type Runs struct {
	Began       int64 `json:"began"`
	Succeeded   int64 `json:"succeeded"`   // everything eligible was done, or held back on purpose
	Incomplete  int64 `json:"incomplete"`  // some recordings failed, or VBC's listings couldn't be relied on
	Stopped     int64 `json:"stopped"`     // before their end, for a cause
	Interrupted int64 `json:"interrupted"` // were told to stop, or ended without a word, or are going on

	StoppedFor []StoppedFor `json:"stopped_for"`
	Seconds    float64      `json:"seconds"` // they took together; those that ended without a word are left out

	// Days without success are whole days of the period, from that of the first run
	// ever on, on which no run that succeeded began, went on or ended.
	Days        int       `json:"days"`
	DaysWithout int       `json:"days_without_success"`
	Last        time.Time `json:"last,omitzero"`         // the last run that began, at any time
	LastSuccess time.Time `json:"last_success,omitzero"` // the end of the last that succeeded, at any time
	LastEnd     time.Time `json:"last_end,omitzero"`     // of the last that came to its end, complete or not, at any time
	LastFailed  bool      `json:"last_failed"`           // the last run that ended has not succeeded
}

// StoppedFor are runs that stopped for one cause.
type StoppedFor struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Runs    int64  `json:"runs"`
}

// Requests are those that the runs of the period have sent to VBC.
type Requests struct {
	Total     int64            `json:"total"`
	ByStatus  map[string]int64 `json:"by_status"` // HTTP; "none" = no answer
	Throttled int64            `json:"throttled"` // refused because of the quota
	QuotaWait float64          `json:"quota_wait_seconds"`
	Downloads int64            `json:"downloads"`    // of audio, one by one
	Exported  int64            `json:"exported"`     // fetched by export
	Uncounted int64            `json:"runs_without"` // runs of earlier programs, which didn't count requests, or that ended without a word
}

// how a run has ended.
type end int

const (
	succeeded end = iota
	incomplete
	stopped
	interrupted
)

// endOf reads what a run has written down of itself at its end.
func endOf(r manifest.Run) (s pipeline.Summary, how end) {
	switch err := json.Unmarshal(r.Summary, &s); {
	case r.Finished.IsZero() || err != nil || s.StoppedCode == code.Interrupted:
		return s, interrupted
	case s.Stopped != "":
		return s, stopped
	case !s.Complete():
		return s, incomplete
	}
	return s, succeeded
}

// runs goes through all runs once.
func (g *gathering) runs(ctx context.Context) error {
	causes := map[string]int64{}
	days := map[time.Time]bool{} // within the period, with success
	var first time.Time
	for r, err := range g.m.AllRuns(ctx) {
		if err != nil {
			return err
		}
		if first.IsZero() {
			first, g.firstRun = dayOf(r.Started), r.Started
		}
		g.lastRun, g.Runs.Last = &r, r.Started
		s, how := endOf(r)
		if !r.Finished.IsZero() {
			g.lastEnded, g.Runs.LastFailed = &r, how == incomplete || how == stopped
		}
		if how == succeeded || how == incomplete {
			g.Runs.LastEnd = r.Finished
		}
		if how == succeeded {
			g.Runs.LastSuccess = r.Finished
			for d := dayOf(r.Started); !d.After(r.Finished); d = d.AddDate(0, 0, 1) {
				if g.period.Contains(d) {
					days[d] = true
				}
			}
		}
		if g.period.Contains(r.Started) {
			g.tally(s, how)
			if how == stopped {
				causes[s.StoppedCode]++
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(causes)) {
		g.Runs.StoppedFor = append(g.Runs.StoppedFor, StoppedFor{c, code.About(code.Ended, c).Meaning, causes[c]})
	}
	if first.IsZero() {
		return nil
	}
	for d := dayOf(g.period.Since); d.Before(g.period.Until) && d.Before(dayOf(g.At)); d = d.AddDate(0, 0, 1) {
		if d.Before(first) {
			continue
		}
		if g.Runs.Days++; !days[d] {
			g.Runs.DaysWithout++
		}
	}
	return nil
}

// tally counts a run of the period.
func (g *gathering) tally(s pipeline.Summary, how end) {
	g.Runs.Began++
	*map[end]*int64{succeeded: &g.Runs.Succeeded, incomplete: &g.Runs.Incomplete, stopped: &g.Runs.Stopped, interrupted: &g.Runs.Interrupted}[how]++
	g.Runs.Seconds += s.Seconds
	q := &g.Requests
	if s.Requests == nil {
		q.Uncounted++
	}
	for status, n := range s.Requests {
		q.ByStatus[status] += n
		q.Total += n
	}
	q.Throttled += s.Throttled
	q.QuotaWait += s.QuotaWait
	q.Downloads += s.Downloads
	q.Exported += s.Exported
}
