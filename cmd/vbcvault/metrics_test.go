package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/metrics"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// countedAsVBC fails unless the only run so far has counted its requests as VBC has.
func (w *world) countedAsVBC(r result) {
	w.t.Helper()
	want := map[string]any{}
	for _, q := range w.account.Log() {
		n, _ := want[strconv.Itoa(q.Status)].(float64)
		want[strconv.Itoa(q.Status)] = n + 1
	}
	if diff := gocmp.Diff(want, r.summary["requests"]); diff != "" {
		w.t.Errorf("the summary counts other requests than VBC: %s", diff)
	}
}

// promtool runs Prometheus' own tool. Without it the test is skipped, but fails where
// CI=true says that it is there.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no promtool, and CI=true: %v", err)
		}
		t.Skipf("it takes promtool, of Debian's package prometheus: %v", err)
	}
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("FAILED")) {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// series are those of a text file, each with its labels.
func series(t *testing.T, path string) (text string, all map[string]float64) {
	t.Helper()
	text, all = string(readFile(t, path)), map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		all[name+"}"] = v
	}
	return text, all
}

// What a nightly job writes, through a good night, a bad one, one that is stopped, and one
// whose configuration is wrong: when it last succeeded is known after each.
func TestMetricsFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inLockedS3(nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "vbcvault.prom")
	all := w.someRecordings(5)
	args := append([]string{"--delete", "--metrics-file", file}, forSevenYears...)
	w.want(w.archive(args...), 0, map[string]int{"deleted": 5})
	text, got := series(t, file)
	promtool(t, text, "check", "metrics")
	account := `{account="549825"`
	success, took := got["vbcvault_last_success_timestamp_seconds"+account+"}"], got["vbcvault_last_run_duration_seconds"+account+"}"]
	if now := float64(time.Now().Unix()); success < now-60 || success > now+1 || took <= 0 || took > 60 {
		t.Errorf("it succeeded at %v, and took %v s", success, took)
	}
	years := (got["vbcvault_first_lock_expiry_timestamp_seconds"+account+"}"] - success) / (365.2425 * 24 * 3600)
	if years < 6.99 || years > 7.01 {
		t.Errorf("the locks end in %v years", years)
	}
	want := func(got map[string]float64, want map[string]float64) {
		t.Helper()
		for name, value := range want {
			if has, ok := got["vbcvault_"+strings.Replace(name, "{", account, 1)]; !ok || has != value {
				t.Errorf("%s is %v (%v), want %v", name, has, ok, value)
			}
		}
	}
	want(got, map[string]float64{
		"last_run_exit_code{}": 0, "brake_active{}": 0, `recordings{,state="purged"}`: 5, `recordings{,state="listed"}`: 0,
		"deletions_total{}": 5, "archived_recordings_total{}": 5, `vbc_requests_total{,code="204"}`: 5, "holds{}": 0, "damaged_copies{}": 0,
	})
	if got["vbcvault_log_size"+account+"}"] < 10 || got["vbcvault_log_head"+account+"}"] == 0 || got["vbcvault_archived_bytes_total"+account+"}"] < 1000 {
		t.Errorf("the log, or the bytes, are missing:\n%s", text)
	}

	// One can't be fetched.
	bad := w.account.Generate(1, time.Now().UTC().Truncate(time.Second).AddDate(0, -6, 0), time.Minute)[0]
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no audio"}`}
		}
		return nil
	})
	w.want(w.archive(args...), 1, map[string]int{"failed": 1})
	_, got = series(t, file)
	want(got, map[string]float64{
		"last_success_timestamp_seconds{}": success, "last_run_exit_code{}": 1, "brake_active{}": 0, "deletions_total{}": 5,
		`failures{,code="vbc-404"}`: 1, "acknowledged_failures{}": 0, "oldest_unarchived_timestamp_seconds{}": float64(bad.Start.Unix()), `recordings{,state="failed"}`: 1,
	})
	if since := got["vbcvault_oldest_failure_timestamp_seconds"+account+"}"]; since < success {
		t.Errorf("it has failed since %v", since)
	}

	// A run that is stopped.
	cmd := w.command(append([]string{"archive", "--to", w.to, "--retry-failed"}, args...)...)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) {
			w.signal(cmd, syscall.SIGTERM)
		}
		return nil
	})
	if r := w.finish(cmd); r.code != 130 {
		t.Errorf("exit code %d", r.code)
	}
	_, got = series(t, file)
	want(got, map[string]float64{"last_success_timestamp_seconds{}": success, "last_run_exit_code{}": 130})

	// Acknowledged, it is apart, and nothing is left to do.
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no audio"}`}
		}
		return nil
	})
	if r := w.run("acknowledge", "--id", strconv.FormatInt(bad.ID, 10), "--reason", "a ticket"); r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	w.want(w.archive(args...), 0, map[string]int{"acknowledged": 1})
	text, got = series(t, file)
	promtool(t, text, "check", "metrics")
	want(got, map[string]float64{"acknowledged_failures{}": 1})
	for _, name := range []string{"oldest_failure_timestamp_seconds", "oldest_unarchived_timestamp_seconds", "failures"} {
		if strings.Contains(text, "\nvbcvault_"+name+"{") {
			t.Errorf("%s counts what is acknowledged", name)
		}
	}
	private := text
	if got["vbcvault_last_success_timestamp_seconds"+account+"}"] <= success {
		t.Error("the last success is still the first")
	}

	// A wrong setting: no run begins, and its manifest is known all the same.
	w.setenv("VBC_PASSWORD", "")
	success = got["vbcvault_last_success_timestamp_seconds"+account+"}"]
	w.want(w.archive(args...), 2, nil)
	text, got = series(t, file)
	want(got, map[string]float64{"last_run_exit_code{}": 2, "last_success_timestamp_seconds{}": success, "deletions_total{}": 5})
	promtool(t, text, "check", "metrics")
	info, err := os.Stat(file)
	left, _ := os.ReadDir(dir)
	if err != nil || info.Mode().Perm() != 0o644 || len(left) != 1 {
		t.Errorf("%v, %v, %d files", err, info.Mode(), len(left))
	}
	calls := regexp.MustCompile(`1732555|` + strconv.FormatInt(all[0].ID, 10) + `|` + regexp.QuoteMeta(w.to) + `|correct horse|` + w.state)
	if found := calls.FindString(private + text); found != "" {
		t.Errorf("%q is in the metrics", found)
	}
}

