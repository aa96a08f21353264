package main_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	reports "github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// reported reads a report in JSON.
func reported(t *testing.T, path string) (r reports.Report) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What the program has done is in its report: compared with what the account and the
// runs' own summaries say, also beside a run.
func TestReportOfRealRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inLockedS3(nil)
	start := time.Date(2025, 3, 30, 12, 0, 0, 0, time.UTC)
	var bytes int64
	for i := range int64(9) {
		size := 20000 + i
		bytes += size
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.AddDate(0, 0, int(i)), Size: size})
	}
	var beside reports.Report
	var looked atomic.Bool
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && looked.CompareAndSwap(false, true) {
			path := filepath.Join(t.TempDir(), "beside.json")
			w.want(w.run("report", "--out", path), 0, nil)
			beside = reported(t, path)
		}
		if isAudio(r) && strings.HasSuffix(r.URL.Path, "/9") {
			return &vbctest.Fault{Status: http.StatusOK, Body: "<html>an error page</html>"}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--workers", "1", "--object-lock", "governance", "--retain", "60d"), 1, map[string]int{"archived": 8, "failed": 1})
	w.want(w.run("hold", "add", "--id", "3", "--reason", "a lawsuit", "--by", "legal"), 0, nil)
	second := w.archive("--older-than", "90d", "--delete", "--max-deletes", "5", "--object-lock", "governance", "--retain", "60d")
	w.want(second, 1, map[string]int{"deleted": 5})

	path := filepath.Join(t.TempDir(), "report.json")
	w.want(w.run("report", "--since", time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), "--out", path), 0, nil)
	s := reported(t, path).Accounts[0]
	bytes -= 20000 + 8
	var deleted int64
	for _, r := range w.account.Deleted() {
		deleted += r.Size
	}
	if s.Account != "549825" || s.Done.Archived != (reports.Sum{Recordings: 8, Bytes: bytes}) || s.Done.Deleted != (reports.Sum{Recordings: 5, Bytes: deleted}) {
		t.Errorf("account %s, done %+v", s.Account, s.Done)
	}
	if s.Now.Waiting.Recordings != 1 || s.Now.Both.Recordings != 3 || s.Now.Only.Recordings != 5 || s.Now.Held != 1 || s.Expiry.Locks.Days90.Recordings != 8 {
		t.Errorf("now %+v, locks %+v", s.Now, s.Expiry.Locks)
	}
	if len(s.Failures) != 1 || s.Failures[0].Code != "not-audio" || len(s.Holds) != 1 || s.Holds[0].Reason != "a lawsuit" || s.Holds[0].By != "legal" {
		t.Errorf("failures %+v, holds %+v", s.Failures, s.Holds)
	}
	if len(s.Calls) != 2 || s.Calls[0].Month != "2025-03" || s.Calls[0].Archived.Recordings != 2 || s.Calls[1].Archived.Recordings != 6 {
		t.Errorf("calls %+v", s.Calls)
	}
	if age := time.Since(start).Seconds(); s.Done.ToArchived.Longest < age-60 || s.Done.ToArchived.Longest > age+60 || s.Done.ToDeleted.Longest > 60 {
		t.Errorf("waits %+v", s.Done)
	}
	log := second.summary["log"].(map[string]any)
	if !s.Log.Intact || s.Log.Root.String() != log["root"] || s.Log.Entries != int64(log["size"].(float64)) || s.Log.Signed != s.Log.Entries {
		t.Errorf("log %+v, want %v", s.Log, log)
	}
	if s.Runs.Began != 2 || s.Runs.Incomplete != 2 || s.Standing != reports.Attention || beside.Accounts[0].Now.Waiting.Recordings == 0 {
		t.Errorf("runs %+v, %s", s.Runs, s.Standing)
	}
	before := len(w.account.Log())
	page := filepath.Join(t.TempDir(), "report.html")
	w.want(w.run("report", "--out", page), 0, nil)
	if len(w.account.Log()) != before {
		t.Error("a report asks VBC")
	}
	if b, err := os.ReadFile(page); err != nil || !strings.HasPrefix(string(b), "<!DOCTYPE html>") || !strings.HasSuffix(string(b), "</html>") {
		t.Errorf("the page: %v", err)
	}
}

