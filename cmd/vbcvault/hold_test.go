package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// hold runs vbcvault hold, which must succeed.
func (w *world) hold(args ...string) {
	w.t.Helper()
	if r := w.run(append([]string{"hold"}, args...)...); r.code != 0 {
		w.t.Errorf("hold: exit %d", r.code)
	}
}

var byCounsel = []string{"--reason", "Smith v. Acme", "--by", "counsel@example.com"}

// atVBC are the ids that are there.
func (w *world) atVBC() []int64 {
	var ids []int64
	for _, r := range w.account.Recordings() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

// What is held is archived and stays at VBC until the hold ends. Both are in
// the chain of receipts, which names nobody.
func TestLegalHold(t *testing.T) {
	t.Parallel()
	for _, place := range []func(*world) *world{(*world).inDir, func(w *world) *world { return w.inS3(nil) }} {
		w := place(newWorld(t, vbctest.Config{}))
		// Of the sixth VBC names no caller: it is held in case it is theirs.
		all := calls(w)
		w.want(w.archive("--older-than", "90d", "--max-duration", "30s"), 0, map[string]int{"archived": 3}) // makes the manifest
		w.hold(append([]string{"add", "--caller-id", "+1 (732) 555-0100"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_delete": 3, "held_back": 5})
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, 0, map[string]int{"archived": 5, "deleted": 3, "skipped": 5, "failed": 0})
		if !strings.Contains(r.stderr, "legal holds are in force") || !strings.Contains(r.stderr, "holds=1") {
			t.Error("the run doesn't say that there is a hold")
		}
		if got := w.atVBC(); !slices.Equal(got, []int64{1, 2, 4, 6, 8}) {
			t.Errorf("%v are left at VBC", got)
		}
		w.mustHold(all...)
		var period struct{ First, Last time.Time } // the hold's entry comes after those of deletions, with its own time
		if err := json.Unmarshal([]byte(w.run("audit", "--json").stdout), &period); err != nil || !period.First.Before(period.Last) {
			t.Errorf("the receipts are from %s until %s, %v", period.First, period.Last, err)
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 5})
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 5, "skipped": 0, "downloads": 0})
		w.want(w.run("audit", "--json"), 0, map[string]int{"deleted": 8, "held": 1, "released": 1, "entries": 18, "stored": 18})
		w.mustHold(all...)
		text := ""
		for _, key := range w.receipts() {
			text += string(w.read(key))
		}
		if !strings.Contains(text, `"type":"hold"`) || !strings.Contains(text, `"type":"release"`) {
			t.Error("the receipts beside the archive don't have the hold")
		}
		for _, personal := range []string{"5550100", "555-0100", "Smith", "counsel"} {
			if strings.Contains(text, personal) {
				t.Errorf("the receipts have %q", personal)
			}
		}
	}
}

// A hold that is made while a run goes on counts from that moment.
func TestHoldDuringARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 6})
	var once sync.Once
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			once.Do(func() { w.hold(append([]string{"add", "--id", "100005,100006"}, byCounsel...)...) })
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--delete", "--workers", "1")
	w.want(r, 0, map[string]int{"deleted": 4, "skipped": 2, "failed": 0})
	if got := w.atVBC(); !slices.Equal(got, []int64{100005, 100006}) || !strings.Contains(r.stderr, "under hold 1") {
		t.Errorf("%v are left at VBC", got)
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 2})
	w.want(w.run("audit", "--json"), 0, map[string]int{"deleted": 4, "open": 0})
	w.mustHold(all...)
}

// A plan, a filter and a limit don't beat a hold; what is held doesn't use up
// the limit.
func TestHoldBeatsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(6)
	plan := filepath.Join(t.TempDir(), "plan")
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run", "--plan", plan), 0, map[string]int{"to_delete": 6})
	w.hold(append([]string{"add", "--until", "2999-01-01", "--id", "100001,100002"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete", "--confirm-plan", plan, "--max-deletes", "3", "--min-duration", "1s", "--full-scan", "--workers", "1"),
		0, map[string]int{"deleted": 3, "skipped": 3})
	if got := w.atVBC(); !slices.Equal(got, []int64{100001, 100002, 100006}) {
		t.Errorf("%v are left at VBC", got)
	}
}

// A purge that was begun before the hold, and whose end nobody knows, is
// settled by looking, and not begun again.
func TestHoldOnABegunPurge(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(1)
		if r := w.signalled(syscall.SIGKILL, isDelete, 1, applied, "--older-than", "90d", "--delete"); r.code != -1 {
			t.Fatalf("exit %d, want a kill", r.code)
		}
		r := w.run(append([]string{"hold", "add", "--id", "100001"}, byCounsel...)...)
		if r.code != 1 || !strings.Contains(r.stderr, "deletions of recordings that it covers were already in progress (1)") {
			t.Errorf("exit %d; it doesn't say that one was begun", r.code)
		}
		w.account.ResetCounts()
		want := map[string]int{"deleted": 0, "skipped": 1, "failed": 0}
		if applied {
			want = map[string]int{"deleted": 1, "failed": 0}
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, want)
		if c := w.account.Counts(); c.ByKind[vbctest.Delete] != 0 {
			t.Errorf("%v", c.ByKind)
		}
		w.want(w.run("audit", "--json"), 0, map[string]int{"open": 0, "held": 1})
		w.mustHold(all...)
	}
}

