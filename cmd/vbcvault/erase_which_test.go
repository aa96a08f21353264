package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// nothingChanges fails unless a command ends with a code and leaves the destination as
// it was.
func (w *world) nothingChanges(code int, do func() result) result {
	w.t.Helper()
	before := w.allVersions()
	r := do()
	w.want(r, code, nil)
	if after := w.allVersions(); !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
		w.t.Errorf("it has changed something")
	}
	return r
}

// Where an id was given again it is asked which recording is meant, and any start
// that it ever had says so. The other recording stays.
func TestEraseAsksWhich(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			s := w.scatter()
			other := vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: time.Date(2025, 8, 1, 10, 0, 0, 0, time.UTC), Size: 9500, Extra: map[string]any{"call_id": "another"}}
			w.account.Add(other)
			w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
			r := w.nothingChanges(3, func() result { return w.erase("--id", "7") })
			w.says(r, "several recordings have the id 7", "--start", key(other, "mp3"), "2025-08-01T10:00:00Z, bytes 9500, no longer at VBC")
			for i := range s.starts {
				w.says(r, key(s.at(i), "mp3"), s.starts[i].Format(time.RFC3339))
			}
			if strings.Contains(r.stderr, theCaller) || strings.Contains(r.stderr, theName) {
				t.Error("it says who called")
			}
			r = w.nothingChanges(3, func() result { return w.erase("--id", "7", "--start", "2025-08-01T10:00:01Z") })
			w.says(r, "no recording with the id 7 is known to start at 2025-08-01T10:00:01Z")
			w.want(w.erase("--id", "7", "--start", s.starts[3].Format(time.RFC3339)), 0, nil) // that VBC has said once
			w.mustHold(append(s.others, other)...)
			if left := w.of("_7."); len(left) != 2 {
				t.Errorf("%v", left)
			}
			for _, again := range [][]string{{"--start", s.starts[3].Format(time.RFC3339)}, {"--bytes", "9000"}} { // the other isn't meant
				r = w.nothingChanges(3, func() result { return w.erase(append([]string{"--id", "7"}, again...)...) })
				w.says(r, "is already erased")
			}
			r = w.nothingChanges(3, func() result { return w.erase("--id", "7") })
			w.says(r, "2025-08-01T10:00:00Z, bytes 9500, no longer at VBC", "bytes 9000, erased")
			w.want(w.erase("--id", "7", "--start", "2025-08-01T10:00:00Z"), 0, nil)
			w.mustBeGone(s)
			w.want(w.archive("--older-than", "90d", "--full-scan"), 0, nil) // the manifest was made anew meanwhile, and its log is stored now
			w.says(w.nothingChanges(3, func() result { return w.erase("--id", "7") }), "is already erased")
		})
	}
}

// What nothing tells whose it is isn't erased before it is named, and isn't left in
// silence.
func TestEraseOfWhatNobodyKnows(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			rec := w.in(5, 7)
			w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
			stray, odd := rec, strings.Replace(key(rec, "mp3"), "day=12/", "day=12/old_", 1)
			stray.Start = rec.Start.AddDate(0, -3, 0)
			w.place(key(stray, "mp3"), "ID3 somebody speaks")
			w.place(key(stray, "json"), "torn")
			w.place(odd, "ID3 somebody speaks")
			r := w.nothingChanges(3, func() result { return w.erase("--id", "7") })
			w.says(r, key(rec, "mp3"), key(stray, "mp3"), key(stray, "json"), "no metadata that can be read says which recording these are of", "--start")
			r = w.erase("--id", "7", "--start", rec.Start.Format(time.RFC3339))
			w.want(r, 1, nil)
			w.says(r, "not erased, because nothing says", "objects with this id are left", key(stray, "mp3"), key(stray, "json"), odd, "--start")
			if left := w.of("_7."); len(left) != 3 {
				t.Errorf("%v", left)
			}
			for range 2 { // and one more, of which nothing is known either
				r = w.erase("--id", "7", "--start", stray.Start.Format(time.RFC3339))
				w.want(r, 1, nil)
				w.says(r, odd)
				stray.Start = rec.Start.AddDate(0, -4, 0)
				w.place(key(stray, "mp3"), "ID3 somebody speaks")
			}
			w.want(w.erase("--id", "7", "--start", stray.Start.Format(time.RFC3339)), 1, nil) // it has come back
			if left := w.of("_7."); len(left) != 1 || left[0] != odd {
				t.Errorf("%v", left)
			}
			w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 3})
			w.want(w.run("diff", "--json"), 1, map[string]int{"unknown": 1}) // a name that isn't vbcvault's
			w.loseAll()
			w.want(w.run("rebuild", "--from", w.to, "--json"), 1, map[string]int{"erased": 3, "lost": 0, "unknown": 1})
		})
	}
}

