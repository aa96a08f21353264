package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// abandon leaves what a run leaves that was killed while it stored something.
func (w *world) abandon(key string) {
	w.t.Helper()
	dir, ok := strings.CutPrefix(w.to, "file://")
	if ok {
		left := filepath.Join(dir, filepath.Dir(key), ".vbcvault-tmp-1")
		if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	bucket, full := strings.Split(w.to, "/")[2], "calls/"+key
	if _, err := storagetest.StartS3(w.t).Client().CreateMultipartUpload(w.t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &full}); err != nil {
		w.t.Fatal(err)
	}
}

// diff compares, sees that VBC isn't asked and no object is touched, and returns
// what was found.
func (w *world) diff(reading *atomic.Value, code int, values map[string]int, args ...string) result {
	w.t.Helper()
	before, asked := w.everything(), w.account.Counts().Total
	reading.Store("diff")
	r := w.run(append([]string{"diff", "--json"}, args...)...)
	reading.Store("")
	w.want(r, code, values)
	if after := w.everything(); !cmp.Equal(before, after) || w.account.Counts().Total != asked {
		w.t.Errorf("something was touched: %s", cmp.Diff(before, after))
	}
	return r
}

// mustSay fails unless a finding is among the lines.
func (w *world) mustSay(r result, what, key, means string) {
	w.t.Helper()
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, fmt.Sprintf(`{"finding":%q,"key":%q`, what, key)) && strings.Contains(line, means) {
			return
		}
	}
	w.t.Errorf("nothing says that %s is %s: %s", key, what, means)
}

// sameSecond are recordings whose keys are in another order than their ids and
// owners.
func sameSecond(w *world) []vbctest.Recording {
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for _, id := range []int64{9, 10, 99, 100, 1000} {
		w.account.Add(vbctest.Recording{ID: id, Start: start})
		for _, user := range []int64{9, 10, 745249} {
			w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: id, Start: start, User: user})
		}
	}
	return w.account.Recordings()
}

// An archive that is what the manifest says is said to be.
func TestDiffOfTheSame(t *testing.T) {
	t.Parallel()
	notShort(t, "compares hundreds of recordings in many orders, as TestDiff does a few")
	inBothKinds(t, vbctest.Config{Users: []int64{9, 10, 745249}}, func(t *testing.T, w *world, reading *atomic.Value) {
		all := sameSecond(w)
		n := len(all)
		if w.proxy == nil {
			n += 300 // more than a page of the manifest
			w.account.Generate(300, all[0].Start.AddDate(0, 1, 0), 20*time.Second)
		}
		args := []string{"--older-than", "90d", "--kind", "company,on-demand", "--users", "9,10,745249"}
		w.want(w.archive(args...), 0, map[string]int{"archived": n})
		w.diff(reading, 0, map[string]int{"checked": n, "whole": n, "missing": 0, "damaged": 0, "lost": 0, "unknown": 0, "begun": 0, "beside": 0})
		if r := w.run("diff"); r.code != 0 || strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, fmt.Sprintf("checked %d copies", n)) {
			t.Error("for people")
		}
	})
}