// loseManifest removes the manifest.
func (w *world) loseManifest() {
	w.t.Helper()
	if err := os.Remove(w.manifest()); err != nil {
		w.t.Fatal(err)
	}
}

// trust has one manifest trust the key of another.
func (w *world) trust(manifest, other string) {
	w.t.Helper()
	key := w.run("audit", "--key", "--manifest", other)
	if r := w.run(append([]string{"manifest", "trust", strings.TrimSpace(key.stdout), "--manifest", manifest}, byCounsel...)...); key.code != 0 || r.code != 0 {
		w.t.Fatalf("exit %d, then %d", key.code, r.code)
	}
}

// A manifest that is lost, and one of another machine, learn from the archive
// what is held, and that it isn't any more.
func TestLostManifestKeepsHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := calls(w)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(append([]string{"add", "--caller-id", "17325550100"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil) // stores it
	w.loseManifest()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3, "skipped": 5})
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "counsel@example.com") || !strings.Contains(r.stdout, "17325550100") {
		t.Error("the new manifest doesn't know the hold")
	}
	other := filepath.Join(t.TempDir(), "other")
	w.want(w.archive("--older-than", "90d", "--delete", "--manifest", other), 0, map[string]int{"deleted": 0, "skipped": 5})
	w.hold(append([]string{"remove", "1", "--manifest", other}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--manifest", other), 0, nil) // stores that
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 1, map[string]int{"deleted": 0, "skipped": 5}) // whose word is it?
	w.says(r, "stays in force", "vbcvault manifest trust")
	w.trust(w.manifest(), other)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 5, "skipped": 0})
	w.want(w.run("audit", "--json"), 0, map[string]int{"held": 0, "released": 1}) // the hold was made in the lost one's log
	w.want(w.run("audit", "--json", "--manifest", other), 0, map[string]int{"held": 0, "released": 1})
	w.mustHold(all...)
}

// A hold that is made on a restored manifest before any run doesn't cost what
// the archive knows, of holds and of receipts.
func TestHoldOnARestoredManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(4)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	backup := w.backup()
	w.hold(append([]string{"add", "--id", "100003"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	w.restore(backup)
	held := slices.DeleteFunc(w.atVBC(), func(id int64) bool { return id == 100003 })[:1] // whichever is left
	w.hold(append([]string{"add", "--id", strconv.FormatInt(held[0], 10)}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "skipped": 2}) // one of them before, and found gone
	held = append(held, 100003)
	slices.Sort(held)
	if got := w.atVBC(); !slices.Equal(got, held) {
		t.Errorf("%v are left at VBC", got)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"held": 2, "deleted": 2})
	w.mustHold(all...)
}

// Where a hold is known and its text isn't, everything is held until it is
// said anew.
func TestHoldWhoseTextIsLost(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(4)
		w.want(w.archive("--older-than", "90d"), 0, nil)
		backup := w.backup()
		w.hold(append([]string{"add", "--id", "100003"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d"), 0, nil)
		text, err := filepath.Glob(filepath.Join(strings.TrimPrefix(w.to, "file://"), "holds/account=549825/*.json"))
		if err != nil || len(text) != 1 {
			t.Fatal(text, err)
		}
		if lost {
			err = os.Remove(text[0]) // the receipt is left
			w.restore(backup)
		} else {
			err = os.WriteFile(text[0], []byte(`{"ids":[1]}`), 0o600)
			w.loseManifest() // and so is a text that isn't the hold's
		}
		if err != nil {
			t.Fatal(err)
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 4})
		if r := w.run("hold", "list"); !strings.Contains(r.stdout, "every recording") || !strings.Contains(r.stdout, "add the hold again") {
			t.Error("the list doesn't say why")
		}
		w.hold(append([]string{"add", "--id", "100003"}, byCounsel...)...)
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3, "skipped": 1})
		w.want(w.run("audit", "--json"), 0, nil)
		w.mustHold(all...)
	}
}

// Nothing is deleted by a run that can't see the archive's holds.
func TestUnreadableHoldsStopARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if op == "ListObjects" && strings.Contains(r.URL.Query().Get("prefix"), "holds/") {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument"}
		}
		return nil
	})
	w.someRecordings(2)
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 3, map[string]int{"archived": 0, "deleted": 0})
	if len(w.atVBC()) != 2 || !strings.Contains(r.stderr, "read the holds") {
		t.Error("it doesn't say why")
	}
}
