package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Everything that is wrong with an archive is said, and what is lost stays
// known as that.
func TestRebuildSaysWhatHasNoPlace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(9)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "3"), 0, map[string]int{"deleted": 3})
		deleted := w.account.Deleted()
		kept := w.account.Recordings()
		path := w.manifest()
		w.loseAll()
		w.remove(key(deleted[0], "mp3"))  // lost: the metadata is left
		w.remove(key(deleted[1], "json")) // lost: the audio is left
		w.remove(key(kept[0], "mp3"))     // metadata alone
		w.remove(key(kept[1], "json"))    // audio alone
		w.remove(key(kept[2], "json"))    // and metadata that is none
		w.place(key(kept[2], "json"), `{"format":1}`)
		w.remove(key(kept[3], "mp3")) // another audio
		w.place(key(kept[3], "mp3"), strings.Repeat("x", int(kept[3].Size)))
		w.place("account=549825/kind=company/notes.txt", "somebody's")
		w.place("account=549825/kind=company/year=2026/month=05/day=13/20260512T101500Z_193228.mp3", "in another day's directory")
		w.place("receipts/account=549825/chain=X/notes.txt", "no receipts")
		w.place("catalog/account=549825/recordings.csv", "from another command")
		w.place("holiday.jpg", "foreign")
		w.place("photos/2026/a.jpg", "foreign")
		r := w.run("rebuild", "--from", w.to, "--json")
		w.want(r, 1, map[string]int{"recordings": 3, "purged": 3, "lost": 2, "missing": 1, "damaged": 2, "unknown": 5, "foreign": 2, "listed": 2})
		for _, want := range []string{
			`"finding":"lost","key":"` + key(deleted[0], "mp3"), `"finding":"lost","key":"` + key(deleted[1], "mp3"), `"finding":"missing","key":"` + key(kept[0], "json"),
			`"finding":"unknown","key":"` + key(kept[1], "mp3"), `"finding":"damaged","key":"` + key(kept[2], "json"), `"finding":"damaged","key":"` + key(kept[3], "mp3"),
			`"finding":"unknown","key":"account=549825/kind=company/notes.txt`, `day=13/20260512T101500Z_193228.mp3","means`, `"finding":"unknown","key":"receipts/account=549825/chain=X/notes.txt`,
			`"finding":"foreign","key":"holiday.jpg`, `"finding":"foreign","key":"photos/"`,
		} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("nothing like %s is said", want)
			}
		}
		if r := w.run("status"); strings.Count(r.stdout, "LOST") == 0 || w.manifest() != path {
			t.Error("status doesn't list what is lost")
		}
		w.want(w.run("verify", "--json"), 1, map[string]int{"lost": 2, "damaged": 0, "whole": 3})
		if r := w.run("manifest", "check"); r.code != 0 {
			t.Error("check")
		}
		w.account.ResetCounts()
		// One more download: nobody knows whether the other audio is somebody's only
		// copy, so it stays, and ours goes beside it.
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4, "downloads": 5, "failed": 0})
		w.nothingLostBut(all, deleted[:2])
	}, vbctest.Config{})
}

// For people the first of each kind are shown, and a foreign file is no reason
// to fail.
func TestRebuildForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.loseAll()
	for i := range 25 {
		w.place(fmt.Sprintf("picture%d.jpg", i), "foreign")
	}
	r := w.run("rebuild", "--from", w.to)
	if r.code != 0 || strings.Count(r.stdout, "\nforeign") != 21 || !strings.Contains(r.stdout, "and more; --json shows all") || !strings.Contains(r.stdout, "recordings  2 ") ||
		!strings.Contains(r.stdout, "The manifest is in "+w.manifest()) || !strings.Contains(r.stderr, "Nothing is changed in the archive") {
		t.Errorf("exit %d", r.code)
	}
}

// Two machines and a lost manifest make three chains. All are read, the last
// word about each recording counts, whichever chain has it, and none is continued.
func TestRebuildReadsAllChains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	slices.SortFunc(all, func(a, b vbctest.Recording) int { return a.Start.Compare(b.Start) })
	first, last := all[2], all[5]
	other := filepath.Join(t.TempDir(), "other")
	every := []string{"--older-than", "90d", "--full-scan"}
	w.want(w.archive("--older-than", "90d", "--manifest", other), 0, map[string]int{"archived": 6})
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2", "--workers", "1"), 0, map[string]int{"deleted": 2})
	w.loseAll()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4})
	w.want(w.archive("--older-than", "90d", "--delete", "--manifest", other), 0, map[string]int{"deleted": 6}) // and finds them gone
	// VBC shows two again: the one machine sees the first, the other the last.
	w.account.Add(first)
	w.archive(every...)
	w.account.Add(last)
	w.archive(append(every, "--since", last.Start.Format(time.RFC3339), "--manifest", other)...)
	before := w.receipts()
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json", "--key", w.verifierOf(other)), 0,
		map[string]int{"recordings": 6, "purged": 4, "chains": 3, "lost": 0, "receipts_signed": len(w.lines(before)), "unvouched": 0})
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "downloads": 0})
	if left := w.atVBC(); len(left) != 0 {
		t.Errorf("%v are left at VBC", left)
	}
	if n := len(chainsOf(w.receipts())); n != 4 {
		t.Errorf("%d chains of receipts, and 3 before; want one of its own", n)
	}
	r := w.run("audit")
	if r.code != 0 || strings.Count(r.stdout, "other chain") != 3 {
		t.Error("audit")
	}
	w.mustHold(all...)
}

// Of an id that VBC has given again both recordings are in the manifest, whether
// both were deleted or the first alone.
func TestRebuildOfAnIDGivenAgain(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
		first, second := vbctest.Recording{Kind: vbctest.Company, ID: 5, Start: start, Size: 9000}, vbctest.Recording{Kind: vbctest.Company, ID: 5, Start: start.AddDate(0, 1, 0), Size: 9500}
		w.account.Add(first)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
		w.account.Add(second)
		args, purged := []string{"--older-than", "90d", "--full-scan"}, 1
		if both {
			args, purged = append(args, "--delete"), 2
		}
		w.want(w.archive(args...), 0, map[string]int{"archived": 1})
		path := w.manifest()
		was := w.known(w.loseAll())
		w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 2, "purged": purged, "beside": 0, "lost": 0})
		if is := w.known(path); !cmp.Equal(was, is) {
			t.Error(cmp.Diff(was, is))
		}
		w.want(w.run("diff", "--json"), 0, map[string]int{"beside": 0, "checked": 2})
		w.loseAll()
		w.remove(key(first, "mp3"))
		r := w.run("rebuild", "--from", w.to, "--json")
		if w.want(r, 1, map[string]int{"recordings": 1, "purged": purged, "lost": 1}); !strings.Contains(r.stdout, key(first, "")[:len(key(first, ""))-1]) {
			t.Error("it doesn't say that the first one's audio is missing")
		}
	}
}
