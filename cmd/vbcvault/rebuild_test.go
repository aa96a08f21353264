package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// rebuild makes the manifest anew, sees that this asks VBC nothing and changes
// nothing in the archive, and returns the summary.
func (w *world) rebuild(reading *atomic.Value, code int, values map[string]int, args ...string) result {
	w.t.Helper()
	before := w.everything()
	w.account.ResetCounts()
	reading.Store("rebuild")
	r := w.run(append([]string{"rebuild", "--from", w.to, "--json"}, args...)...)
	reading.Store("")
	w.want(r, code, values)
	if n := w.account.Counts().Total; n != 0 {
		w.t.Errorf("%d requests to VBC", n)
	}
	if after := w.everything(); !cmp.Equal(before, after) {
		w.t.Errorf("the archive has changed: %s", cmp.Diff(before, after))
	}
	return r
}

// variedArchive is an archive with everything in it: both kinds, transcripts, a
// copy beside another, a hold, an erasure, and about half of it deleted at VBC.
// What archives it again is returned.
func (w *world) variedArchive() (args []string) {
	w.t.Helper()
	start := calls(w)[0].Start
	for i := range int64(4) {
		text := fmt.Sprintf(`{"text":"call %d"}`, i)
		if i == 2 {
			text = "plain text"
		}
		w.account.Add(vbctest.Recording{ID: 21 + i, Start: start.Add(time.Hour), Transcript: text},
			vbctest.Recording{Kind: vbctest.OnDemand, ID: 1 + i, Start: start, User: 745249 + i%2})
	}
	w.place(w.keyOf(1), "another whole copy")
	args = []string{"--older-than", "90d", "--kind", "company,on-demand", "--users", "745249,745250"}
	w.want(w.archive(args...), 0, map[string]int{"archived": 16, "transcripts": 4})
	w.hold(append([]string{"add", "--caller-id", "17325550100"}, byCounsel...)...)
	w.want(w.archive(append(args, "--delete", "--max-deletes", "6")...), 0, map[string]int{"deleted": 6})
	i := slices.IndexFunc(w.account.Deleted(), func(r vbctest.Recording) bool { return r.Transcript == "" })
	gone := w.account.Deleted()[i]
	if r := w.erase("--id", fmt.Sprint(gone.ID), "--kind", string(gone.Kind), "--user", owner(gone)); r.code != 0 {
		w.t.Fatal("not erased")
	}
	return args
}

// A manifest that is made of the archive says what the lost one said, and a run
// with it does what one with that would have done.
func TestRebuild(t *testing.T) {
	t.Parallel()
	everywhere(t, vbctest.Config{Users: []int64{745249, 745250}}, func(t *testing.T, w *world, reading *atomic.Value) {
		args := w.variedArchive()
		path := w.manifest()
		lost := w.loseAll()
		r := w.rebuild(reading, 0, map[string]int{"recordings": 15, "transcripts": 4, "purged": 5, "erased": 1, "holds": 1, "listed": 0, "beside": 1, "lost": 0, "damaged": 0, "unknown": 0, "receipts": 15, "receipts_signed": 15, "chains": 1, "unvouched": 10})
		if !strings.Contains(r.stdout, `"finding":"beside"`) {
			t.Error("it doesn't say which copy lies beside another")
		}
		if w.manifest() != path {
			t.Errorf("it is in %s, and archive looks for %s", w.manifest(), path)
		}
		if was, is := w.known(lost), w.known(path); !cmp.Equal(was, is) {
			t.Errorf("it says something else than the lost one: %s", cmp.Diff(was, is))
		}
		if r := w.run("hold", "list"); !strings.Contains(r.stdout, "17325550100") {
			t.Error("it doesn't know the hold")
		}
		if r := w.run("status"); r.code != 0 || !strings.Contains(r.stdout, "Legal holds in force: 1") {
			t.Error("status")
		}
		if r := w.run("verify"); r.code != 0 || !strings.Contains(r.stdout, "checked 15 copies") {
			t.Error("verify")
		}
		if r := w.run("diff"); r.code != 0 {
			t.Error("diff")
		}
		if r := w.run("manifest", "check"); r.code != 0 {
			t.Error("check")
		}
		if r := w.run("audit"); r.code != 0 || !strings.Contains(r.stdout, "other chain") {
			t.Error("audit")
		}
		w.want(w.archive(args...), 0, map[string]int{"archived": 0, "transcripts": 0, "downloads": 0, "failed": 0, "listed": 10, "already_archived": 10})
		left := len(w.atVBC())
		// What no receipt vouches for is compared, each once. Of one, VBC names no caller.
		w.want(w.archive(append(args, "--delete")...), 0, map[string]int{"deleted": left - 5, "skipped": 5, "downloads": left - 5, "archived": 0, "failed": 0})
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive(append(args, "--delete")...), 0, map[string]int{"deleted": 5, "downloads": 5, "failed": 0})
		if c := w.account.Counts(); c.ByKind[vbctest.Audio] != left || c.ByKind[vbctest.Delete] != left {
			t.Errorf("%v for the %d recordings that were left", c.ByKind, left)
		}
		if r := w.run("verify", "--deep"); r.code != 0 || !strings.Contains(r.stdout, "checked 15 copies") {
			t.Error("verify")
		}
		w.want(w.run("audit", "--json"), 0, map[string]int{"deleted": left, "open": 0})
	})
}

