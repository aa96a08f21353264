package metrics

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

var night = time.Date(2026, 5, 12, 2, 17, 0, 0, time.UTC)

// scrape returns what Prometheus gets, as it stands there, and by names and labels.
func scrape(t *testing.T, a *Accounts) (text string, values map[string]float64) {
	t.Helper()
	r := httptest.NewRecorder()
	a.Handler("v1.2.3", func() Machine {
		return Machine{Serves: true, Machines: 3, Places: 8, InProgress: 2, ClockAhead: -1500 * time.Millisecond}
	}).ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text = r.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil || r.Code != 200 {
		t.Fatal(r.Code, err)
	}
	values = map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			id := strings.TrimPrefix(name, prefix)
			for _, l := range m.Label {
				id += " " + l.GetValue()
			}
			values[id] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return text, values
}

func want(t *testing.T, a *Accounts, want map[string]float64, missing ...string) {
	t.Helper()
	_, got := scrape(t, a)
	for id, v := range want {
		if has, ok := got[id]; !ok || has != v {
			t.Errorf("%s is %v (%v), want %v", id, has, ok, v)
		}
	}
	for _, id := range missing {
		if v, ok := got[id]; ok {
			t.Errorf("%s is %v, and nobody knows it", id, v)
		}
	}
}

// view is a manifest whose latest run ended at a time, with a summary.
func view(ended time.Time, s pipeline.Summary, success time.Time) *overview.Overview {
	text, _ := json.Marshal(s) //nolint:errchkjson // a summary can be written
	v := &overview.Overview{Runs: []manifest.Run{{ID: 3, Started: ended.Add(-time.Minute)}, {ID: 2, Started: ended.Add(-time.Hour), Finished: ended, Summary: text}}}
	v.LastSuccess = success
	return v
}

// The last run is that of the outcome, or the manifest's if that is later or there is no
// other; when one last succeeded, the manifest says.
func TestLastRun(t *testing.T) {
	t.Parallel()
	a := New()
	unix := func(at time.Time) float64 { return float64(at.Unix()) }
	a.Observe(outcome.Outcome{Account: "new"}, nil)
	want(t, a, map[string]float64{"run_in_progress new": 0}, "last_success_timestamp_seconds new", "last_run_exit_code new")

	// A service has been started again: the manifest alone tells.
	a.Observe(outcome.Outcome{Account: "a"}, view(night, pipeline.Summary{Stopped: "why", StoppedCode: code.Clock}, night.AddDate(0, 0, -1)))
	want(t, a, map[string]float64{
		"last_run_timestamp_seconds a": unix(night), "last_run_duration_seconds a": 3600, "last_run_exit_code a": 3, "brake_active a": 1,
		"last_success_timestamp_seconds a": unix(night.AddDate(0, 0, -1)),
	})
	for exit, s := range map[float64]pipeline.Summary{0: {}, 1: {Failed: 1}, 130: {Stopped: "why", StoppedCode: code.Interrupted}} {
		b := New()
		b.Observe(outcome.Outcome{Account: "a"}, view(night, s, time.Time{}))
		want(t, b, map[string]float64{"last_run_exit_code a": exit, "brake_active a": 0, "last_success_timestamp_seconds a": 0})
	}

	// Runs of this process, one of which never came as far as the manifest.
	o := outcome.Outcome{Account: "a", Began: night.Add(time.Hour), Ended: night.Add(2 * time.Hour), ExitCode: 3, ErrorCode: code.Login}
	a.Observe(o, view(night, pipeline.Summary{}, night))
	want(t, a, map[string]float64{"last_run_timestamp_seconds a": unix(o.Ended), "last_run_exit_code a": 3, "brake_active a": 0, "last_success_timestamp_seconds a": unix(night)})
	a.Observe(outcome.Outcome{Account: "a", Skipped: true, Began: o.Ended, Ended: night.Add(3 * time.Hour)}, view(night, pipeline.Summary{}, night))
	want(t, a, map[string]float64{"last_run_timestamp_seconds a": unix(o.Ended), "last_run_exit_code a": 3})
	a.Observe(outcome.Outcome{Account: "a"}, view(night.Add(4*time.Hour), pipeline.Summary{}, night.Add(4*time.Hour)))
	want(t, a, map[string]float64{"last_run_timestamp_seconds a": unix(night.Add(4 * time.Hour)), "last_run_exit_code a": 0})

	// A manifest that can't be read leaves what was known.
	a.Observe(outcome.Outcome{Account: "a", Began: night.Add(5 * time.Hour), Ended: night.Add(6 * time.Hour)}, nil)
	want(t, a, map[string]float64{"last_success_timestamp_seconds a": unix(night.Add(6 * time.Hour)), "recordings a listed": 0})
	a.Keep([]string{"new"})
	want(t, a, map[string]float64{"run_in_progress new": 0}, "last_run_exit_code a", "run_in_progress a")
}