// A recording that only the archive knows has to be named by its start.
func TestEraseOfWhatTheManifestDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.in(5, 1)
	w.want(w.archive(nightly...), 0, nil)
	backup := w.backup()
	rec := w.in(6, 7)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2})
	w.restore(backup)
	r := w.nothingChanges(2, func() result { return w.erase("--id", "7") })
	w.says(r, "--start")
	w.nothingChanges(3, func() result { return w.erase("--id", "7", "--start", "2025-01-01T00:00:00Z") })
	w.nothingChanges(2, func() result { return w.erase("--id", "8", "--start", "2025-01-01T00:00:00Z") })
	w.want(w.erase("--id", "7", "--start", rec.Start.Format(time.RFC3339)), 0, nil)
	if left := w.of("_7."); len(left) != 0 {
		t.Errorf("%v", left)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 1})
	w.account.Add(rec) // and it isn't archived again
	w.want(w.archive(nightly...), 1, map[string]int{"archived": 0, "failed": 1})
	w.account.Remove(7)
	w.want(w.archive(nightly...), 0, nil)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "erased": 1, "lost": 0})
}

// What is held or locked under any start, or may be at VBC under one, isn't erased
// under another.
func TestEraseIsRefusedForAnyStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inLockedS3(nil)
	s := w.scatter()
	day := func(i int) string { return s.starts[i].Format(time.DateOnly) }
	for i := range 4 {
		w.hold(append([]string{"add", "--since", day(i), "--until", s.starts[i].AddDate(0, 0, 1).Format(time.DateOnly)}, byCounsel...)...)
		r := w.nothingChanges(3, func() result { return w.erase("--id", "7") })
		w.says(r, fmt.Sprint("is under hold ", i+1))
		w.hold(append([]string{"remove", fmt.Sprint(i + 1)}, byCounsel...)...)
	}
	until := time.Now().Add(24 * time.Hour)
	bucket, locked := strings.Split(w.to, "/")[2], "calls/"+key(s.at(2), "mp3") // which no row knows
	_, err := storagetest.StartS3(t).Client().PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: &bucket, Key: &locked,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: &until}})
	mustDo(t, err)
	w.says(w.nothingChanges(3, func() result { return w.erase("--id", "7") }), "is locked until")
	again := s.at(1)
	again.Start = s.starts[1].Add(time.Hour)
	w.account.Add(again)
	w.want(w.archive(nightly...), 0, map[string]int{"archived": 1})
	w.says(w.nothingChanges(3, func() result { return w.erase("--id", "7") }), "may still be at VBC")
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 0})
}

