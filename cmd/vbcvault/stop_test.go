package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Twenty failures in a row that are nobody's own: going on would repeat them
// with every recording, and spend a request on each.
func TestStopsWhenEverythingFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(60)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && !strings.HasSuffix(r.URL.Path, fmt.Sprint(all[2].ID)) {
			return &vbctest.Fault{Status: 403, Body: `{"msg":"not allowed","status":403}`}
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--delete", "--workers", "1")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "20 recordings in a row failed") || !strings.Contains(r.stderr, "--max-failures") {
		t.Error("it doesn't say why it stopped, or what to do")
	}
	// One went well in between, which begins the count anew.
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 2+1+20 {
		t.Errorf("%d downloads were begun, want 2 + 1 + 20", n)
	}
	w.nothingLost(all)
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete", "--max-failures", "0"), 1, map[string]int{"failed": 59})
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 59})
	w.mustHold(all...)
}

// Causes of the recordings' own neither stop a run nor keep others from
// getting done.
func TestBrokenRecordingsDontStopARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(40)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		for _, b := range all[:30] {
			if isAudio(r) && strings.HasSuffix(r.URL.Path, fmt.Sprint(b.ID)) {
				return &vbctest.Fault{Status: 404, Body: `{"msg":"Audio not found","status":404}`}
			}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"failed": 30, "deleted": 10})
}

// A destination that has lost most of what it was given isn't trusted with more.
func TestStopsWhenCopiesAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(80)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 80})
	for _, r := range all[:70] {
		if err := os.Remove(filepath.Join(strings.TrimPrefix(w.to, "file://"), key(r, "mp3"))); err != nil {
			t.Fatal(err)
		}
	}
	r := w.archive("--older-than", "90d", "--delete", "--workers", "2")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "don't trust this destination") {
		t.Error("it doesn't say why")
	}
	if n := len(w.account.Deleted()); n > 52 {
		t.Errorf("%d were deleted", n)
	}
	w.nothingLost(all)
}

// Only what somebody has seen on the plan is deleted.
func TestConfirmedPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	plan := filepath.Join(w.state, "plan.jsonl")
	r := w.archive("--older-than", "90d", "--delete", "--dry-run", "--plan", plan)
	w.want(r, 0, map[string]int{"to_delete": 6})
	if info, err := os.Stat(plan); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run", "--plan", plan), 2, nil) // it is there already
	w.account.Add(vbctest.Recording{ID: 7, Start: all[0].Start.Add(-time.Hour)}, vbctest.Recording{ID: 8, Start: all[0].Start.Add(-time.Hour)})
	total := w.account.Counts().Total
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for name, changed := range map[string]string{
		"cut off":               strings.Join(lines[:len(lines)-2], ""),
		"a line more":           strings.Replace(lines[0], "100006", "7", 1) + strings.Replace(lines[0], "100001", "7", 1) + string(text),
		"a line less":           strings.Join(lines[1:], ""),
		"twice":                 string(text) + string(text),
		"not a plan":            "{}\n",
		"nothing":               "",
		"another sum":           strings.Replace(string(text), `"bytes":`, `"bytes":1`, 1),
		"another cutoff":        regexp.MustCompile(`"cutoff":"20`).ReplaceAllString(string(text), `"cutoff":"19`),
		"another destination":   strings.Replace(string(text), `"destination":"`, `"destination":"x`, 1),
		"of an earlier version": strings.Replace(string(text), `"vbcvault_plan":2`, `"vbcvault_plan":1`, 1),
		"of a later version":    strings.Replace(string(text), `"vbcvault_plan":2`, `"vbcvault_plan":3`, 1),
		"another size":          strings.Replace(string(text), `"size":`, `"size":1`, 1),
	} {
		bad := filepath.Join(w.state, "bad")
		if err := os.WriteFile(bad, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.archive("--older-than", "90d", "--delete", "--confirm-plan", bad); r.code != 2 {
			t.Errorf("%s: exit %d", name, r.code)
		}
	}
	other := t.TempDir()
	if r := w.run("archive", "--to", "file://"+other, "--older-than", "90d", "--delete", "--confirm-plan", plan); r.code != 2 || !strings.Contains(r.stderr, "was written for") {
		t.Errorf("for another destination: exit %d", r.code)
	}
	if w.account.Counts().Total != total {
		t.Error("a refused plan cost requests")
	}
	foreign := filepath.Join(w.state, "foreign")
	if err := os.WriteFile(foreign, []byte(strings.Replace(string(text), `"account":"549825"`, `"account":"4711"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.archive("--older-than", "90d", "--delete", "--confirm-plan", foreign); r.code != 2 || !strings.Contains(r.stderr, "it was changed") {
		t.Errorf("for another account: exit %d", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--confirm-plan", plan), 0, map[string]int{"archived": 8, "deleted": 6, "skipped": 2})
	for _, id := range []int64{7, 8} {
		if !w.account.Has(vbctest.Company, 0, id) {
			t.Errorf("recording %d was deleted, and the plan doesn't list it", id)
		}
	}
	w.mustHold(all...)
}

// What fails for good rests after three runs, stays in the exit code until
// somebody acknowledges it, and is news again when it fails in another way.
func TestKnownFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	var status atomic.Int64
	status.Store(404)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && strings.HasSuffix(r.URL.Path, fmt.Sprint(all[0].ID)) {
			return &vbctest.Fault{Status: int(status.Load()), Body: `{"msg":"no such audio"}`}
		}
		return nil
	})
	args := []string{"--older-than", "90d"}
	id := fmt.Sprint(all[0].ID)
	for run := range 3 {
		w.want(w.archive(args...), 1, map[string]int{"failed": 1, "resting": 0})
		if run == 0 {
			if r := w.run("acknowledge", "--id", fmt.Sprint(all[1].ID), "--reason", "x"); r.code != 2 {
				t.Errorf("one that hasn't failed was acknowledged: exit %d", r.code)
			}
		}
	}
	w.account.ResetCounts()
	w.want(w.archive(args...), 1, map[string]int{"failed": 0, "resting": 1})
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 0 {
		t.Errorf("%d requests for one that rests", n)
	}
	w.want(w.archive(append(args, "--retry-failed")...), 1, map[string]int{"failed": 1, "resting": 0})
	if r := w.run("status"); !strings.Contains(r.stdout, "vbcvault acknowledge --id "+id) {
		t.Error("status doesn't say what to do")
	}
	if r := w.run("acknowledge", "--id", id, "--reason", "ticket 4711"); r.code != 0 {
		t.Fatalf("acknowledge: exit %d", r.code)
	}
	w.want(w.archive(args...), 0, map[string]int{"failed": 0, "resting": 0, "acknowledged": 1})
	w.want(w.archive(append(args, "--retry-failed")...), 0, map[string]int{"failed": 0, "acknowledged": 1})
	if r := w.run("status"); !strings.Contains(r.stdout, "acknowledged: ticket 4711") {
		t.Error("status doesn't say that it is acknowledged")
	}
	status.Store(410)
	w.want(w.archive(append(args, "--retry-failed")...), 1, map[string]int{"failed": 1, "acknowledged": 0})
	w.account.Inject(nil)
	w.want(w.archive(append(args, "--retry-failed")...), 0, map[string]int{"archived": 1})
	w.mustHold(all...)
}
