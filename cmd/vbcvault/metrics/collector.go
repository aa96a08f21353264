package metrics

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// Accounts are what is told of each account. Its methods may be called concurrently. A
// scrape reads what they were told last, and no manifest.
type Accounts struct {
	mu     sync.Mutex
	byName map[string]*account
}

// account is what is known of one.
type account struct {
	last *lastRunOf
	view *overview.Overview

	success time.Time // the end of the last run that left nothing undone; zero: none has, or
	unknown bool      // nobody knows

	live *progress.Stats // of the run in progress; nil = none
}

// lastRunOf is what is told of a run that has ended.
type lastRunOf struct {
	ended    time.Time
	took     time.Duration
	exitCode int
	code     string // of why it ended early
}

// New makes an empty one.
func New() *Accounts { return &Accounts{byName: map[string]*account{}} }

// of is the account with a name. The caller holds mu.
func (a *Accounts) of(name string) *account {
	if a.byName[name] == nil {
		a.byName[name] = &account{unknown: true}
	}
	return a.byName[name]
}

// Observe takes in how an account stands, and what its last run came to. The run is one
// of archive; an outcome without an end, or of a run that was skipped, says only which
// account it is, and the last run is the manifest's. view is nil where the manifest
// can't be read: then what was known of it is kept.
func (a *Accounts) Observe(o outcome.Outcome, view *overview.Overview) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.of(o.Account)
	if view != nil {
		of.view, of.success, of.unknown = view, view.LastSuccess, false
		if run := endedRun(view.Runs); run != nil && (of.last == nil || run.ended.After(of.last.ended)) {
			of.last = run
		}
	}
	if o.Ended.IsZero() || o.Skipped {
		return
	}
	of.last = &lastRunOf{ended: o.Ended, took: o.Ended.Sub(o.Began), exitCode: o.ExitCode, code: o.ErrorCode}
	if o.StoppedCode != "" {
		of.last.code = o.StoppedCode
	}
	if o.OK() && view == nil {
		of.success, of.unknown = o.Ended, false
	}
}

// endedRun is the latest run of these that has ended, as its exit code was, as far as its
// summary tells.
func endedRun(runs []manifest.Run) *lastRunOf {
	for _, r := range runs {
		s := overview.Ended(r)
		if s == nil {
			continue
		}
		l := &lastRunOf{ended: r.Finished, took: r.Finished.Sub(r.Started), code: s.StoppedCode}
		switch {
		case s.StoppedCode == code.Interrupted:
			l.exitCode = outcome.Interrupted
		case s.Stopped != "":
			l.exitCode = 3
		case !s.Complete():
			l.exitCode = 1
		}
		return l
	}
	return nil
}

// Running takes in that a run of the account is in progress, and what it counts. ended
// says that it isn't any more.
func (a *Accounts) Running(name string, s *progress.Stats) (ended func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(name).live = s
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if of := a.byName[name]; of != nil && of.live == s {
			of.live = nil
		}
	}
}

// Keep forgets all accounts but these: a reload may have removed some.
func (a *Accounts) Keep(names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.byName {
		if !slices.Contains(names, name) {
			delete(a.byName, name)
		}
	}
}

// desc is how client_golang wants a metric to be described.
func (m *Metric) desc() *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
}

// Describe is prometheus.Collector's.
func (a *Accounts) Describe(to chan<- *prometheus.Desc) {
	for _, m := range table {
		if m != buildInfo && !slices.Contains(machines, m) {
			to <- m.desc()
		}
	}
}

// Collect is prometheus.Collector's.
func (a *Accounts) Collect(to chan<- prometheus.Metric) { a.collect(to, true) }

// collect sends all that there is, with what is in progress or without.
func (a *Accounts) collect(to chan<- prometheus.Metric, live bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, of := range a.byName {
		s := series{to, strings.ToValidUTF8(name, "?")}
		if of.last != nil {
			s.lastRun(of.last)
		}
		if s.time(lastSuccess, of.success); of.success.IsZero() && !of.unknown {
			s.send(lastSuccess, 0) // so that the alert on its age comes
		}
		if of.view != nil {
			s.view(of.view)
		}
		if live {
			s.live(of.live)
		}
	}
}

// series sends what there is of one account.
type series struct {
	to      chan<- prometheus.Metric
	account string
}

func (s series) send(m *Metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.Type == counter {
		kind = prometheus.CounterValue
	}
	s.to <- prometheus.MustNewConstMetric(m.desc(), kind, value, append([]string{s.account}, labels...)...)
}

// time sends a time, nothing if there is none.
func (s series) time(m *Metric, t time.Time) {
	if !t.IsZero() {
		s.send(m, float64(t.UnixMilli())/1000)
	}
}

func (s series) lastRun(l *lastRunOf) {
	s.time(lastRun, l.ended)
	s.send(lastTook, l.took.Seconds())
	s.send(lastExit, float64(l.exitCode))
	s.send(brake, number(slices.Contains(code.Brakes, l.code)))
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// view sends what the manifest says.
func (s series) view(v *overview.Overview) {
	states := map[manifest.State]int64{}
	for _, t := range v.States {
		states[t.State] = t.Recordings
	}
	for _, state := range manifest.States() {
		s.send(inState, float64(states[state]), string(state))
	}
	s.attention(v)
	s.send(archived, float64(v.Totals.Archived))
	s.send(bytes, float64(v.Totals.Bytes))
	s.send(deletions, float64(v.Totals.Deleted))
	s.send(waits, v.Totals.QuotaWait)
	for status, n := range v.Totals.Requests {
		s.send(requests, float64(n), status)
	}
	if v.Log != nil {
		s.send(logSize, float64(v.Log.Size))
		head := binary.BigEndian.Uint64(v.Log.Root[:8]) >> 16 // as much as a float64 holds
		s.send(logHead, float64(head))
	}
}

// attention sends what somebody may have to look at.
func (s series) attention(v *overview.Overview) {
	s.time(unarchived, v.OldestUnarchived)
	for c, n := range v.FailuresByCode {
		s.send(failing, float64(n), strings.ToValidUTF8(c, "?"))
	}
	var known int64
	for _, n := range v.FailuresAcknowledged {
		known += n
	}
	s.send(failingAck, float64(known))
	s.time(oldestFail, v.OldestFailure)
	s.send(damaged, float64(v.DamagedCopies))
	open := 0
	for _, t := range v.Troubles {
		if t.Acknowledged == "" {
			open++
		}
	}
	s.send(troubles, float64(open))
	s.send(holds, float64(v.Holds))
	s.time(firstLock, v.LockedFirst)
	s.time(lastLock, v.LockedLast)
}

// live sends what a run in progress counts.
func (s series) live(stats *progress.Stats) {
	s.send(running, number(stats != nil))
	if stats == nil {
		return
	}
	s.send(runTodo, float64(stats.Todo.Load()))
	s.send(runDone, float64(stats.Ended.Load()))
	s.send(runBytes, float64(stats.Bytes.Load()))
	s.send(runDeleted, float64(stats.Deleted.Load()))
	s.send(runIsPaused, number(stats.Waiting.Load() != nil))
}