// Each difference is found and named, and --fix has archived anew just what VBC
// has still.
func TestDiff(t *testing.T) {
	t.Parallel()
	everywhere(t, vbctest.Config{}, func(t *testing.T, w *world, reading *atomic.Value) {
		start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
		w.account.Generate(8, start, time.Minute)
		w.account.Add(vbctest.Recording{ID: 1, Start: start.AddDate(0, 0, 3), Transcript: "words"})
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "3", "--workers", "1"), 0, map[string]int{"archived": 9, "deleted": 3})
		deleted, kept := w.account.Deleted(), w.account.Recordings()
		kept = slices.DeleteFunc(kept, func(r vbctest.Recording) bool { return r.ID == 1 })
		text := key(vbctest.Recording{Kind: vbctest.Company, ID: 1, Start: start.AddDate(0, 0, 3)}, "transcript.txt")
		w.remove(key(kept[0], "mp3"))
		w.remove(key(kept[1], "json"))
		w.remove(text)
		w.remove(key(kept[2], "mp3"))
		w.place(key(kept[2], "mp3"), strings.Repeat("x", int(kept[2].Size))) // as long, and not the same
		w.remove(key(deleted[0], "json"))
		w.remove(key(deleted[1], "mp3"))
		w.place(key(deleted[1], "mp3"), "shorter")
		stranger := "account=549825/kind=company/year=2024/month=05/day=12/20240512T101500Z_5.mp3"
		w.place(stranger, "a recording that nobody knows")
		w.place("account=549825/kind=company/notes.txt", "notes")
		bak := key(kept[3], "bak")
		w.place(bak, "what is this")
		second := strings.TrimSuffix(key(kept[3], "mp3"), ".mp3") + "-0123abcd.mp3"
		w.place(second, "a second copy")
		w.abandon(key(kept[0], "mp3"))
		rows := w.known(w.manifest())
		counts := map[string]int{"checked": 9, "whole": 3, "missing": 3, "damaged": 1, "lost": 2, "unknown": 3, "begun": 1, "beside": 1}
		r := w.diff(reading, 1, counts)
		w.mustSay(r, "missing", key(kept[0], "mp3"), "with --fix the next run archives it again")
		w.mustSay(r, "missing", key(kept[1], "json"), "")
		w.mustSay(r, "missing", text, "")
		w.mustSay(r, "damaged", key(kept[2], "mp3"), "is not the copy")
		w.mustSay(r, "lost", key(deleted[0], "json"), "VBC no longer has the recording")
		w.mustSay(r, "lost", key(deleted[1], "mp3"), "is not the copy")
		w.mustSay(r, "unknown", stranger, "the recording is not in the manifest")
		w.mustSay(r, "unknown", "account=549825/kind=company/notes.txt", "vbcvault gives no such name")
		w.mustSay(r, "unknown", bak, "the recording is in the manifest, but this object is not")
		w.mustSay(r, "beside", second, "")
		if !strings.Contains(r.stdout, `{"finding":"begun"`) {
			t.Error("what was abandoned isn't found")
		}
		if is := w.known(w.manifest()); !cmp.Equal(rows, is) {
			t.Errorf("without --fix the manifest was changed: %s", cmp.Diff(rows, is))
		}
		w.diff(reading, 1, counts, "--fix")
		is := w.known(w.manifest())
		for id, row := range is {
			changed := row != rows[id]
			if want := slices.ContainsFunc([]int64{kept[0].ID, kept[1].ID, kept[2].ID, deleted[0].ID, deleted[1].ID, 1}, func(i int64) bool { return strings.HasPrefix(id, fmt.Sprintf("company/%d/", i)) }); changed != want {
				t.Errorf("%s: changed %v, want %v", id, changed, want)
			}
		}
		if r := w.run("status"); strings.Count(r.stdout, fmt.Sprint("recording ", deleted[0].ID, " of")) != 1 || !strings.Contains(r.stdout, "LOST") {
			t.Error("status doesn't list what is lost")
		}
		before := w.everything()
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3, "downloads": 3, "transcripts": 1, "failed": 0})
		after := w.everything()
		for _, k := range []string{key(kept[0], "mp3"), key(kept[1], "json"), key(kept[2], "mp3"), text} {
			if before[k] == after[k] {
				t.Errorf("%s was not archived anew", k)
			}
			delete(before, k)
			delete(after, k)
		}
		if !cmp.Equal(before, after) {
			t.Errorf("something else has changed: %s", cmp.Diff(before, after))
		}
		w.mustHold(kept...)
		w.diff(reading, 1, map[string]int{"whole": 7, "missing": 0, "damaged": 0, "lost": 2, "unknown": 3, "begun": 0})
	})
}

// What a killed run leaves is told from what nobody knows, and the next run
// takes care of it.
func TestDiffAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(6)
	if r := w.signalled(syscall.SIGKILL, isAudio, 4, false, "--older-than", "90d", "--workers", "1"); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	w.abandon(w.keys()[0])
	i := slices.IndexFunc(w.account.Recordings(), func(r vbctest.Recording) bool { return !slices.Contains(w.keys(), key(r, "mp3")) })
	begun := key(w.account.Recordings()[i], "json")
	w.place(begun, "{}")
	r := w.run("diff", "--json")
	w.want(r, 1, map[string]int{"checked": 3, "whole": 3, "begun": 2, "unknown": 0, "missing": 0})
	w.mustSay(r, "begun", begun, "the next run resumes it")
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"failed": 0})
	w.want(w.run("diff", "--json"), 0, map[string]int{"checked": 6, "whole": 6, "begun": 0, "unknown": 0, "beside": 1}) // the metadata that was none stays
}

// Another directory in the place of the archive, as where a disk isn't mounted,
// is refused, and nothing called missing.
func TestDiffOfAnUnmountedDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	dir := filepath.Join(t.TempDir(), "archive")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.inDirectory(dir)
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	rows := w.known(w.manifest())
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if r := w.run("diff", "--fix"); r.code != 3 || !strings.Contains(r.stderr, "check that the disk is mounted") || !cmp.Equal(rows, w.known(w.manifest())) {
		t.Errorf("exit %d", r.code)
	}
}

// A bucket that doesn't show uploads is compared all the same.
func TestDiffWithoutTheRightToListUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op == "ListMultipartUploads" {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return nil
	})
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	if r := w.run("diff"); r.code != 0 || !strings.Contains(r.stdout, "remark: unfinished uploads can't be listed") {
		t.Errorf("exit %d", r.code)
	}
}
