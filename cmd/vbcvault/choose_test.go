package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// calls are eight recordings that differ in what can be chosen by, some of it
// written as numbers, some as strings.
func calls(w *world) []vbctest.Recording {
	var all []vbctest.Recording
	for i, c := range []struct {
		seconds   int
		direction string
		caller    any
		extension any
		rules     any
	}{
		{10, "INBOUND", "17325550100", []string{"101"}, []int64{7}},
		{30, "INBOUND", 17325550100, []int64{101, 102}, []int64{7, 8}},
		{31, "OUTBOUND", "17325550101", []string{"103"}, []string{"8"}},
		{300, "OUTBOUND", "+17325550100", []string{"1010"}, []int64{78}},
		{600, "INTRA_PBX", "101", []string{}, []int64{}},
		{29, "INTRA_PBX", nil, nil, nil},
		{7200, "INBOUND", "anonymous", "101", 7},
		{45, "", "17325550100", []string{"101"}, []int64{7}},
	} {
		r := vbctest.Recording{
			ID: int64(i + 1), Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, i), Duration: time.Duration(c.seconds) * time.Second, Size: 20000,
			Extra: map[string]any{"call_direction": c.direction, "caller_id": c.caller, "extensions": c.extension, "rule_ids": c.rules,
				"dnis": []string{"1212", "1213"}[i%2], "cnam": []string{"ACME INC", "Acme", "O'Brien & \"Co\""}[i%3], "call_id": string(rune('a' + i/2))},
		}
		all = append(all, r)
	}
	w.account.Add(all...)
	return slices.DeleteFunc(w.account.Recordings(), func(r vbctest.Recording) bool { return r.ID > 8 }) // with their defaults
}

// Each way to choose deletes just what is chosen, whether VBC heeds filters or
// not.
func TestChoosing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want []int64
	}{
		{[]string{"--direction", "inbound"}, []int64{1, 2, 7}},
		{[]string{"--direction", "intra-pbx"}, []int64{5, 6}},
		{[]string{"--extension", "101"}, []int64{1, 2, 7, 8}},
		{[]string{"--caller-id", "17325550100"}, []int64{1, 2, 8}},
		{[]string{"--dnis", "1213"}, []int64{2, 4, 6, 8}},
		{[]string{"--cnam", `O'Brien & "Co"`}, []int64{3, 6}},
		{[]string{"--call-id", "b"}, []int64{3, 4}},
		{[]string{"--rule-id", "7"}, []int64{1, 2, 7, 8}},
		{[]string{"--max-duration", "30s"}, []int64{1, 2, 6}},
		{[]string{"--min-duration", "31s", "--max-duration", "5m"}, []int64{3, 4, 8}},
		{[]string{"--min-duration", "1h"}, []int64{7}},
		{[]string{"--direction", "outbound", "--extension", "101"}, nil},
	} {
		for _, ignores := range []bool{false, true} {
			w := newWorld(t, vbctest.Config{IgnoreFilters: ignores}).inDir()
			all := calls(w)
			r := w.archive(append([]string{"--older-than", "90d", "--delete"}, c.args...)...)
			w.want(r, 0, map[string]int{"listed": len(c.want), "archived": len(c.want), "deleted": len(c.want)})
			for _, rec := range all {
				if gone := !w.account.Has(rec.Kind, rec.User, rec.ID); gone != slices.Contains(c.want, rec.ID) {
					t.Errorf("%v, filters ignored: %v: recording %d deleted: %v", c.args, ignores, rec.ID, gone)
				}
			}
			w.nothingLost(all)
			if !strings.Contains(r.stderr, "Only: ") {
				t.Error("what is chosen isn't said")
			}
		}
	}
}

// What VBC can choose, it is asked to: with few of many, one page.
func TestChoosingSavesRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{MaxPageSize: 10}).inDir()
	w.someRecordings(100)
	calls(w)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-duration", "10m", "--call-id", "a"), 0, map[string]int{"deleted": 2})
	lists := 0
	for _, r := range w.account.Log() {
		if r.Kind == vbctest.List {
			lists++
			if r.Query.Get("call_id") != "a" || r.Query.Get("duration:lte") != "600000" {
				t.Errorf("a listing without the filter: %v", r.Query)
			}
		}
	}
	if lists != 2 {
		t.Errorf("%d listings, want one before and one of what was deleted", lists)
	}
}

