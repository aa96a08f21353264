package main_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Somebody has deleted everything at VBC: that can be acknowledged, once.
func TestVanishedIsAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(30, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 24*time.Hour)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 30})
	for _, r := range all[:20] {
		w.account.Remove(r.ID)
	}
	for range 2 {
		w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"listed": 10, "troubles": 1})
	}
	w.wantTroubles("vanished/company")
	if r := w.run("acknowledge", "--trouble", "vanished", "--reason", "deleted in the portal"); r.code != 0 {
		t.Errorf("exit %d", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"troubles": 0, "acknowledged": 1})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"troubles": 0, "acknowledged": 0})
	w.wantTroubles()
}

// What --delete finds gone, one by one, is settled and no trouble.
func TestVanishedIsSettledByDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(12)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 12})
	for _, r := range all {
		w.account.Remove(r.ID)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 12, "troubles": 0})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"troubles": 0})
	w.wantTroubles()
}

// The user's own recordings, whose number only they tell.
func TestVanishedOfSelf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	for i := range int64(5) {
		w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 1 + i, Start: time.Now().AddDate(-1, 0, int(i))})
	}
	args := []string{"--older-than", "90d", "--kind", "on-demand"}
	w.want(w.archive(args...), 0, map[string]int{"archived": 5})
	w.account.Inject(showsNothing)
	w.want(w.archive(args...), 1, map[string]int{"troubles": 1})
	w.wantTroubles("vanished/on-demand/self")
	w.account.Inject(nil)
	w.want(w.archive(args...), 0, map[string]int{"troubles": 0})
	w.wantTroubles()
}

// What is behind a border and gone when it is looked for again is missing.
func TestCountThatStaysShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(250, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 24*time.Hour)
	var n atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && n.Add(1) == 2 {
			w.account.Remove(all[220].ID)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--page-size", "100"), 1, map[string]int{"archived": 249, "not_listed": 1})
	w.wantTroubles("missing/company")
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--page-size", "100"), 0, map[string]int{"archived": 0, "not_listed": 0})
	w.wantTroubles()
}

// A page that lacks something which the count has is looked into, also where a
// recording that comes late makes up for it.
func TestHiddenRecordingIsNotMasked(t *testing.T) {
	t.Parallel()
	notShort(t, "archives hundreds of recordings")
	for _, args := range [][]string{nil, {"--delete"}} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.account.Generate(400, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 24*time.Hour)
		var n atomic.Int64
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isList(r) && n.Add(1) == 1 {
				return &vbctest.Fault{Hide: all[50].ID}
			} else if isList(r) && n.Load() == 2 {
				w.account.Add(vbctest.Recording{ID: 1, Start: all[300].Start.Add(time.Minute)})
			}
			return nil
		})
		w.want(w.archive(append([]string{"--older-than", "90d", "--page-size", "120"}, args...)...), 0, map[string]int{"archived": 401})
		w.mustHold(all...)
	}
}

// VBC keeps recordings for some days: what leaves it by itself is no trouble,
// and doctor says if a run begins too late.
func TestRetentionAtVBC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	now := time.Now().UTC().Truncate(time.Second)
	all := w.account.Generate(60, now.AddDate(0, 0, -2), 24*time.Hour)
	w.want(w.archive("--older-than", "1d"), 0, map[string]int{"archived": 60})
	for _, r := range all[:20] {
		w.account.Remove(r.ID)
	}
	w.want(w.archive("--older-than", "1d", "--full-scan"), 0, map[string]int{"troubles": 0})
	if r := w.run("doctor", "--to", w.to); !strings.Contains(r.stdout, "after about 41 days") || strings.Contains(r.stdout, "before they are archived") {
		t.Error("doctor")
	}
	w.want(w.archive("--older-than", "41d"), 0, nil)
	if r := w.run("doctor", "--to", w.to); !strings.Contains(r.stdout, "before they are archived") {
		t.Error("doctor doesn't warn")
	}
}

// How late recordings come is known, and doctor says when it is too late.
func TestLateRecordings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -100)
	w.account.Generate(50, start, 24*time.Hour)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 50})
	doctor := func() string { return w.run("doctor", "--to", w.to).stdout }
	w.account.Add(vbctest.Recording{ID: 1, Start: time.Now().AddDate(0, 0, -91)})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	if out := doctor(); !strings.Contains(out, "appeared late") || strings.Contains(out, "lists only the last 3 days") {
		t.Error("doctor on a day:", out)
	}
	w.account.Add(vbctest.Recording{ID: 2, Start: time.Now().AddDate(0, 0, -120)})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"archived": 1})
	if out := doctor(); !strings.Contains(out, "lists only the last 3 days") {
		t.Error("doctor on a month:", out)
	}
	if r := w.run("status"); !strings.Contains(r.stdout, "company recording 2 appeared 30 days") {
		t.Error("status")
	}
}
