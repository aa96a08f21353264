package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// clockOf is a clock for VBC that ours is off by off from; 0 = as ours.
type clockOf struct{ off atomic.Int64 }

func (c *clockOf) now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

// Nothing is listed by a wrong clock, whatever the run is about: each writes
// down times that later ones reckon with.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	const before = "--before=2026-01-01"
	for name, args := range map[string][]string{
		"cutoff by age":       {"--older-than", "90d", "--delete"},
		"cutoff by date":      {before, "--delete"},
		"age of copies":       {before, "--delete", "--delete-after", "7d"},
		"nothing to delete":   {before},
		"dry run":             {before, "--delete", "--dry-run"},
		"dry run with an age": {"--older-than", "90d", "--dry-run"},
	} {
		for _, off := range []time.Duration{6 * time.Minute, -6 * time.Minute} {
			t.Run(fmt.Sprint(name, off), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, vbctest.Config{Now: func() time.Time { return time.Now().Add(off) }}).inDir()
				w.someRecordings(2)
				r := w.archive(args...)
				w.want(r, 3, nil)
				says := func(s string) bool { return strings.Contains(r.stderr, s) }
				if !says("clock is ") || !says("hint: set this machine's clock") || says("--before") {
					t.Error("it doesn't say why, or what to do")
				}
				if n := w.account.Counts().Total; n != 1 || len(w.keys()) != 0 || len(w.account.Deleted()) != 0 {
					t.Errorf("%d requests and %q; want a token and nothing else", n, w.keys())
				}
			})
		}
	}
	t.Run("a little off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{Now: func() time.Time { return time.Now().Add(4 * time.Minute) }}).inDir()
		w.someRecordings(1)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	})
}

// A clock that goes wrong in the middle of a run ends it, and the next goes on.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			t.Parallel()
			var clock clockOf
			w := newWorld(t, vbctest.Config{Now: clock.now}).inDir()
			all := w.someRecordings(20)
			w.nth(4, isDelete, func() *vbctest.Fault { // one odd answer is no clock: that comes with the fifth download
				clock.off.Store(int64(jump))
				return nil
			})
			r := w.archive("--before", time.Now().AddDate(0, -3, 0).Format(time.DateOnly), "--delete", "--workers", "1")
			w.want(r, 3, map[string]int{"archived": 5, "deleted": 5, "failed": 0})
			if !strings.Contains(r.stderr, "clock is") {
				t.Error("it doesn't say why")
			}
			if n := w.account.Counts().ByKind[vbctest.Audio]; n != 5 {
				t.Errorf("%d downloads, want none by a wrong clock", n)
			}
			clock.off.Store(0)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 15})
			w.mustHold(all...)
		})
	}
	t.Run("before the proof", func(t *testing.T) { // as seen by the download
		t.Parallel()
		var clock clockOf
		w := newWorld(t, vbctest.Config{Now: clock.now}).inDir()
		w.someRecordings(3)
		w.nth(1, func(r *http.Request) bool { return r.URL.Path == "/token" }, func() *vbctest.Fault { // whose answer has still the right time
			clock.off.Store(int64(time.Hour))
			return nil
		})
		r := w.archive("--older-than", "90d", "--delete", "--no-transcripts", "--workers", "1")
		w.want(r, 3, map[string]int{"archived": 0, "deleted": 0, "failed": 0})
		clock.off.Store(0)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 3, "deleted": 3})
	})
	t.Run("dry run", func(t *testing.T) {
		t.Parallel()
		var clock clockOf
		w := newWorld(t, vbctest.Config{Now: clock.now}).inDir()
		w.someRecordings(2)
		w.nth(1, func(r *http.Request) bool { return r.URL.Path == "/token" }, func() *vbctest.Fault {
			clock.off.Store(int64(time.Hour))
			return nil
		})
		if r := w.archive("--older-than", "90d", "--dry-run"); r.code != 3 || !strings.Contains(r.stderr, "clock is") {
			t.Errorf("exit %d; it doesn't say why", r.code)
		}
	})
}

// later is a time that a wrong clock has written down, as the manifest has it.
func later() int64 { return time.Now().AddDate(5, 0, 0).UnixMilli() }

// A listing that was made in the future isn't relied on: else no full scan
// would come before it.
func TestMarkFromTheFuture(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"full_at", "until"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(3)
			late := func(id int64) { w.account.Add(vbctest.Recording{ID: id, Start: all[0].Start.Add(-time.Hour)}) }
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
			late(1)
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 0})
			w.change(fmt.Sprintf("UPDATE listing SET %s = %d", column, later()))
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1, "listed": 4})
			late(2) // and from then on it is relied on
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 0})
			w.want(w.archive("--older-than", "90d", "--full-scan-every", "1ms"), 0, map[string]int{"archived": 1})
		})
	}
}

// What failed in the future doesn't rest until then.
func TestFailureFromTheFuture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && strings.HasSuffix(r.URL.Path, fmt.Sprint(all[0].ID)) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no such audio"}`}
		}
		return nil
	})
	for range 3 {
		w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 1, "resting": 0})
	}
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 0, "resting": 1})
	w.change(fmt.Sprintf("UPDATE recording SET failed_at = %d WHERE reason <> ''", later()))
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 1, "resting": 0})
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 0, "resting": 1}) // from now on as usual
	w.change(fmt.Sprintf("UPDATE recording SET failed_at = %d WHERE reason <> ''", later()))
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1, "resting": 0})
	w.mustHold(all...)
}

// A copy from the future isn't deleted at once, and not held back for years:
// its age counts from the run that meets it.
func TestCopyFromTheFuture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	w.change(fmt.Sprintf("UPDATE recording SET archived_at = %d", later()))
	week := []string{"--older-than", "90d", "--delete", "--delete-after", "7d"}
	w.want(w.archive(append(week, "--dry-run")...), 0, map[string]int{"to_delete": 0, "held_back": 3})
	w.want(w.archive(week...), 0, map[string]int{"deleted": 0, "skipped": 3, "already_archived": 3})
	r := w.archive("--older-than", "90d", "--delete", "--delete-after", "1ms")
	w.want(r, 0, map[string]int{"deleted": 3, "skipped": 0})
	w.mustHold(all...)
}
