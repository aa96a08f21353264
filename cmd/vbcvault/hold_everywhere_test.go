package main_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// addHold is the command line of a hold on these recordings.
func addHold(args ...string) []string {
	return append(append([]string{"hold", "add"}, args...), byCounsel...)
}

// removeHold is that of a hold's end.
func removeHold(args ...string) []string {
	return append(append([]string{"hold", "remove"}, args...), byCounsel...)
}

// wantLeft fails unless just these recordings are left at VBC.
func (w *world) wantLeft(ids ...int64) {
	w.t.Helper()
	if got := w.atVBC(); !slices.Equal(got, ids) {
		w.t.Errorf("%v are left at VBC, want %v", got, ids)
	}
}

// manifestOf is the manifest of a destination.
func (w *world) manifestOf(to string) string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.state, "*.manifest"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range found {
		if r := w.run("status", "--json", "--manifest", path); r.summary["destination"] == to {
			return path
		}
	}
	w.t.Fatalf("no manifest of %s among %q", to, found)
	return ""
}

// A hold is in force for every destination that the account has a manifest of, in
// the same words, and so is its end.
func TestHoldReachesEveryDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(4)
	a := w.to
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	w.inDir()
	b := w.to
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	r := w.run(addHold("--id", "100001,100002")...)
	if r.code != 0 || !regexp.MustCompile(`(?m)^hold 1 \([0-9a-f]{8}\) is in force: no run deletes`).MatchString(r.stdout) ||
		!strings.Contains(r.stdout, "  "+a+" (") || !strings.Contains(r.stdout, "  "+b+" (") || !strings.Contains(r.stdout, "covers 2 known recordings; 2 of them are still at VBC") {
		t.Errorf("exit %d; it doesn't say what it reaches, and what it covers", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1, "skipped": 3})
	w.to = a
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "skipped": 2}) // one of them found gone
	w.wantLeft(100001, 100002)
	r = w.run("hold", "list")
	if r.code != 0 || strings.Count(r.stdout, "Smith v. Acme") != 1 {
		t.Errorf("exit %d; the hold isn't listed once", r.code)
	}
	var holds struct {
		Holds []struct {
			InForce []struct{ Destination string } `json:"in_force"`
		}
	}
	if err := json.Unmarshal([]byte(w.run("hold", "list", "--json").stdout), &holds); err != nil || len(holds.Holds) != 1 || len(holds.Holds[0].InForce) != 2 {
		t.Errorf("%+v, %v", holds, err)
	}
	r = w.run(addHold("--until", "2999-01-01", "--id", "100001,100003")...) // one of them is gone
	if !strings.Contains(r.stdout, "covers 2 known recordings; 1 of them are still at VBC") {
		t.Error("it doesn't count each recording once")
	}
	for _, to := range []string{a, b} {
		w.to = to
		w.want(w.archive("--older-than", "90d"), 0, nil) // stores them beside the archive
	}
	w.inDirectory(strings.TrimPrefix(b, "file://"))
	beside := w.of("holds/")
	w.inDirectory(strings.TrimPrefix(a, "file://"))
	if there := w.of("holds/"); len(there) != 2 || !slices.Equal(there, beside) {
		t.Errorf("beside one archive lie %q, beside the other %q", there, beside)
	}
	for _, number := range []string{"1", "2"} {
		if r := w.run(removeHold(number)...); r.code != 0 || !strings.Contains(r.stdout, "is removed") {
			t.Errorf("exit %d", r.code)
		}
	}
	for _, to := range []string{a, b} {
		if r := w.run("hold", "list", "--manifest", w.manifestOf(to)); !strings.Contains(r.stdout, "no hold is in force") {
			t.Error("a hold is still in force")
		}
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "skipped": 0})
	w.to = b
	w.want(w.archive("--older-than", "90d"), 0, nil) // which notes the ends
	for _, to := range []string{a, b} {
		w.want(w.run("audit", "--json", "--manifest", w.manifestOf(to)), 0, map[string]int{"held": 2, "released": 2})
	}
	w.inDirectory(strings.TrimPrefix(a, "file://"))
	w.mustHold(all...)
}