// What prints the files prints what can be used: the rules fire when they should, and
// rules and dashboard ask for metrics that there are.
func TestAlertsAndDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	list := w.run("metrics", "list").stdout
	known := map[string]bool{}
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(line, "\t")
		known[name] = true
	}
	alerts, dashboard := w.run("metrics", "alerts").stdout, w.run("metrics", "dashboard").stdout
	for what, text := range map[string]string{"alerts": alerts, "dashboard": dashboard} {
		names := regexp.MustCompile(`\bvbcvault_[a-z_]+`).FindAllString(text, -1)
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: there is no %s", what, name)
			}
		}
		if len(names) < 12 {
			t.Errorf("%s: only %q", what, names)
		}
	}
	if !strings.Contains(alerts, "severity: critical") || alerts != string(readFile(t, "metrics/alerts.yaml")) {
		t.Error("what is printed isn't what is tested")
	}

	// Each expression of the dashboard as a rule, which promtool can parse.
	var board any
	if err := json.Unmarshal([]byte(dashboard), &board); err != nil {
		t.Fatal(err)
	}
	rules := "groups: [{name: dashboard, rules: [\n"
	exprs := expressions(board)
	for i, expr := range exprs {
		quoted, err := json.Marshal(strings.ReplaceAll(expr, "$account", ".*"))
		if err != nil {
			t.Fatal(err)
		}
		rules += fmt.Sprintf("  {record: %q, expr: %s},\n", fmt.Sprint("expression:", i), quoted)
	}
	if len(exprs) < 15 || strings.Contains(strings.ReplaceAll(strings.Join(exprs, ""), "$account", ""), "$") {
		t.Errorf("%d expressions: %q", len(exprs), exprs)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, []byte(rules+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
	promtool(t, "", "check", "rules", "metrics/alerts.yaml")
	promtool(t, "", "test", "rules", "metrics/testdata/alerts_test.yaml")
}

// expressions are those of a dashboard's panels.
func expressions(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			all = append(all, expressions(e)...)
		}
	case map[string]any:
		for key, e := range v {
			if text, ok := e.(string); ok && key == "expr" {
				all = append(all, text)
			}
			all = append(all, expressions(e)...)
		}
	}
	return all
}