// A run that was killed in the middle, then its manifest lost: what it was about
// to do is done, once, and what it was deleting is looked at.
func TestRebuildAfterAKill(t *testing.T) {
	t.Parallel()
	notShort(t, "kills at many moments")
	for name, match := range map[string]func(*http.Request) bool{"audio": isAudio, "delete": isDelete} {
		for _, nth := range []int{1, 11} {
			for _, applied := range []bool{false, true} {
				if name == "audio" && applied {
					continue
				}
				t.Run(fmt.Sprintf("%s %d applied %v", name, nth, applied), func(t *testing.T) {
					inBothKinds(t, vbctest.Config{}, func(t *testing.T, w *world, _ *atomic.Value) {
						const n, workers = 15, 3
						all := w.someRecordings(n)
						args := []string{"--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers)}
						if r := w.signalled(syscall.SIGKILL, match, nth, applied, args...); r.code != -1 {
							t.Fatalf("it wasn't killed: exit %d", r.code)
						}
						if w.proxy != nil {
							w.proxy.Idle()
						}
						downloads := w.account.Counts().ByKind[vbctest.Audio]
						w.loseAll()
						before := w.everything()
						w.account.ResetCounts()
						r := w.run("rebuild", "--from", w.to, "--json")
						if r.code != 0 && r.code != 1 { // 1: there may be metadata whose audio hasn't come
							if len(before) > 0 {
								t.Fatalf("exit %d", r.code)
							}
							return // the first download was killed, and nothing was stored yet
						}
						w.want(w.archive(args...), 0, map[string]int{"failed": 0})
						w.mustHold(all...)
						if left := w.atVBC(); len(left) != 0 {
							t.Errorf("%v are left at VBC", left)
						}
						if again := w.account.Counts().ByKind[vbctest.Audio]; downloads+again > n+workers {
							t.Errorf("%d downloads, and %d before, of %d recordings with %d in flight", again, downloads, n, workers)
						}
						for _, command := range []string{"verify", "audit", "diff"} {
							if r := w.run(command); r.code != 0 {
								t.Errorf("%s: exit %d", command, r.code)
							}
						}
						w.want(w.run("verify", "--json"), 0, map[string]int{"checked": n})
						w.want(w.run("audit", "--json"), 0, map[string]int{"open": 0})
					})
				})
			}
		}
	}
}

// A deletion whose intent is beside the archive, and whose outcome isn't: the
// next run asks VBC, and its outcome follows on a proven copy.
func TestRebuildSettlesWhatWasBegun(t *testing.T) {
	t.Parallel()
	notShort(t, "kills, and rebuilds everywhere")
	for _, applied := range []bool{false, true} {
		t.Run(fmt.Sprint(applied), func(t *testing.T) {
			inBothKinds(t, vbctest.Config{}, func(t *testing.T, w *world, reading *atomic.Value) {
				all := w.someRecordings(3)
				if r := w.signalled(syscall.SIGKILL, isDelete, 2, applied, "--older-than", "90d", "--delete", "--workers", "1"); r.code != -1 {
					t.Fatalf("exit %d, want a kill", r.code)
				}
				// A run that doesn't settle what was begun, since its listing doesn't cover
				// it and VBC doesn't say, stores the receipts all the same.
				w.account.Inject(func(r *http.Request) *vbctest.Fault {
					if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, fmt.Sprint("/", all[1].ID)) {
						return &vbctest.Fault{Status: http.StatusForbidden}
					}
					return nil
				})
				w.archive("--older-than", "90d", "--since", all[2].Start.UTC().Format(time.RFC3339))
				w.account.Inject(nil)
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 1})
				w.loseAll()
				w.rebuild(reading, 0, map[string]int{"purging": 1, "recordings": 3})
				if r := w.run("status"); !strings.Contains(r.stdout, "its deletion was started") {
					t.Error("status doesn't show what was begun")
				}
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 1})
				// The intent vouches for what was begun, and nothing for what was archived alone.
				w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "downloads": 1})
				if left := w.atVBC(); len(left) != 0 {
					t.Errorf("%v are left at VBC", left)
				}
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 0})
				w.mustHold(all...)
			})
		})
	}
}

