package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var onRequest = []string{"--reason", "request of Jane Roe", "--by", "privacy@example.com", "--yes"}

func (w *world) erase(args ...string) result {
	w.t.Helper()
	return w.run(append(append([]string{"erase"}, args...), onRequest...)...)
}

// of are the keys with this text in them.
func (w *world) of(text string) []string {
	return slices.DeleteFunc(storagetest.Keys(w.t, w.open()), func(key string) bool { return !strings.Contains(key, text) })
}

// inVersionedS3 is inS3 with a bucket that keeps versions.
func (w *world) inVersionedS3(hook func(op, key string, r *http.Request) *storagetest.S3Fault) *world {
	w.inS3(hook)
	bucket := strings.Split(w.to, "/")[2]
	_, err := storagetest.StartS3(w.t).Client().PutBucketVersioning(w.t.Context(), &s3.PutBucketVersioningInput{Bucket: &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		w.t.Fatal(err)
	}
	return w
}

// erasable are the kinds of destinations that an erasure treats differently.
var erasable = map[string]func(*world) *world{
	"directory": (*world).inDir,
	"bucket":    func(w *world) *world { return w.inS3(nil) },
	"versions":  func(w *world) *world { return w.inVersionedS3(nil) },
}

// What is erased is nowhere any more: no version of it, no caller in the
// manifest. The others are untouched, and everything else goes on.
func TestErase(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			all := calls(w)
			w.account.Transcribe(1, "You can reach me at 17325550100.")
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"transcripts": 1})
			if r := w.erase("--id", "1"); r.code != 3 || !strings.Contains(r.stderr, "may still be at VBC") || len(w.of("_1.")) != 3 {
				t.Error("erased, although the next run would archive it again")
			}
			if name == "versions" { // a copy that was damaged has been replaced by another version
				w.flip(w.of("_1.json")[0])
			}
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 8})
			caller := []byte("17325550100")
			if !bytes.Contains(w.manifestFiles(), caller) {
				t.Fatal("the manifest doesn't have the caller in the first place")
			}
			for _, rec := range all {
				if !slices.Contains([]int64{1, 2, 4, 8}, rec.ID) { // the caller's
					defer w.mustHold(rec)
					continue
				}
				if r := w.erase("--id", strconv.FormatInt(rec.ID, 10)); r.code != 0 {
					t.Fatal("not erased")
				}
				if left := w.of(fmt.Sprintf("_%d.", rec.ID)); len(left) != 0 {
					t.Errorf("%v is left", left)
				}
			}
			if bytes.Contains(w.manifestFiles(), caller) {
				t.Error("the manifest still has the caller")
			}
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"listed": 0, "failed": 0})
			if r := w.run("verify"); r.code != 0 {
				t.Error("verify misses what was erased")
			}
			w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 4, "deleted": 8})
			for _, key := range w.receipts() {
				if text := string(w.read(key)); strings.Contains(text, "Jane") || strings.Contains(text, "privacy@") || strings.Contains(text, string(caller)) {
					t.Errorf("%s is personal", key)
				}
			}
			if reasons := w.of("erasures/"); len(reasons) != 4 || !strings.Contains(string(w.read(reasons[0])), "request of Jane Roe") {
				t.Errorf("the reasons: %v", reasons)
			}
		})
	}
}

// manifestFiles is everything that lies on disk of the manifest.
func (w *world) manifestFiles() (all []byte) {
	w.t.Helper()
	files, err := filepath.Glob(w.manifest() + "*")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// What is held or locked is not erased, and nothing of it is changed.
func TestEraseIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inLockedS3(nil)
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--object-lock", "governance", "--retain", "30d"), 0, map[string]int{"deleted": 2})
	before := storagetest.Keys(t, w.open())
	if r := w.erase("--id", "100001"); r.code != 3 || !strings.Contains(r.stderr, "is locked until") {
		t.Error("erased, or not said why")
	}
	w.hold(append([]string{"add", "--id", "100002"}, byCounsel...)...)
	if r := w.erase("--id", "100002"); r.code != 3 || !strings.Contains(r.stderr, "is under hold 1") {
		t.Error("erased, or not said why")
	}
	if after := storagetest.Keys(t, w.open()); !slices.Equal(before, after) {
		t.Errorf("%v, and before it was %v", after, before)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 0})
	w.mustHold(all...)
}

// whereErasingFails is a bucket with versions in which, while erasing is set, one of
// the requests that change something fails, applied or not. n counts these.
func whereErasingFails(t *testing.T, fails int64, applied bool) (w *world, erasing *atomic.Bool, n *atomic.Int64) {
	erasing, n = &atomic.Bool{}, &atomic.Int64{}
	return newWorld(t, vbctest.Config{}).inVersionedS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if erasing.Load() && (op == http.MethodDelete || op == "PutObject") && n.Add(1) == fails {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument", Apply: applied}
		}
		return nil
	}), erasing, n
}

// An erasure that breaks off at any request is finished by saying it again.
func TestEraseGoesOn(t *testing.T) {
	t.Parallel()
	notShort(t, "tries every request")
	for fails := int64(1); fails < 12; fails++ {
		for _, applied := range []bool{false, true} {
			w, erasing, n := whereErasingFails(t, fails, applied)
			all := w.someRecordings(2)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
			erasing.Store(true)
			r := w.erase("--id", "100001")
			erasing.Store(false)
			if r.code != 0 {
				r = w.erase("--id", "100001")
			}
			if r.code != 0 && !strings.Contains(r.stderr, "is already erased") || len(w.of("_100001.")) != 0 {
				t.Errorf("fault %d, applied %v: not finished", fails, applied)
			}
			w.want(w.archive("--older-than", "90d", "--delete"), 0, nil) // stores what receipts are left
			w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 1})
			w.mustHold(all[1])
			if n.Load() < fails {
				return // all requests have had their turn
			}
		}
	}
	t.Error("there are more requests than were tried")
}

// A manifest that was restored from before an erasure learns of it, and misses
// nothing.
func TestErasedInARestoredManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	backup := w.backup()
	if r := w.erase("--id", "100001"); r.code != 0 {
		t.Fatal("not erased")
	}
	w.restore(backup)
	if r := w.erase("--id", "100001"); r.code != 3 || !strings.Contains(r.stderr, "is already erased") {
		t.Error("it doesn't know")
	}
	if r := w.run("verify"); r.code != 0 {
		t.Error("verify misses what was erased")
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 1, "deleted": 2})
	w.mustHold(all[1])
}

// What was erased and is listed again is neither archived nor deleted, and not
// passed over in silence.
func TestErasedAndListedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	if r := w.erase("--id", "100001"); r.code != 0 {
		t.Fatal("not erased")
	}
	w.account.Add(all[0])
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_archive": 0, "to_delete": 0})
	for range 2 {
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, 1, map[string]int{"archived": 0, "deleted": 0, "failed": 1})
		if !strings.Contains(r.stderr, "delete it in the VBC admin portal") {
			t.Error("it isn't said what to do")
		}
	}
	if len(w.of("_100001.")) != 0 || !w.account.Has(all[0].Kind, 0, all[0].ID) {
		t.Error("it was archived again, or deleted without a copy")
	}
}