// A destination that comes later learns what is held before it deletes anything, and
// a dry run counts it; so it does of the end.
func TestHoldReachesALaterDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	first := w.manifest()
	w.hold(addHold("--id", "100003")[1:]...)
	w.inDir()
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_delete": 3, "held_back": 1})
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 0, map[string]int{"deleted": 3, "skipped": 1})
	w.says(r, "another manifest on this machine has a legal hold", "legal holds are in force")
	w.wantLeft(100003)
	if keys := w.of("holds/"); len(keys) != 1 {
		t.Errorf("beside the archive lie %q", keys)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_delete": 0, "held_back": 1})
	w.want(w.run("audit", "--json", "--manifest", w.manifestOf(w.to)), 0, map[string]int{"held": 1, "released": 0})
	w.hold(removeHold("1", "--manifest", first)[1:]...)
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "removed in file://") {
		t.Error("it doesn't say that the hold has ended elsewhere")
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_delete": 1, "held_back": 0})
	r = w.archive("--older-than", "90d", "--delete")
	w.want(r, 0, map[string]int{"deleted": 1, "skipped": 0})
	w.says(r, "says that a legal hold was removed")
	w.want(w.run("audit", "--json", "--manifest", w.manifestOf(w.to)), 0, map[string]int{"held": 1, "released": 1})

	// What has ended before is no news to a manifest that comes later.
	w.inDir()
	w.someRecordings(1)
	if r := w.archive("--older-than", "90d", "--delete"); r.code != 0 || strings.Contains(r.stderr, "another manifest") || len(w.of("holds/")) != 0 {
		t.Errorf("exit %d: a hold that has ended is taken over", r.code)
	}
}

// A hold that is made while a run to another destination goes on counts for that
// run, even if it is the first to that destination.
func TestHoldDuringARunToAnotherDestination(t *testing.T) {
	t.Parallel()
	for _, isNew := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(6)
		w.want(w.archive("--older-than", "90d"), 0, nil)
		w.inDir()
		if !isNew {
			w.want(w.archive("--older-than", "90d"), 0, nil)
		}
		var once sync.Once
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isDelete(r) {
				once.Do(func() { w.hold(addHold("--until", "2999-01-01", "--extension", "105")[1:]...) }) // 100005, and no other
			}
			return nil
		})
		r := w.archive("--older-than", "90d", "--delete", "--workers", "1")
		w.want(r, 0, map[string]int{"deleted": 5, "skipped": 1, "failed": 0})
		w.wantLeft(100005)
		w.mustHold(all...)
	}
}

// With --to a hold is in force for one destination, and for others it isn't.
func TestHoldForOneDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	a := w.to
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.inDir()
	w.want(w.archive("--older-than", "90d"), 0, nil)
	if r := w.run(addHold("--id", "100001", "--to", "s3://elsewhere")...); r.code != 2 || !strings.Contains(r.stderr, a) {
		t.Errorf("exit %d; it doesn't name the destinations that there are", r.code)
	}
	if r := w.run(addHold("--id", "100001", "--to", a, "--manifest", w.manifestOf(w.to))...); r.code != 2 {
		t.Errorf("exit %d for a manifest of another destination", r.code)
	}
	r := w.run(addHold("--id", "100001", "--to", a)...)
	if r.code != 0 || !strings.Contains(r.stdout, "no run to "+a+" deletes") || strings.Contains(r.stdout, w.to) {
		t.Errorf("exit %d; it doesn't say that it is for one destination only", r.code)
	}
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "in runs to "+a) {
		t.Error("the list doesn't say that it is for one destination only")
	}
	b := w.to
	w.to = a
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "skipped": 1})
	w.to = b
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "skipped": 0}) // one of them found gone
	w.wantLeft()
}

// Nothing is deleted, or erased, while another manifest can't be read: it may have a
// hold. Everything else works, and says so.
func TestUnreadableSiblingStopsDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, nil)
	own := w.manifest()
	deleted := []string{"100001", "100002"}[slices.Index([]int64{100002, 100001}, w.atVBC()[0])]
	for name, text := range map[string]string{"damaged": strings.Repeat("SQLite format 3?", 300), "foreign": "these are no holds at all"} {
		other := filepath.Join(w.state, name+".manifest")
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"--delete"}, {"--delete", "--dry-run"}, {"--delete", "--manifest", own}} {
			r := w.archive(append([]string{"--older-than", "90d"}, args...)...)
			if r.code != 3 || r.summary["error_code"] != "holds-unread" || !strings.Contains(r.stderr, other) || !strings.Contains(r.stderr, "move it to another directory") {
				t.Errorf("%q: exit %d, %v; it doesn't say which manifest, and how to mend it", args, r.code, r.summary["error_code"])
			}
		}
		if r := w.run(append([]string{"erase", "--id", deleted, "--yes", "--manifest", own}, byCounsel...)...); r.code != 3 || !strings.Contains(r.stderr, other) {
			t.Errorf("erase: exit %d", r.code)
		}
		r := w.archive("--older-than", "90d", "--full-scan")
		w.want(r, 0, nil)
		w.says(r, "another manifest on this machine can't be read", other)
		if r := w.run("hold", "list"); r.code != 1 || !strings.Contains(r.stderr, other) {
			t.Errorf("hold list: exit %d", r.code)
		}
		if r := w.run(addHold("--id", "7")...); r.code != 1 || !strings.Contains(r.stderr, other) || !strings.Contains(r.stdout, "is in force") {
			t.Errorf("hold add: exit %d", r.code)
		}
		if r := w.run(removeHold("1")...); r.code != 1 || !strings.Contains(r.stderr, other) || !strings.Contains(r.stdout, "is removed") {
			t.Errorf("hold remove: exit %d", r.code)
		}
		if err := os.Rename(other, filepath.Join(t.TempDir(), name)); err != nil {
			t.Fatal(err)
		}
		own = w.manifest()
		w.forgetHolds(own)
	}
	// One that a run is just creating has no hold, and no directory is one.
	if err := os.WriteFile(filepath.Join(w.state, "new.manifest"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.state, "dir.manifest"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
}

// forgetHolds has a manifest know of no hold, so that numbers begin anew.
func (w *world) forgetHolds(path string) {
	w.t.Helper()
	w.execute(path, "DELETE FROM hold")
}

// execute changes a manifest behind the back of whoever keeps it.
func (w *world) execute(path, text string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		w.t.Fatal(err)
	}
}

