package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// whereErasingBreaksOff is a bucket in which audio can't be deleted while erasing is set.
func whereErasingBreaksOff(t *testing.T) (w *world, erasing *atomic.Bool) {
	erasing = &atomic.Bool{}
	return newWorld(t, vbctest.Config{}).inS3(func(_, key string, r *http.Request) *storagetest.S3Fault {
		if erasing.Load() && r.Method == http.MethodDelete && strings.HasSuffix(key, ".mp3") {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument"}
		}
		return nil
	}), erasing
}

// An erasure that broke off is still one that has begun, and is finished by
// saying it again; one that was finished stays finished.
func TestRebuildOfABegunErasure(t *testing.T) {
	t.Parallel()
	w, erasing := whereErasingBreaksOff(t)
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	if r := w.erase("--id", fmt.Sprint(all[1].ID)); r.code != 0 {
		t.Fatal("not erased")
	}
	erasing.Store(true)
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 {
		t.Fatal("it didn't break off")
	}
	erasing.Store(false)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil) // stores the receipts
	path := w.manifest()
	was := w.known(w.loseAll())
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "erased": 2, "begun": 1, "lost": 0, "unknown": 0})
	is := w.known(path)
	if erased := fmt.Sprint("company/", all[1].ID); was[erased] != is[erased] {
		t.Error(cmp.Diff(was[erased], is[erased]))
	}
	if r := w.run("diff"); r.code != 1 || !strings.Contains(r.stdout, "run vbcvault erase again") {
		t.Error("diff doesn't say what was begun")
	}
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 0 || len(w.of(fmt.Sprint("_", all[0].ID, "."))) != 0 {
		t.Error("not erased")
	}
	w.want(w.run("diff", "--json"), 0, map[string]int{"whole": 1})
	w.place(key(all[1], "mp3"), "back from a backup")
	r := w.run("diff", "--json")
	w.want(r, 1, map[string]int{"unknown": 1})
	w.mustSay(r, "unknown", key(all[1], "mp3"), "was erased")
	w.loseAll()
	r = w.run("rebuild", "--from", w.to, "--json")
	w.want(r, 1, map[string]int{"recordings": 1, "erased": 2, "unknown": 1})
	w.mustSay(r, "unknown", key(all[1], "mp3"), "was erased")
	w.want(w.run("audit", "--json"), 0, nil)
	w.mustHold(all[2])
}

// A hold that receipts tell of, and whose text is nowhere, holds everything.
func TestRebuildWithAHoldWhoseTextIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(append([]string{"add", "--id", "100002"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil) // stores it
	w.loseAll()
	w.remove(w.of("holds/")[0])
	w.want(w.run("rebuild", "--from", w.to, "--json"), 1, map[string]int{"holds": 1, "damaged": 1, "recordings": 3})
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "every recording") {
		t.Error("the list doesn't say that everything is held")
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 3})
}

// Metadata that is damaged or in cold storage doesn't take a call from under the
// hold that covers it.
func TestRebuildDoesNotForgetWhatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.hold(append([]string{"add", "--extension", "101"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.loseAll()
	w.remove(key(all[0], "json"))
	if r := w.run("rebuild", "--from", w.to); r.code != 1 {
		t.Error("nothing is missing?")
	}
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 || !strings.Contains(r.stderr, "is under hold 1") {
		t.Error("what is held is erased")
	}
}

// While metadata lies in cold storage, nobody knows what it says: no manifest is
// made, and no recording is called gone.
func TestColdMetadata(t *testing.T) {
	t.Parallel()
	var cold, broken atomic.Bool
	broken.Store(true)
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if cold.Load() && op == "GetObject" && strings.HasSuffix(key, ".json") && strings.Contains(key, "kind=") {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
		}
		return nil
	})
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if broken.Load() && isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"not found","status":404}`}
		}
		return nil
	})
	all := w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 1})
	broken.Store(false)
	older := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	cold.Store(true)
	w.restore(older)
	w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"failed": 1})
	if r := w.run("list", "--json"); strings.Contains(r.stdout, `"gone"`) {
		t.Error("what is in cold storage is called gone")
	}
	w.loseAll()
	if r := w.run("rebuild", "--from", w.to); r.code != 3 || !strings.Contains(r.stderr, "cold storage") {
		t.Error("a manifest was made, or it isn't said why not")
	}
	cold.Store(false)
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "purged": 1})
	w.mustHold(all...)
}

// An erasure that broke off is known outside its manifest, from before the first
// object went.
func TestBegunErasureIsKnownOutside(t *testing.T) {
	t.Parallel()
	w, erasing := whereErasingBreaksOff(t)
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	erasing.Store(true)
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 {
		t.Fatal("it didn't break off")
	}
	erasing.Store(false)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "erased": 1, "begun": 1, "lost": 0})
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 0 || len(w.of(fmt.Sprintf("_%d.", all[0].ID))) != 0 {
		t.Error("it doesn't go on")
	}
}

// Holds keep the numbers by which people know them.
func TestRebuildKeepsHoldNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for i := range 6 {
		w.hold(append([]string{"add", "--id", fmt.Sprint(100001 + i)}, byCounsel...)...)
	}
	w.hold("remove", "3", "--reason", "case closed", "--by", "counsel@example.com")
	w.want(w.archive("--older-than", "90d"), 0, nil)
	before := w.run("hold", "list", "--all").stdout
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, nil)
	if after := w.run("hold", "list", "--all").stdout; before != after {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