// What is in the way is refused before anything is read, and nothing is left
// where archive would look for a manifest.
func TestRebuildIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "contains no archive of vbcvault") {
		t.Error("an empty directory")
	}
	w.want(w.archive("--older-than", "90d"), 0, nil)
	path := w.manifest()
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "overwrites nothing") {
		t.Error("over the manifest")
	}
	was := w.known(path)
	w.loseAll()
	w.place("account=7/kind=company/year=2026/month=05/day=12/20260512T101500Z_1.json", "another account's")
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "549825, 7") {
		t.Error("it doesn't say which accounts there are")
	}
	if r := w.run("rebuild", "--from", w.to, "--account", "8"); r.code != 2 || !strings.Contains(r.stderr, "nothing of account 8") {
		t.Error("an account that isn't there")
	}
	if err := os.WriteFile(path+"-wal", []byte("left of another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("rebuild", "--from", w.to, "--account", "549825"); r.code != 2 || !strings.Contains(r.stderr, "-wal belongs to a manifest") {
		t.Error("beside another manifest's -wal")
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(w.state, "*.manifest*")); err != nil || slices.ContainsFunc(found, func(f string) bool { return !strings.HasSuffix(f, ".lock") && f != path+".key" }) {
		t.Errorf("%v, %v", found, err)
	}
	w.want(w.run("rebuild", "--from", w.to, "--account", "549825", "--json"), 0, map[string]int{"recordings": 2})
	if is := w.known(path); !cmp.Equal(was, is) {
		t.Error(cmp.Diff(was, is))
	}
}

// kill -9 in the middle leaves nothing that could be taken for a manifest, and
// is no obstacle.
func TestRebuildKilled(t *testing.T) {
	t.Parallel()
	var running atomic.Pointer[exec.Cmd]
	var seen atomic.Int64
	w := newWorld(t, vbctest.Config{})
	w.inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if cmd := running.Load(); cmd != nil && op == "HeadObject" && seen.Add(1) == 15 {
			w.signal(cmd, syscall.SIGKILL)
		}
		return nil
	})
	all := w.someRecordings(20)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	path := w.manifest()
	was := w.known(w.loseAll())
	cmd := w.command("rebuild", "--from", w.to, "--workers", "2")
	running.Store(cmd)
	if r := w.finish(cmd); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	running.Store(nil)
	if found, err := filepath.Glob(filepath.Join(w.state, "*.manifest")); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	if r := w.run("status"); r.code != 2 {
		t.Error("status has taken something for a manifest")
	}
	if r := w.run("verify", "--manifest", path+".unfinished"); r.code != 2 {
		t.Error("verify has taken half a manifest for one")
	}
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 20})
	if is := w.known(path); !cmp.Equal(was, is) {
		t.Error(cmp.Diff(was, is))
	}
	if found, err := filepath.Glob(path + ".unfinished*"); err != nil || len(found) != 0 {
		t.Errorf("%v is left, %v", found, err)
	}
	w.mustHold(all...)
}

// Bytes that have rotted behind the store's back are found by reading, and large
// recordings need no reading the second time.
func TestRebuildDeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(3)
	w.account.Add(vbctest.Recording{ID: 1, Start: all[0].Start.Add(-time.Hour), Size: 11 << 20})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	w.flip(key(all[1], "mp3"))
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 4})
	w.proxy.Reset()
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 4})
	if n := w.proxy.Count("GetObject"); n != 0 {
		t.Errorf("verify has read %d objects that the store can prove", n)
	}
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json", "--deep"), 1, map[string]int{"recordings": 3, "damaged": 1, "listed": 1})
}

// A thousand recordings take no more memory than a hundred.
func TestRebuildOfMany(t *testing.T) {
	t.Parallel()
	notShort(t, "archives 500 recordings")
	needsPeak(t)
	peaks := map[int]int64{}
	for _, n := range []int{100, 500} {
		var running atomic.Pointer[exec.Cmd]
		var mu sync.Mutex // guards peaks
		w := newWorld(t, vbctest.Config{})
		w.inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
			if cmd := running.Load(); cmd != nil && op == "HeadObject" {
				mu.Lock()
				defer mu.Unlock()
				peaks[n] = max(peaks[n], peakMemory(w.process(cmd)))
			}
			return nil
		})
		w.someRecordings(n)
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "16"), 0, map[string]int{"deleted": n})
		w.loseAll()
		cmd := w.command("rebuild", "--from", w.to, "--json", "--progress", "plain")
		running.Store(cmd)
		w.want(w.finish(cmd), 0, map[string]int{"recordings": n, "purged": n})
		running.Store(nil)
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"listed": 0, "downloads": 0})
	}
	t.Logf("peak: %d MiB for 100 recordings, %d MiB for 500", peaks[100]>>20, peaks[500]>>20)
	if more := peaks[500] - peaks[100]; peaks[100] == 0 || more > 24<<20 {
		t.Errorf("%d MiB more for 500 recordings than for 100", more>>20)
	}
}