// A manifest of an older format can't be written, which hold add says; the holds that
// it has are known to runs all the same, and so is its next run's.
func TestHoldOfAnOlderFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	older := w.manifest()
	w.hold(addHold("--id", "100001")[1:]...)
	a := w.to
	w.inDir()
	w.want(w.archive("--older-than", "90d"), 0, nil) // has the hold
	w.forgetHolds(w.manifestOf(w.to))
	w.execute(older, "PRAGMA user_version = 9")
	r := w.run(addHold("--id", "100002")...)
	if r.code != 1 || !strings.Contains(r.stderr, older) || !strings.Contains(r.stderr, "older format") || strings.Contains(r.stdout, a) || !strings.Contains(r.stdout, w.to) {
		t.Errorf("exit %d; it doesn't say what it reaches and what not", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "skipped": 2})
	if r := w.run("hold", "list"); strings.Count(r.stdout, "Smith v. Acme") != 2 {
		t.Error("not all holds are listed")
	}
	w.execute(older, "PRAGMA user_version = 3") // which had none yet
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 2})
	w.execute(older, "PRAGMA user_version = 10")
	w.to = a
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "skipped": 2})
	w.wantLeft(100001, 100002)
}

// Where manifests of several accounts lie in one directory, a hold is one account's.
func TestHoldOfOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	other := newWorld(t, vbctest.Config{Account: 7}).inDir()
	other.env = append(other.env, "VBCVAULT_STATE_DIR="+w.state)
	other.state = w.state
	other.someRecordings(2)
	other.want(other.archive("--older-than", "90d"), 0, nil)
	for _, args := range [][]string{addHold("--id", "100001"), removeHold("1"), {"hold", "list"}} {
		if r := w.run(args...); r.code != 2 || !strings.Contains(r.stderr, "549825, 7") || !strings.Contains(r.stderr, "--account") {
			t.Errorf("exit %d; it doesn't name the accounts", r.code)
		}
	}
	if r := w.run(addHold("--id", "100001", "--account", "8")...); r.code != 2 {
		t.Errorf("exit %d for an account that has no manifest", r.code)
	}
	w.hold(addHold("--id", "100001", "--account", "549825")[1:]...)
	if r := w.run("hold", "list", "--account", "7"); r.code != 0 || !strings.Contains(r.stdout, "no hold is in force") {
		t.Errorf("exit %d: another account has the hold", r.code)
	}
	other.want(other.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "skipped": 0})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "skipped": 1})
	w.hold(removeHold("1", "--account", "549825")[1:]...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
}

// A number that means several holds is refused, and what identifies a hold is shown.
func TestHoldNumbersThatDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	a := w.to
	w.inDir()
	w.want(w.archive("--older-than", "90d"), 0, nil)
	digest := regexp.MustCompile(`hold 1 \(([0-9a-f]{8})\)`)
	var shown []string
	for id, to := range map[string]string{"100001": a, "100002": w.to} {
		r := w.run(addHold("--id", id, "--manifest", w.manifestOf(to))...)
		m := digest.FindStringSubmatch(r.stdout)
		if r.code != 0 || m == nil {
			t.Fatalf("exit %d: %s", r.code, r.stdout)
		}
		shown = append(shown, m[1])
	}
	r := w.run(removeHold("1")...)
	if r.code != 2 || !strings.Contains(r.stderr, shown[0]) || !strings.Contains(r.stderr, shown[1]) {
		t.Errorf("exit %d; it doesn't show which holds there are", r.code)
	}
	if r := w.run(removeHold(shown[0][:5])...); r.code != 2 {
		t.Errorf("exit %d for a few digits", r.code)
	}
	w.hold(removeHold(strings.ToUpper(shown[0][:6]))[1:]...)
	w.hold(removeHold("1")[1:]...) // now it is one
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "no hold is in force") {
		t.Error("a hold is in force")
	}
	if r := w.run(addHold("--id", "100001")...); !strings.Contains(r.stdout, "hold 2 (") { // in both
		t.Error("the new hold hasn't the same number everywhere")
	}
}