// Mistakes are named before anything is written, and nothing is overwritten.
func TestReportMistakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.named()
	dir := t.TempDir()
	out := filepath.Join(dir, "report.html")
	r := w.run("report", "--out", out)
	w.want(r, 2, nil)
	w.says(r, "there is no manifest in")
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--out is required"},
		{[]string{"--out", filepath.Join(dir, "report.pdf")}, "does not say which format"},
		{[]string{"--out", out, "--since", "yesterday"}, "is not a time"},
		{[]string{"--out", out, "--since", "2026-10-02", "--until", "2026-10-02"}, "the period is empty"},
		{[]string{"--out", out, "--account", "acme"}, "--account needs a configuration file"},
		{[]string{"--out", out, "--config", "x", "--manifest", "y"}, "can't be used together"},
		{[]string{"--out", out, "--manifest", filepath.Join(dir, "none.manifest")}, "there is no manifest"},
	} {
		r := w.run(append([]string{"report"}, c.args...)...)
		w.want(r, 2, nil)
		w.says(r, c.says, "hint:")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("mistakes leave %v, %v", left, err)
	}
	w.want(w.run("report", "--out", out), 0, nil)
	r = w.run("report", "--out", out)
	w.want(r, 2, nil)
	w.says(r, "already exists")
	r = w.run("report", "--until", "2026-10-15", "--out", "-")
	w.want(r, 0, nil)
	if !strings.Contains(r.stdout, "1 October 2026 to 14 October 2026 (UTC)") || !strings.HasSuffix(r.stdout, "</html>") {
		t.Error("stdout isn't the page of October")
	}

	// What can't be read is told in the report, by the exit code too.
	broken := filepath.Join(dir, "broken.manifest")
	if err := os.WriteFile(broken, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "broken.json")
	r = w.run("report", "--manifest", broken, "--out", path)
	w.want(r, 1, nil)
	w.says(r, "1 manifest could not be read", "broken")
	if s := reported(t, path).Accounts[0]; s.Standing != reports.Unreadable || !strings.Contains(s.Error, "not a database") {
		t.Errorf("%+v", s)
	}
}

// A report about the accounts of a configuration file has a section for each, or for those
// that are named, and needs no secret of VBC.
func TestReportOfAConfiguration(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4, inDir, nil)
	f.members[3].lines = []string{"signing-key: {file: /no/such/key}"}
	f.write()
	f.run("archive", "--config", f.file, "a0", "a1", "--json")
	f.setenv("PASSWORD", "")
	f.setenv("SECRET", "")
	f.setenv("VBCVAULT_CONFIG", f.file)
	path := filepath.Join(t.TempDir(), "all.json")
	f.want(f.run("report", "--since", time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), "--out", path), 1, nil)
	standings := map[string]reports.Standing{}
	for _, s := range reported(t, path).Accounts {
		standings[s.Name] = s.Standing
		if n := s.Done.Deleted.Recordings; (s.Name < "a2") != (n == 2 && s.Log.Signed == 4) {
			t.Errorf("%s: deleted %d, log %+v", s.Name, n, s.Log)
		}
	}
	want := map[string]reports.Standing{"a0": reports.Good, "a1": reports.Good, "a2": reports.Attention, "a3": reports.Unreadable}
	if !maps.Equal(standings, want) {
		t.Errorf("%v, want %v", standings, want)
	}
	path = filepath.Join(t.TempDir(), "one.json")
	f.want(f.run("report", "--account", "a1", "--out", path), 0, nil)
	if all := reported(t, path).Accounts; len(all) != 1 || all[0].Name != "a1" || all[0].Account != "600001" {
		t.Errorf("%+v", all)
	}
	r := f.run("report", "--account", "a11", "--out", filepath.Join(t.TempDir(), "x.json"))
	f.want(r, 2, nil)
	f.says(r, "a11", "did you mean a1?")
}