// The page names every metric with its type, labels, unit and meaning, every alert, and
// every code of a brake.
func TestMonitoringPageIsTrue(t *testing.T) {
	t.Parallel()
	text := page(t, "monitoring")
	for _, m := range metrics.All() {
		row := fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", m.Name, m.Type, strings.Join(m.Labels, ", "), cmp.Or(m.Unit, "-"), m.Help)
		if !strings.Contains(text, row) {
			t.Errorf("it lacks %s", row)
		}
	}
	alerts := regexp.MustCompile(`(?m)alert: (.*)\n(?s:.*?)severity: (.*)$`).FindAllStringSubmatch(string(metrics.Alerts), -1)
	for _, a := range alerts {
		if !strings.Contains(text, fmt.Sprintf("| `%s` | %s | ", a[1], a[2])) {
			t.Errorf("it lacks the alert %s, %s", a[1], a[2])
		}
	}
	rows := strings.Count(text, "| `vbcvault_")
	if len(alerts) < 12 || rows != len(metrics.All()) || strings.Count(text, "| `Vbcvault") != len(alerts) {
		t.Errorf("%d alerts, %d rows of metrics", len(alerts), rows)
	}
	_, brakes, _ := strings.Cut(text, "`vbcvault_brake_active` is 1 if")
	brakes, _, _ = strings.Cut(brakes, "\n\n")
	named := regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(brakes, -1)
	for i, c := range code.Brakes {
		if len(named) != len(code.Brakes) || named[i][1] != c {
			t.Errorf("it has the codes %q", named)
			break
		}
	}
}

// A file that can't be written is a warning, and a name that nobody would read a mistake.
func TestMetricsFileThatCantBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	r := w.archive("--older-than", "90d", "--metrics-file", filepath.Join(w.state, "nowhere", "vbcvault.prom"))
	w.want(r, 0, map[string]int{"archived": 2})
	if !strings.Contains(r.stderr, "level=WARN") || !strings.Contains(r.stderr, "the metrics could not be written") {
		t.Error("nobody says so")
	}
	w.account.ResetCounts()
	if r = w.archive("--older-than", "90d", "--metrics-file", filepath.Join(w.state, "vbcvault.txt")); r.code != 2 || w.account.Counts().Total != 0 {
		t.Errorf("exit code %d, %v", r.code, w.account.Counts())
	}

	// A dry run writes none, and what another run is left to writes what that has left.
	file := filepath.Join(w.state, "vbcvault.prom")
	w.want(w.archive("--older-than", "90d", "--dry-run", "--metrics-file", file), 0, nil)
	if _, err := os.Stat(file); err == nil {
		t.Error("a dry run has written metrics")
	}
}

// All accounts of a configuration are in one file: those that fail, those whose turn never
// comes, and those that had no run this time.
func TestMetricsFileOfAll(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, func(w *world) { w.inDir() }, nil)
	f.members[1].lines = []string{f.members[1].reach("{env: NOWHERE}")}
	f.write()
	file := filepath.Join(f.state, "vbcvault.prom")
	want := func(want map[string]float64) {
		t.Helper()
		text, got := series(t, file)
		promtool(t, text, "check", "metrics")
		for name, value := range want {
			if has, ok := got["vbcvault_"+name]; !ok || has != value {
				t.Errorf("%s is %v (%v), want %v", name, has, ok, value)
			}
		}
	}
	if r := f.run("archive", "--config", f.file, "--all", "--metrics-file", file, "--json"); r.code != 2 {
		t.Errorf("exit code %d", r.code)
	}
	want(map[string]float64{
		`last_run_exit_code{account="a0"}`: 0, `last_run_exit_code{account="a1"}`: 2, `last_run_exit_code{account="a2"}`: 0,
		`deletions_total{account="a0"}`: 2, `recordings{account="a2",state="purged"}`: 2,
	})
	f.setenv("NOWHERE", "correct horse")
	if r := f.run("archive", "--config", f.file, "a1", "--metrics-file", file); r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	want(map[string]float64{`last_run_exit_code{account="a0"}`: 0, `deletions_total{account="a0"}`: 2, `last_run_exit_code{account="a1"}`: 0, `deletions_total{account="a1"}`: 2})
}
