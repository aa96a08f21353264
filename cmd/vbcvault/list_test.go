package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// alone is w without credentials and addresses: what still works there asks
// nobody.
func (w *world) alone() *world {
	env := slices.DeleteFunc(slices.Clone(w.env), func(kv string) bool {
		return strings.HasPrefix(kv, "VBC_") || strings.HasPrefix(kv, "AWS_")
	})
	return &world{t: w.t, account: w.account, program: w.program, state: w.state, env: env}
}

// listed are the recordings that list shows, as lines of JSON.
func (w *world) listed(args ...string) (all []map[string]any) {
	w.t.Helper()
	r := w.run(append([]string{"list", "--json"}, args...)...)
	w.want(r, 0, nil)
	for line := range strings.Lines(r.stdout) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

func idsOf(all []map[string]any) (ids []int64) {
	for _, e := range all {
		ids = append(ids, int64(e["id"].(float64)))
	}
	return ids
}

// Each filter finds just what it says, the newest first, whatever way VBC
// writes numbers, in an archive of any kind, and asks nobody.
func TestListFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := calls(w)
	w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, User: 745249, ID: 3, Start: all[0].Start.Add(-time.Hour), Size: 30000,
		Extra: map[string]any{"caller_id": "+1 (732) 555-0199", "cnam": "JÖRG 100%", "extensions": []any{}}})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 8})
	w.want(w.archive("--older-than", "90d", "--kind", "on-demand", "--users", "all"), 0, map[string]int{"archived": 1})
	before := w.account.Counts().Total
	w = w.alone()
	since := all[2].Start.Format(time.RFC3339)
	for _, c := range []struct {
		args []string
		want []int64
	}{
		{nil, []int64{8, 7, 6, 5, 4, 3, 2, 1, 3}},
		{[]string{"--oldest-first", "--limit", "3"}, []int64{3, 1, 2}},
		{[]string{"--limit", "2"}, []int64{8, 7}},
		{[]string{"--id", "3,5"}, []int64{5, 3, 3}},
		{[]string{"--id", "3", "--kind", "on-demand"}, []int64{3}},
		{[]string{"--kind", "company", "--id", "3"}, []int64{3}},
		{[]string{"--user", "745249"}, []int64{3}},
		{[]string{"--state", "verified"}, []int64{3}},
		{[]string{"--state", "purged,verified", "--direction", "inbound"}, []int64{7, 2, 1, 3}},
		{[]string{"--state", "failed"}, nil},
		{[]string{"--since", since}, []int64{8, 7, 6, 5, 4, 3}},
		{[]string{"--until", since}, []int64{2, 1, 3}},
		{[]string{"--since", since, "--until", all[4].Start.Format(time.RFC3339), "--oldest-first"}, []int64{3, 4}},
		{[]string{"--caller-id", "17325550100"}, []int64{8, 2, 1}},
		{[]string{"--caller-id", "17325550100", "--extension", "102"}, []int64{2}},
		{[]string{"--extension", "101"}, []int64{8, 7, 2, 1}},
		{[]string{"--dnis", "1213", "--direction", "outbound"}, []int64{4}},
		{[]string{"--cnam", "Acme"}, []int64{8, 5, 2}},
		{[]string{"--rule-id", "7"}, []int64{8, 7, 2, 1}},
		{[]string{"--call-id", "a"}, []int64{2, 1}},
		{[]string{"--min-duration", "30s", "--max-duration", "5m", "--kind", "company"}, []int64{8, 4, 3, 2}},
		{[]string{"--text", "aCME"}, []int64{8, 7, 5, 4, 2, 1}},
		{[]string{"--text", "o'brien & \"co"}, []int64{6, 3}},
		{[]string{"--text", "jörg"}, []int64{3}},
		{[]string{"--text", "%"}, []int64{3}},
		{[]string{"--text", "_"}, nil},
		{[]string{"--text", "1010"}, []int64{4}},
	} {
		if got := idsOf(w.listed(c.args...)); !slices.Equal(got, c.want) {
			t.Errorf("%q finds %v, want %v", c.args, got, c.want)
		}
		r := w.run(append([]string{"list", "--count", "--json"}, slices.DeleteFunc(slices.Clone(c.args), func(a string) bool { return a == "--oldest-first" })...)...)
		if !slices.Contains(c.args, "--limit") {
			w.want(r, 0, map[string]int{"recordings": len(c.want)})
		}
	}
	if asked := w.account.Counts().Total - before; asked != 0 {
		t.Errorf("VBC was asked %d times", asked)
	}
}

