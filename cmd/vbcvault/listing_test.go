package main_test

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Every night without --delete: what is known isn't listed again, late
// arrivals are found, at once or by the full scan that comes every so often.
func TestNightlyListsWhatIsNew(t *testing.T) {
	t.Parallel()
	notShort(t, "archives hundreds of recordings")
	w := newWorld(t, vbctest.Config{MaxPageSize: 100}).inDir()
	newest := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -100)
	w.account.Generate(950, newest, time.Hour)
	w.want(w.archive("--older-than", "101d"), 0, map[string]int{"archived": 950 - 24})
	if n := w.account.Counts().ByKind[vbctest.List]; n != 10 {
		t.Errorf("%d requests for ten pages", n)
	}
	w.account.Add(vbctest.Recording{ID: 1, Start: newest.Add(-30 * time.Hour)}, // listed late, within three days
		vbctest.Recording{ID: 2, Start: newest.AddDate(0, 0, -20)}) // listed very late
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "99d"), 0, map[string]int{"archived": 24 + 1})
	if n := w.account.Counts().ByKind[vbctest.List]; n != 1 {
		t.Errorf("%d requests for what is new, want 1", n)
	}
	w.want(w.archive("--older-than", "99d", "--full-scan"), 0, map[string]int{"archived": 1, "listed": 952})
	w.account.Add(vbctest.Recording{ID: 3, Start: newest.AddDate(0, 0, -20)})
	w.want(w.archive("--older-than", "99d"), 0, map[string]int{"archived": 0})
	w.want(w.archive("--older-than", "99d", "--full-scan-every", "1ms"), 0, map[string]int{"archived": 1, "listed": 953})
	// What was listed with --since says nothing of what lies before.
	other := newWorld(t, vbctest.Config{}).inDir()
	other.account.Generate(50, newest, 24*time.Hour)
	other.want(other.archive("--older-than", "90d", "--since", newest.AddDate(0, 0, -9).Format(time.DateOnly)), 0, map[string]int{"archived": 10})
	other.want(other.archive("--older-than", "90d"), 0, map[string]int{"archived": 40})
}

// An interrupted first run doesn't begin its listing anew.
func TestInterruptedListingGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(450, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 5*24*time.Hour)
	cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--json", "--page-size", "100")
	n := 0
	var mu sync.Mutex
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if isAudio(r) {
			if n++; n == 350 {
				w.signal(cmd, os.Interrupt)
			}
		}
		return nil
	})
	w.want(w.finish(cmd), 130, nil)
	w.account.Inject(nil)
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--page-size", "100"), 0, nil)
	if c := w.account.Counts().ByKind; c[vbctest.List] > 3 || c[vbctest.Audio] > 110 {
		t.Errorf("%v; want what was left of five pages", c)
	}
	w.mustHold(all...)
}

// A migration works on the oldest before it has listed the rest, and asks for
// pages as large as VBC allows: what it refuses isn't asked for again.
func TestMigrationMakesProgressFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{RejectPageSizeAbove: 130}).inDir()
	all := w.account.Generate(800, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Minute)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 800})
	lists, oldest := 0, false
	for _, r := range w.account.Log() {
		if r.Kind == vbctest.List && r.Status == 200 {
			lists++
		}
		if r.Kind == vbctest.Delete && !oldest {
			if oldest = true; lists > 3 || !strings.HasSuffix(r.Path, "/100001") && !strings.HasPrefix(r.Path[len(r.Path)-6:], "10000") && !strings.HasPrefix(r.Path[len(r.Path)-6:], "10001") {
				t.Errorf("the first DELETE is %s, after %d pages of 7", r.Path, lists)
			}
		}
	}
	refused := func() (n int) {
		for _, r := range w.account.Log() {
			if r.Status == http.StatusBadRequest {
				n++
			}
		}
		return n
	}
	if n := refused(); n != 3 {
		t.Errorf("%d pages were refused, want those of 1000, 500 and 250", n)
	}
	w.account.ResetCounts()
	w.account.Add(all[:10]...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 10})
	if n := refused(); n != 0 {
		t.Errorf("the next run forgot: %d pages were refused", n)
	}
}

