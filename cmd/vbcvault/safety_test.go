package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Recordings exactly at the cutoff, newer ones that are served in spite of the
// filter, and those whose start can't be read: never deleted.
func TestCutoffHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{IgnoreStartFilter: true}).inDir()
	cutoff := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	w.account.Add(
		vbctest.Recording{ID: 1, Start: cutoff.Add(-time.Second)},
		vbctest.Recording{ID: 2, Start: cutoff},
		vbctest.Recording{ID: 3, Start: cutoff.Add(time.Second)},
		vbctest.Recording{ID: 4, Start: cutoff.AddDate(0, 1, 0)},
		vbctest.Recording{ID: 5, Start: cutoff.AddDate(0, -1, 0), RawStart: "yesterday"},
		vbctest.Recording{ID: 6, Start: cutoff.AddDate(0, -1, 0), RawStart: "2026-04-01T00:00:00"}, // of which zone?
		vbctest.Recording{ID: 7, Start: cutoff, RawStart: "2026-05-01T01:00:00+0200"},              // an hour before it
		vbctest.Recording{ID: 8, Start: cutoff.AddDate(-1, 0, 0)},                                  // before --since
	)
	r := w.archive("--before", "2026-05-01", "--since", "2026-01-01", "--delete")
	w.want(r, 1, map[string]int{"listed": 2, "archived": 2, "deleted": 2, "unreadable": 2, "troubles": 2})
	for _, d := range w.account.Deleted() {
		if d.ID != 1 && d.ID != 7 {
			t.Errorf("recording %d was deleted", d.ID)
		}
	}
	if keys := w.keys(); len(keys) != 4 {
		t.Errorf("%q", keys)
	}
}

// A run is interrupted, and the next has another cutoff: rows of the manifest
// pass the same check as listed ones.
func TestLaterCutoffHoldsForTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	now := time.Now().UTC().Truncate(time.Second)
	for i := range int64(30) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: now.AddDate(0, 0, -40-int(i)*5)}) // 40 to 185 days old
	}
	for _, at := range []func(*http.Request) bool{isAudio, isDelete} {
		if r := w.signalled(syscall.SIGKILL, at, 3, false, "--older-than", "30d", "--delete", "--max-deletes", "3"); r.code != -1 {
			t.Fatalf("it wasn't killed: exit %d", r.code)
		}
	}
	before := len(w.account.Deleted())
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	for _, d := range w.account.Deleted()[before:] {
		if now.Sub(d.Start) < 90*24*time.Hour {
			t.Errorf("recording %d is %.0f days old and was deleted", d.ID, now.Sub(d.Start).Hours()/24)
		}
	}
	for _, r := range w.account.Recordings() {
		if now.Sub(r.Start) >= 90*24*time.Hour {
			t.Errorf("recording %d is left", r.ID)
		}
	}
}

// --since narrows what the manifest holds as well as what is listed: rows that
// an interrupted run has left are neither archived nor deleted outside of it.
func TestSinceHoldsForTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(10)
	since := all[5].Start.Format(time.RFC3339)
	if r := w.signalled(syscall.SIGKILL, isAudio, 1, false, "--older-than", "90d"); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--since", since), 0, map[string]int{"archived": 5})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 5})

	// Killed in the first DELETE, that of the oldest: whether it took effect
	// is found out with a GET, and the recording is left alone.
	if r := w.signalled(syscall.SIGKILL, isDelete, 1, false, "--older-than", "90d", "--delete", "--workers", "1"); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete", "--since", since), 0, map[string]int{"deleted": 5})
	for i, r := range all {
		if w.account.Has(r.Kind, r.User, r.ID) != (i < 5) {
			t.Errorf("recording %d of 10: still at VBC is %v", i, i >= 5)
		}
	}
	if n := w.account.Counts().ByKind[vbctest.Get]; n != 1 {
		t.Errorf("%d looks at the one that was being deleted, want 1", n)
	}
}

// Another account's recordings in the middle of a listing.
func TestAccountChangesInAListing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{MaxPageSize: 3}).inDir()
	all := w.someRecordings(5)
	w.account.Add(vbctest.Recording{ID: 7, Start: all[0].Start.Add(-time.Hour), Extra: map[string]any{
		"_links": map[string]any{"self": map[string]any{"href": "https://api.vonage.com/t/vbc.prod/call_recording/api/accounts/4711/company_call_recordings/7"}}}})
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 3, map[string]int{"archived": 0, "deleted": 0})
	if !strings.Contains(r.stderr, "4711") || len(w.account.Deleted()) != 0 {
		t.Error("it isn't said, or something was deleted")
	}
}

// 1,000 recordings, 300 of them in the same second, pages of 50, and purges:
// one run gets them all, and never asks for more than --workers at once.
func TestThousandRecordingsInOneRun(t *testing.T) {
	t.Parallel()
	notShort(t, "archives 1,000 recordings")
	w := newWorld(t, vbctest.Config{MaxPageSize: 50, Latency: time.Millisecond}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(1000) {
		at := start.Add(time.Duration(max(i, 300)) * time.Minute)
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: at, Size: 1000 + i})
	}
	all := w.account.Recordings()
	r := w.archive("--older-than", "90d", "--delete", "--workers", "6")
	w.want(r, 0, map[string]int{"listed": 1000, "archived": 1000, "deleted": 1000, "not_listed": 0})
	if n := len(w.account.Recordings()); n != 0 {
		t.Errorf("%d are left at VBC", n)
	}
	w.mustHold(all...)
	if n := w.account.MaxInFlight(); n > 6+1 {
		t.Errorf("%d requests at once with 6 workers and the listing that runs ahead", n)
	}
}

