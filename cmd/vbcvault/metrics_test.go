package main_test

import (
	"bytes"
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

	"github.com/google/go-cmp/cmp"

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
	if diff := cmp.Diff(want, r.summary["requests"]); diff != "" {
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
		"deletions_total{}": 5, "archived_recordings_total{}": 5, `vbc_requests_total{,code="204"}`: 5, "holds{}": 0, "damaged_copies{}": 0, "run_in_progress{}": 0,
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

	// A wrong setting: nobody knows the manifest, and the file says that much.
	w.setenv("VBC_PASSWORD", "")
	w.want(w.archive(args...), 2, nil)
	if text, got = series(t, file); got[`vbcvault_last_run_exit_code{account="self"}`] != 2 {
		t.Errorf("no exit code:\n%s", text)
	}
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