// While a run goes on there are gauges of it, and no counter moves: it would fall back if
// the run were killed.
func TestRunInProgress(t *testing.T) {
	t.Parallel()
	a := New()
	v := view(night, pipeline.Summary{}, night)
	v.Totals = overview.Totals{Archived: 7, Bytes: 7000, Deleted: 5, QuotaWait: 1.5, Requests: map[string]int64{"200": 20, "none": 1}}
	a.Observe(outcome.Outcome{Account: "a"}, v)
	stats := &progress.Stats{}
	ended := a.Running("a", stats)
	stats.Todo.Store(10)
	stats.Ended.Store(4)
	stats.Bytes.Store(400)
	stats.Deleted.Store(3)
	stats.Waiting.Store(&progress.Waiting{What: "VBC"})
	totals := map[string]float64{
		"archived_recordings_total a": 7, "archived_bytes_total a": 7000, "deletions_total a": 5, "quota_wait_seconds_total a": 1.5,
		"vbc_requests_total a 200": 20, "vbc_requests_total a none": 1,
	}
	want(t, a, totals)
	want(t, a, map[string]float64{"run_in_progress a": 1, "run_todo_recordings a": 10, "run_done_recordings a": 4, "run_archived_bytes a": 400, "run_deletions a": 3, "run_waiting a": 1})
	next := a.Running("a", &progress.Stats{})
	ended() // of a run that another has followed
	want(t, a, map[string]float64{"run_in_progress a": 1, "run_done_recordings a": 0})
	next()
	want(t, a, totals)
	want(t, a, map[string]float64{"run_in_progress a": 0}, "run_done_recordings a")
}

// full has everything of two accounts, with names that need escaping.
func full() *Accounts {
	a := New()
	for _, name := range []string{"acme", "a \"b\"\n\xff{}"} {
		v := view(night, pipeline.Summary{}, night)
		v.States = []manifest.Tally{{State: manifest.Purged, Recordings: 4}}
		v.Holds, v.OldestUnarchived, v.OldestFailure, v.LockedFirst, v.LockedLast = 2, night, night, night, night
		v.FailuresByCode, v.FailuresAcknowledged = map[string]int64{"size": 2}, map[string]int64{"size": 3, "network": 4}
		v.Troubles = []overview.Trouble{{Name: "x"}, {Name: "y", Acknowledged: "a ticket"}}
		v.Log = &pipeline.Checkpoint{Size: 1 << 40}
		for i := range v.Log.Root {
			v.Log.Root[i] = byte(255 - i)
		}
		v.Totals.Requests = map[string]int64{"200": 1}
		a.Observe(outcome.Outcome{Account: name}, v)
		a.Running(name, &progress.Stats{})
	}
	return a
}

// What there is is what is listed, by the rules of Prometheus, with no other labels.
func TestNamesAndLabels(t *testing.T) {
	t.Parallel()
	a := full()
	text, _ := scrape(t, a)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want(t, a, map[string]float64{
		"log_size acme": 1 << 40, "log_head acme": float64(0xfffefdfcfbfa), "acknowledged_failures acme": 7, "failures acme size": 2, "troubles acme": 1,
		"recordings acme purged": 4, "recordings acme gone": 0, "holds acme": 2, "build_info v1.2.3": 1, "machine_serves": 1, "machines": 3, "machine_places": 8, "machine_in_progress": 2, "machine_clock_ahead_seconds": -1.5,
		"holds a \"b\"\n?{}": 2,
	})
	for _, m := range All() {
		f := families[m.Name]
		if f == nil {
			t.Errorf("there is no %s", m.Name)
			continue
		}
		if f.GetHelp() != m.Help || strings.ToLower(f.GetType().String()) != m.Type {
			t.Errorf("%s: %s", m.Name, f)
		}
		for _, one := range f.Metric {
			var names []string
			for _, l := range one.Label {
				names = append(names, l.GetName())
			}
			if !slices.Equal(names, m.Labels) {
				t.Errorf("%s has the labels %q, want %q", m.Name, names, m.Labels)
			}
		}
		for _, label := range m.Labels {
			if !slices.Contains([]string{"account", "state", "code", "version"}, label) {
				t.Errorf("%s has a label %s", m.Name, label)
			}
		}
	}
	for name := range families {
		if strings.HasPrefix(name, prefix) && !slices.ContainsFunc(All(), func(m Metric) bool { return m.Name == name }) {
			t.Errorf("%s is not listed", name)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// Whoever reads the file while it is replaced, again and again, finds all of it; and what
// can't be written leaves the old one, and nothing beside it.
func TestFileIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "vbcvault.prom")
	a := full()
	if err := a.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(first), "run_in_progress") || strings.Contains(string(first), "build_info") {
		t.Fatalf("%v: %s", err, first)
	}
	done := make(chan error)
	go func() {
		for range 50 {
			if err := a.WriteFile(path); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for reads := 0; ; reads++ {
		text, err := os.ReadFile(path)
		if err != nil || string(text) != string(first) {
			t.Fatalf("read %d: %v, %d of %d bytes", reads, err, len(text), len(first))
		}
		select {
		case err := <-done:
			if err != nil || reads == 0 {
				t.Errorf("%d reads, %v", reads, err)
			}
			wantFiles(t, dir, "vbcvault.prom")
			return
		default:
		}
	}
}

func TestFileThatCantBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "vbcvault.prom", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := full().WriteFile(filepath.Join(dir, "vbcvault.prom")); err == nil {
		t.Error("a directory is replaced")
	}
	if err := full().WriteFile(filepath.Join(dir, "nowhere", "vbcvault.prom")); err == nil {
		t.Error("it is nowhere")
	}
	wantFiles(t, dir, "vbcvault.prom")
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Error(fmt.Sprint(names))
	}
}