// A line says all that is known of a recording, the same in JSON and in CSV.
func TestListSaysAllThatIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	rec := vbctest.Recording{ID: 193228, Start: time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC), Size: 20000, Duration: 61500 * time.Millisecond, Transcript: "hello",
		Extra: map[string]any{"caller_id": "+17325550100", "cnam": `=HYPERLINK("http://x")`, "extensions": []any{101, "102"}, "rule_ids": []int{7}}}
	w.account.Add(rec)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	rec = w.account.Recordings()[0]
	e := w.alone().listed()[0]
	digest := fmt.Sprintf("%x", rec.SHA256())
	for name, want := range map[string]any{
		"account": "549825", "kind": "company", "id": 193228.0, "start": "2025-05-12T10:15:00Z", "duration_ms": 61500.0, "caller_id": "+17325550100",
		"cnam": `=HYPERLINK("http://x")`, "state": "verified", "bytes": 20000.0, "key": key(rec, "mp3"), "sidecar_key": key(rec, "json"),
		"transcript_key": key(rec, "transcript.txt"), "sha256": digest, "direction": "OUTBOUND",
	} {
		if e[name] != want {
			t.Errorf("%s is %v, want %v", name, e[name], want)
		}
	}
	r := w.alone().run("list", "--csv")
	lines, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	if err != nil || len(lines) != 2 {
		t.Fatalf("%v, %q", err, lines)
	}
	cell := map[string]string{}
	for i, name := range lines[0] {
		cell[name] = lines[1][i]
	}
	for name, want := range map[string]string{
		"id": "193228", "start": "2025-05-12T10:15:00Z", "duration_ms": "61500", "caller_id": "+17325550100", "extensions": "101 102", "rule_ids": "7",
		"cnam": `'=HYPERLINK("http://x")`, "key": key(rec, "mp3"), "sha256": digest, "bytes": "20000",
	} {
		if cell[name] != want {
			t.Errorf("CSV: %s is %q, want %q", name, cell[name], want)
		}
	}
	for name := range e {
		if _, ok := cell[name]; !ok {
			t.Errorf("CSV has no %s", name)
		}
	}
}

// The table is for people: it ends somewhere and says so, it has their times,
// and no caller's name can move the cursor.
func TestListTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Date(2025, 6, 1, 3, 30, 0, 0, time.UTC)
	for i := range int64(60) {
		w.account.Add(vbctest.Recording{ID: 1000 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: 20000, Duration: 90 * time.Second,
			Extra: map[string]any{"cnam": "EVIL\x1b[2J\r\n\tCALLER WITH A VERY LONG NAME INDEED", "caller_id": "17325550100", "dnis": "12125550100", "extensions": []string{"101"}}})
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 60})
	w = w.alone()
	r := w.run("list")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if len(lines) != 52 || !strings.HasPrefix(lines[0], "START (local)") || !strings.Contains(lines[1], " 1059") || !strings.Contains(lines[51], "the newest 50. There are more") {
		t.Errorf("%d lines", len(lines))
	}
	if strings.ContainsAny(r.stdout, "\x1b\r\t") || !strings.Contains(lines[1], "17325550100 EVIL") {
		t.Errorf("%q", lines[1])
	}
	if want := "2025-06-01 04:29:00  1m30s"; !strings.HasPrefix(lines[1], want) || !strings.Contains(lines[1], "12125550100 ext 101  20 KiB  verified  company  1059") {
		t.Errorf("%q, want it to begin with %s", lines[1], want)
	}
	r = w.run("list", "--tz", "America/New_York", "--oldest-first", "--limit", "1")
	if !strings.Contains(r.stdout, "START (America/New_York)") || !strings.Contains(r.stdout, "2025-05-31 23:30:00") || !strings.Contains(r.stdout, "the oldest 1.") {
		t.Error("not the oldest, or not at New York's time")
	}
	for limit, want := range map[string]int{"60": 61, "0": 61, "61": 61} {
		if r := w.run("list", "--limit", limit); strings.Count(r.stdout, "\n") != want || strings.Contains(r.stdout, "There are more") {
			t.Errorf("--limit %s: %d lines", limit, strings.Count(r.stdout, "\n"))
		}
	}
	if r := w.run("list", "--text", "nobody"); r.code != 0 || !strings.HasPrefix(r.stdout, "no recording in the manifest matches; ") {
		t.Errorf("%q", r.stdout)
	}
}