// Pages that VBC doesn't manage in time are asked for in smaller ones, and the
// next night begins with these.
func TestLargePagesTimeOut(t *testing.T) {
	t.Parallel()
	notShort(t, "it waits for a gateway")
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(300, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Minute)
	var failed atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if n, _ := strconv.Atoi(r.URL.Query().Get("page_size")); isList(r) && n > 100 {
			failed.Add(1)
			return &vbctest.Fault{Status: 504}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 300, "not_listed": 0})
	w.mustHold(all...)
	if n := failed.Swap(0); n == 0 || n > 8 {
		t.Errorf("%d pages failed", n)
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 0})
	if n := failed.Load(); n != 0 {
		t.Errorf("the next night forgot: %d pages failed", n)
	}

	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		return &vbctest.Fault{Status: map[bool]int{true: 504}[isList(r)]}
	})
	r := w.archive("--older-than", "90d", "--full-scan", "--max-wait", "5s")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "--page-size") {
		t.Error("the hint doesn't name --page-size")
	}
}

// A server that doesn't heed the order, or refuses it, or ignores the filter
// by time: everything is done, though it takes more pages.
func TestListingInAnyOrder(t *testing.T) {
	t.Parallel() // it mostly waits
	notShort(t, "archives hundreds of recordings in many orders")
	for name, cfg := range map[string]vbctest.Config{
		"newest first whatever is asked for": {IgnoreOrder: true},
		"the order is refused":               {RejectOrder: true},
		"the filter is ignored":              {IgnoreStartFilter: true},
		"neither":                            {IgnoreStartFilter: true, IgnoreOrder: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cfg).inDir()
			all := w.account.Generate(250, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Minute)
			young := vbctest.Recording{ID: 1, Start: time.Now()}
			w.account.Add(young)
			w.want(w.archive("--older-than", "90d", "--delete", "--page-size", "50"), 0, map[string]int{"listed": 250, "deleted": 250, "not_listed": 0})
			w.mustHold(all...)
			if !w.account.Has(vbctest.Company, 0, 1) {
				t.Error("a recording after the cutoff was deleted")
			}
		})
	}
}

// How long it will take is said before, by the dry run, and after an
// interruption, by status: at the quota that VBC has taught, or its default.
func TestItSaysHowLongItWillTake(t *testing.T) {
	t.Parallel() // it mostly waits
	notShort(t, "archives hundreds of recordings")
	w := newWorld(t, vbctest.Config{MaxPageSize: 100}).inDir()
	w.someRecordings(600)
	r := w.run("archive", "--to", w.to, "--older-than", "90d", "--delete", "--dry-run")
	for _, words := range []string{"about 1,207", "613 with exports", "about 2 h at VBC's default quota of 10 requests a minute, 61 min with exports"} {
		if !strings.Contains(r.stdout, words) {
			t.Errorf("the dry run doesn't say %q", words)
		}
	}
	cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete")
	w.nth(250, isDelete, func() *vbctest.Fault {
		w.signal(cmd, os.Interrupt)
		return nil
	})
	w.want(w.finish(cmd), 130, nil)
	w.account.Inject(nil)
	m, err := sqlite.Open(t.Context(), w.manifest())
	if err != nil {
		t.Fatal(err)
	}
	mustDo(t, m.SetLearned(t.Context(), manifest.Learned{Pace: 20 * time.Millisecond, Limited: true}))
	mustDo(t, m.Close())
	r = w.run("status")
	if !regexp.MustCompile(`Left: [0-9]+ to archive, [0-9]+ to delete; about [0-9]+ s at [0-9.]+ requests a second, [0-9]+ s with exports`).MatchString(r.stdout) {
		t.Error("status doesn't say what is left")
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	if r = w.run("status"); strings.Contains(r.stdout, "Left:") {
		t.Error("nothing is left")
	}
}

// What a page counts and doesn't show is missed between two slices, and the
// slice is listed once more.
func TestHiddenRecordingIsMissed(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(250, time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -100), 24*time.Hour)
	w.nth(1, isList, func() *vbctest.Fault { return &vbctest.Fault{Hide: all[50].ID} })
	w.want(w.archive("--older-than", "90d", "--page-size", "50"), 0, map[string]int{"archived": 250, "not_listed": 0})
	w.mustHold(all[50])

	w = newWorld(t, vbctest.Config{}).inDir()
	w.account.Add(all...)
	w.account.Inject(func(r *http.Request) *vbctest.Fault { return &vbctest.Fault{Hide: all[50].ID} })
	w.want(w.archive("--older-than", "90d", "--page-size", "50"), 1, map[string]int{"archived": 249, "not_listed": 1})
	// What has gaps isn't relied on by the next run, whatever somebody says of them.
	w.account.Inject(nil)
	w.want(w.run("acknowledge", "--trouble", "missing/company", "--reason", "a test"), 0, nil)
	w.want(w.archive("--older-than", "90d", "--page-size", "50"), 0, map[string]int{"archived": 1})
}