// A store that says 200 and keeps nothing, for audio and for the sidecar.
func TestSwallowedUploadIsNeverPurged(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{".mp3", ".json"} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
				if op == "PutObject" && strings.HasSuffix(key, ending) {
					return &storagetest.S3Fault{Status: http.StatusOK}
				}
				return nil
			})
			w.someRecordings(3)
			w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"archived": 0, "deleted": 0, "failed": 3})
			if n := len(w.account.Deleted()); n != 0 {
				t.Errorf("%d were deleted", n)
			}
		})
	}
}

// A copy that is damaged, or gone, after it was verified, in a later run.
func TestDamageBetweenTwoRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 6})
	dir := strings.TrimPrefix(w.to, "file://")
	w.flip(key(all[0], "mp3"))
	w.flip(key(all[1], "json"))
	for i, ending := range []string{"mp3", "json"} {
		if err := os.Remove(filepath.Join(dir, key(all[2+i], ending))); err != nil {
			t.Fatal(err)
		}
	}
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 6, "failed": 0})
	w.mustHold(all...)
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 4 {
		t.Errorf("%d downloads for 4 damaged copies", n)
	}
	if keys := w.keys(); len(keys) != 12 {
		t.Errorf("%d objects for 6 recordings: %q", len(keys), keys)
	}
}

// Somebody else's object under our key stays, and ours lies beside it.
func TestWholeCopiesAreNeverOverwritten(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(2)
		store := w.open()
		for _, ending := range []string{"mp3", "json"} {
			_, err := store.Put(t.Context(), key(all[0], ending), storage.Body{Reader: strings.NewReader("the only copy of something")}, storage.Attrs{})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
		beside := strings.TrimSuffix(key(all[0], "mp3"), ".mp3") + "-" + storage.Digest(all[0].SHA256()).String()[:8] + ".mp3"
		has, err := store.Stat(t.Context(), storage.Object{Key: beside})
		if err != nil || has.SHA256 != storage.Digest(all[0].SHA256()) {
			t.Errorf("beside it: %+v, %v", has, err)
		}
		old, err := store.Stat(t.Context(), storage.Object{Key: key(all[0], "mp3")})
		if err != nil || old.SHA256 != storage.SumOf([]byte("the only copy of something")) {
			t.Errorf("what was there: %+v, %v", old, err)
		}
		if keys := w.keys(); len(keys) != 6 {
			t.Errorf("%q", keys)
		}
	}, vbctest.Config{})
}

// Copies that a lifecycle rule will remove don't justify a deletion.
func TestExpiringCopyIsNotPurged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op != "HeadObject" {
			return nil
		}
		return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Expiration": {`expiry-date="Fri, 23 Dec 2037 00:00:00 GMT", rule-id="r"`}}}
	})
	w.someRecordings(2)
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 1, map[string]int{"archived": 2, "deleted": 0, "failed": 2})
	if !strings.Contains(r.stderr, "2037-12-23") {
		t.Error("it doesn't say when")
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--allow-expiring"), 0, map[string]int{"deleted": 2})
}

func TestSizeMismatchAcceptedWhenTwoDownloadsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	w.account.Add(vbctest.Recording{ID: 1, Start: start, Size: 20000, DeclaredSize: 19999})
	all := w.account.Recordings()
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"failed": 1, "deleted": 0})
	w.want(w.archive("--older-than", "90d", "--delete", "--accept-size-mismatch"), 0, map[string]int{"archived": 1, "deleted": 1})
	w.mustHold(all...)
}

func TestUnmountedDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
	dir := strings.TrimPrefix(w.to, "file://")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 3, nil)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was created")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r = w.archive("--older-than", "90d", "--delete")
	w.want(r, 3, map[string]int{"deleted": 0})
	if !strings.Contains(r.stderr, "mounted") || len(w.account.Deleted()) != 0 {
		t.Error("an empty directory was taken for the archive")
	}
}

// Losing the manifest loses nothing, and stores nothing twice.
func TestLostManifest(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(5)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 5})
		before := w.keys()
		if err := os.RemoveAll(w.state); err != nil {
			t.Fatal(err)
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 5, "deleted": 5})
		w.mustHold(all...)
		if after := w.keys(); !slices.Equal(before, after) {
			t.Errorf("%d objects, and %d after the manifest was lost", len(before), len(after))
		}
	}, vbctest.Config{})
}

// Two machines on one account, each with a manifest of its own: safe, and
// twice the downloads.
func TestTwoMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(40)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			r := w.archive("--older-than", "90d", "--delete", "--manifest", filepath.Join(w.state, fmt.Sprint("m", i)))
			if r.code != 0 && r.code != 1 { // 1: the other one had deleted it between our listing and our download
				t.Errorf("machine %d: exit %d", i, r.code)
			}
		})
	}
	wg.Wait()
	w.nothingLost(all)
	w.mustHold(all...)
	if keys := w.keys(); len(keys) != 80 {
		t.Errorf("%d objects for 40 recordings", len(keys))
	}
}