// Recordings are counted and their bytes added up, also by what they have in
// common, and their months are where somebody is.
func TestListCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	for i, c := range []struct {
		start      string
		extensions any
		direction  string
	}{
		{"2025-05-31T23:59:59Z", []string{"101"}, "INBOUND"},
		{"2025-06-01T00:00:00Z", []any{101, "102"}, "INBOUND"},
		{"2025-06-01T03:59:59Z", []string{}, "OUTBOUND"},
		{"2025-06-01T04:00:00Z", "102", ""},
	} {
		start, err := time.Parse(time.RFC3339, c.start)
		if err != nil {
			t.Fatal(err)
		}
		w.account.Add(vbctest.Recording{ID: int64(i + 1), Start: start, Size: 10000 << i, Extra: map[string]any{"extensions": c.extensions, "call_direction": c.direction}})
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	w = w.alone()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--count", "--json"}, `{"recordings":4}` + "\n"},
		{[]string{"--sum-bytes", "--csv"}, "bytes\n150000\n"},
		{[]string{"--count", "--by", "month", "--csv"}, "month,recordings\n2025-05,1\n2025-06,3\n"},
		{[]string{"--count", "--by", "month", "--csv", "--tz", "America/New_York"}, "month,recordings\n2025-05,3\n2025-06,1\n"},
		{[]string{"--count", "--sum-bytes", "--by", "extension", "--csv"}, "extension,recordings,bytes\n,1,40000\n101,2,30000\n102,2,100000\n"},
		{[]string{"--count", "--by", "direction", "--json"}, `{"direction":"","recordings":1}` + "\n" + `{"direction":"INBOUND","recordings":2}` + "\n" + `{"direction":"OUTBOUND","recordings":1}` + "\n"},
		{[]string{"--sum-bytes", "--by", "state", "--json", "--extension", "102"}, `{"bytes":100000,"state":"verified"}` + "\n"},
		{[]string{"--count", "--by", "state", "--json", "--text", "nobody"}, ""},
		{[]string{"--count", "--json", "--text", "nobody"}, `{"recordings":0}` + "\n"},
	} {
		if r := w.run(append([]string{"list"}, c.args...)...); r.code != 0 || r.stdout != c.want {
			t.Errorf("%q: %q, want %q", c.args, r.stdout, c.want)
		}
	}
	w.env = append(w.env, "TZ=America/New_York")
	if r := w.run("list", "--count", "--by", "month", "--csv"); r.stdout != "month,recordings\n2025-05,1\n2025-06,3\n" {
		t.Errorf("for programs it depends on where they run: %q", r.stdout)
	}
	if r := w.run("list", "--count", "--by", "month"); strings.Join(strings.Fields(r.stdout), " ") != "MONTH (local) RECORDINGS 2025-05 3 2025-06 1 total 4" {
		t.Errorf("not the months of here: %q", r.stdout)
	}
	r := w.run("list", "--count", "--sum-bytes", "--by", "extension")
	if got := strings.Join(strings.Fields(r.stdout), " "); got != "EXTENSION RECORDINGS BYTES (none) 1 39 KiB 101 2 29 KiB 102 2 98 KiB total 4 146 KiB" {
		t.Errorf("%q", got)
	}
}