// The vendor's tutorial for short calls, done after everything was archived:
// the rows of the manifest are chosen from as listed ones are, and the dry run
// says the same.
func TestShortCallsOfAnArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := calls(w)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 8})
	args := []string{"--older-than", "90d", "--delete", "--max-duration", "30s"}
	w.want(w.archive(append(args, "--dry-run")...), 0, map[string]int{"to_delete": 3, "to_archive": 0, "leftovers": 0})
	w.want(w.archive(args...), 0, map[string]int{"archived": 0, "already_archived": 3, "deleted": 3, "downloads": 0})
	if left := w.account.Recordings(); len(left) != 5 {
		t.Errorf("%d left at VBC, want 5", len(left))
	}
	w.mustHold(all...)
}

// A recording that doesn't say how long it is is no short one.
func TestUnknownDurationIsNotShort(t *testing.T) {
	t.Parallel()
	for _, unknown := range []any{nil, "", -5, "long", []int{1}} {
		w := newWorld(t, vbctest.Config{IgnoreFilters: true}).inDir()
		w.account.Add(vbctest.Recording{ID: 1, Start: time.Now().AddDate(-1, 0, 0), Extra: map[string]any{"duration": unknown}})
		w.want(w.archive("--older-than", "90d", "--delete", "--max-duration", "30s"), 0, map[string]int{"listed": 0, "deleted": 0})
		w.want(w.archive("--older-than", "90d", "--delete", "--min-duration", "1s"), 0, map[string]int{"listed": 0, "deleted": 0})
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	}
}

// One of no length at all is short, for a run, for the archive's catalogue and
// for whoever looks for it.
func TestNoDurationIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{IgnoreFilters: true}).inDir()
	for id, length := range []any{0, "0", nil} {
		w.account.Add(vbctest.Recording{ID: int64(id + 1), Start: time.Now().AddDate(-1, 0, id).Truncate(time.Second), Extra: map[string]any{"duration": length}})
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	for _, args := range [][]string{{"--json"}, {"--count", "--json"}} {
		r := w.run(append([]string{"list", "--max-duration", "30s"}, args...)...)
		if r.code != 0 || args[0] == "--json" && strings.Count(r.stdout, `"duration_ms":0,`) != 2 || args[0] == "--count" && !strings.Contains(r.stdout, `"recordings":2`) {
			t.Errorf("%v: exit %d", args, r.code)
		}
	}
	if r := w.run("list", "--csv"); strings.Count(r.stdout, "Z,0,") != 2 || strings.Count(r.stdout, "Z,,") != 1 {
		t.Error("the CSV doesn't tell no length from an unknown one")
	}
	if r := w.run("list", "--min-duration", "1s", "--json"); r.stdout != "" {
		t.Error("no length is taken for a long one")
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--max-duration", "30s"), 0, map[string]int{"listed": 2, "deleted": 2})
}

// A listing of what was chosen says nothing of the rest, for the nights to
// come, and each choice knows how far it has come.
func TestChosenTodayRestTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := calls(w)
	w.want(w.archive("--older-than", "90d", "--direction", "inbound"), 0, map[string]int{"archived": 3})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 5, "already_archived": 3})
	w.mustHold(all...)
	w.want(w.archive("--older-than", "90d", "--direction", "inbound"), 0, map[string]int{"archived": 0, "listed": 0})
}

// An export packs what is chosen; a job that was started for another choice
// isn't taken up.
func TestExportOfTheChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(60)
	args := []string{"--older-than", "90d", "--fetch", "export", "--delete", "--direction"}
	w.want(w.archive(append(args, "outbound", "--min-duration", "1s")...), 0, map[string]int{"deleted": 20, "exported": 20})
	cmd := w.command(append([]string{"archive", "--to", w.to, "--json"}, append(args, "inbound")...)...)
	w.nth(1, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/bulkDownload/") }, func() *vbctest.Fault {
		_ = w.process(cmd).Kill()
		return &vbctest.Fault{Hang: true}
	})
	if r := w.finish(cmd); r.code != -1 {
		t.Fatalf("exit %d, want a kill", r.code)
	}
	w.account.Inject(nil)
	w.want(w.archive(append(args, "intra-pbx")...), 0, map[string]int{"deleted": 20, "exported": 20})
	r := w.archive(append(args, "inbound")...)
	w.want(r, 0, map[string]int{"deleted": 20, "exported": 20})
	if n := len(w.account.Jobs()); n != 3 || !strings.Contains(r.stderr, "resuming") {
		t.Errorf("%d jobs for three choices", n)
	}
	w.mustHold(all...)
}