// A start that VBC has shown and taken back before anything was archived under it goes
// too: the manifest had the call.
func TestEraseOfAStartThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	s := &scattered{others: []vbctest.Recording{w.in(5, 2)}, starts: [4]time.Time{time.Date(2025, 5, 31, 23, 59, 59, 0, time.UTC), time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)}}
	w.account.Add(s.at(0))
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2})
	s.audio = w.read(key(s.at(0), "mp3"))[200:8800]
	w.account.Add(s.at(1))
	var broken atomic.Bool
	broken.Store(true)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if broken.Load() && isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"not found","status":404}`}
		}
		return nil
	})
	w.want(w.archive(nightly...), 1, map[string]int{"failed": 1})
	broken.Store(false)
	w.account.Remove(7)
	s.others = append(s.others, w.in(7, 3))
	w.want(w.archive(append(nightly, "--delete")...), 1, map[string]int{"deleted": 1}) // it is lost
	if r := w.run("list", "--json", "--id", "7"); !strings.Contains(r.stdout, `"gone"`) {
		t.Fatal("nothing is gone")
	}
	older := w.backup()
	w.want(w.erase("--id", "7"), 0, nil)
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 2})
	w.mustBeGone(s)
	w.restore(older) // it learns of both
	w.says(w.erase("--id", "7"), "is already erased")
	if left := w.traces(s); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What comes back under the name of something that was erased is erased again, and
// leaves no second receipt.
func TestEraseOfWhatHasComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inVersionedS3(nil)
	rec, other := w.in(5, 7), w.in(5, 2)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2})
	w.want(w.erase("--id", "7"), 0, nil)
	w.place(key(rec, "mp3"), "back from a backup")
	r := w.run("diff", "--json")
	w.want(r, 1, map[string]int{"unknown": 1})
	w.want(w.erase("--id", "7"), 0, nil)
	if left := w.of("_7."); len(left) != 0 {
		t.Errorf("%v", left)
	}
	w.want(w.run("diff", "--json"), 0, nil)
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 1})
	w.mustCatalog(map[int64]string{7: "erased", 2: "purged"})
	w.mustHold(other)
}

// A copy that was made before the manifest's format was upgraded still has the call:
// erase says so.
func TestEraseTellsOfCopiesOfTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.in(5, 7)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
	mustDo(t, os.WriteFile(w.manifest()+".format9", []byte("an older one"), 0o600))
	r := w.erase("--id", "7")
	w.want(r, 0, nil)
	w.says(r, "still contains the call", ".format9")
}

// Two recordings that start in the same second share a transcript, and what lies
// beside them belongs to the one of its size: erasing one leaves the other whole.
func TestEraseLeavesWhatAnotherNeeds(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			first := vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: time.Date(2025, 5, 1, 10, 0, 0, 0, time.UTC), Size: 9000}
			second := first
			second.Size = 9500
			for _, r := range []vbctest.Recording{first, second} {
				w.account.Add(r)
				w.account.Transcribe(7, "Hello.")
				w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
			}
			if texts := w.of("_7.transcript"); len(texts) != 1 {
				t.Fatalf("the transcripts are %v", texts)
			}
			beside := func(digits string) string {
				return strings.Replace(key(first, "mp3"), ".mp3", "-"+digits+".mp3", 1)
			}
			w.place(beside("1a2b3c4d"), strings.Repeat("x", 9500))
			w.place(beside("2a2b3c4d"), strings.Repeat("x", 9000))
			w.place(beside("3a2b3c4d"), "torn")
			w.says(w.nothingChanges(3, func() result { return w.erase("--id", "7", "--start", "2025-05-01T10:00:00Z") }), "--bytes", "bytes 9000", "bytes 9500")
			r := w.erase("--id", "7", "--bytes", "9000")
			w.want(r, 1, nil)
			w.says(r, "objects with this id are left", beside("3a2b3c4d"))
			w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"checked": 1, "whole": 1})
			if left := append(w.of("_7."), w.of("_7-")...); len(left) != 5 || !slices.Contains(left, beside("1a2b3c4d")) || len(w.of("_7.transcript")) != 1 {
				t.Errorf("left are %v", left)
			}
			w.want(w.erase("--id", "7", "--bytes", "9500"), 0, nil)
			if left := append(w.of("_7."), w.of("_7-")...); len(left) != 0 {
				t.Errorf("left are %v", left)
			}
			w.want(w.run("diff", "--json"), 0, nil)
			w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 2})
		})
	}
}

// Audio in an upload that was begun and not ended is named if the store doesn't give
// it up.
func TestEraseNamesUnfinishedUploads(t *testing.T) {
	t.Parallel()
	var refused atomic.Bool
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if refused.Load() && op == "AbortMultipartUpload" {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return nil
	})
	rec := w.in(5, 7)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
	storagetest.StartS3(t).BeginUpload(t, strings.Split(w.to, "/")[2], "calls/"+key(rec, "mp3"))
	refused.Store(true)
	r := w.erase("--id", "7")
	w.want(r, 1, nil)
	w.says(r, "unfinished uploads of the recording are left", key(rec, "mp3"), "s3:AbortMultipartUpload")
	refused.Store(false)
	w.says(w.erase("--id", "7"), "is already erased")
	for name, err := range w.open().Unfinished(t.Context(), "account=") {
		t.Errorf("left: %s, %v", name, err)
	}
}