// List works beside a run that holds the manifest, and sees what that has done.
func TestListBesideARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	var shown atomic.Value
	w.nth(2, isAudio, func() *vbctest.Fault {
		shown.Store(w.alone().listed())
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--workers", "1"), 0, map[string]int{"archived": 3})
	if all, ok := shown.Load().([]map[string]any); !ok || len(all) != 3 || !slices.ContainsFunc(all, func(e map[string]any) bool { return e["state"] == "verified" }) {
		t.Errorf("%v", all)
	}
	if left, err := filepath.Glob(w.manifest() + "-*"); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// Of what was erased list knows that it was there, and nothing of the call.
func TestListForgetsTheErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := calls(w)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 8})
	if r := w.erase("--id", "1"); r.code != 0 {
		t.Fatal("not erased")
	}
	w = w.alone()
	for _, args := range [][]string{{"--caller-id", "17325550100"}, {"--text", "17325550100"}, {"--text", "acme", "--call-id", "a"}, {"--extension", "101", "--direction", "inbound"}} {
		if ids := idsOf(w.listed(args...)); slices.Contains(ids, 1) || !slices.Contains(ids, 2) {
			t.Errorf("%q finds %v", args, ids)
		}
	}
	for _, args := range [][]string{{"--id", "1"}, {"--state", "erased"}} {
		found := w.listed(args...)
		if len(found) != 1 || found[0]["state"] != "erased" || found[0]["start"] != all[0].Start.Format(time.RFC3339) {
			t.Fatalf("%q: %v", args, found)
		}
		for _, name := range []string{"caller_id", "cnam", "dnis", "extensions", "rule_ids", "call_id", "file_name", "direction", "duration_ms", "key", "archived_at"} {
			if v, ok := found[0][name]; ok {
				t.Errorf("%s is still %v", name, v)
			}
		}
	}
}

// Memory stays the same, however many recordings are shown or counted.
func TestListInFlatMemory(t *testing.T) {
	t.Parallel()
	needsPeak(t)
	notShort(t, "makes a manifest of 25,000 recordings")
	w, path := newWorld(t, vbctest.Config{}).alone().built(), aLongHistory(t)
	for _, args := range [][]string{{"--json"}, {"--csv"}, {"--limit", "0"}} {
		cmd := w.command(append([]string{"list", "--manifest", path}, args...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var peak, n int64
		for buf := make([]byte, 1<<20); ; { // as long as there is something to read, it goes on
			k, err := out.Read(buf)
			if n += int64(k); err != nil {
				break
			}
			peak = max(peak, peakMemory(cmd.Process))
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		t.Logf("%q: %d MB shown, %.1f MiB of memory", args, n/1e6, float64(peak)/(1<<20))
		if n < 25e5 || peak == 0 || peak > 64<<20 {
			t.Errorf("%q: %d bytes of memory for %d that are shown", args, peak, n)
		}
	}
}

// What can't be meant is said, and no file comes into being.
func TestListRefusesNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).alone()
	for _, c := range []struct{ args, want string }{
		{"--json --csv", "can't be used together"},
		{"--limit -1", "--limit -1 is negative"},
		{"--count --limit 3", "--limit and --oldest-first have no meaning"},
		{"--by month", "--by month needs --count or --sum-bytes"},
		{"--count --by caller", `--by "caller" is unknown`},
		{"--tz Mars/Base", `--tz "Mars/Base" is not a time zone`},
		{"--json --tz UTC", "--tz applies only to the table"},
		{"--state archived", `--state "archived" is unknown`},
		{"--manifest none", "there is no manifest none"},
		{"", "there is no manifest in"},
	} {
		r := w.run(append([]string{"list"}, strings.Fields(c.args)...)...)
		if r.code != 2 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%s: exit %d, want 2 and %q", c.args, r.code, c.want)
		}
	}
	if made, err := os.ReadDir(w.state); err != nil || len(made) > 0 {
		t.Errorf("%v, %v", made, err)
	}
}
