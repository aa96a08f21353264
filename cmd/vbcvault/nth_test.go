package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// again are two recordings that have had one id, one after the other.
func again() map[string][2]vbctest.Recording {
	start := time.Now().UTC().Truncate(time.Second).AddDate(-2, 0, 0)
	first := vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: start, Size: 9000}
	then := func(change func(*vbctest.Recording)) [2]vbctest.Recording {
		second := first
		change(&second)
		return [2]vbctest.Recording{first, second}
	}
	name := map[string]any{"file_name": "call.mp3"}
	corrected := then(func(r *vbctest.Recording) { r.Start = start.Add(time.Second) })
	corrected[0].Extra, corrected[1].Extra = name, name
	return map[string][2]vbctest.Recording{
		"given again": then(func(r *vbctest.Recording) {
			r.Start, r.Size, r.Extra = start.AddDate(1, 0, 0), 9500, map[string]any{"call_id": "another"}
		}),
		"start corrected": corrected,
		"other size":      then(func(r *vbctest.Recording) { r.Size = 9500 }),
	}
}

// One recording, one row, for ever: whatever VBC shows under its id later.
func TestOneRecordingOneRow(t *testing.T) {
	t.Parallel()
	notShort(t, "has every command look at each")
	for name, both := range again() {
		for place, in := range map[string]func(*world) *world{"s3": func(w *world) *world { return w.inS3(nil) }, "directory": (*world).inDir} {
			if place == "s3" && name != "start corrected" {
				continue // names are made in the same way
			}
			t.Run(name+"/"+place, func(t *testing.T) {
				w := in(newWorld(t, vbctest.Config{}))
				w.account.Add(both[0])
				w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
				w.account.Add(both[1])
				r := w.archive("--older-than", "90d", "--delete")
				w.want(r, 0, map[string]int{"deleted": 1, "archived": 1, "failed": 0})
				if said := strings.Contains(r.stderr, "with another start than before"); said != (name == "start corrected") {
					t.Errorf("that a start was corrected is said: %v", said)
				}
				copies := w.copiesOf(7)
				if len(copies) != 2 || copies[0] == copies[1] {
					t.Fatalf("list finds %q", copies)
				}
				for i, rec := range both {
					if has := storage.SumOf(w.read(copies[i])); has != storage.Digest(rec.SHA256()) {
						t.Errorf("%s isn't the recording that starts at %v", copies[i], rec.Start)
					}
				}
				w.want(w.run("verify", "--json"), 0, map[string]int{"checked": 2, "whole": 2})
				w.want(w.run("diff", "--json"), 0, map[string]int{"checked": 2, "unknown": 0})
				w.want(w.run("audit"), 0, nil)
				out := filepath.Join(t.TempDir(), "calls")
				w.want(w.run("export", "--format", "jsonl", "--out", out, "--json"), 0, map[string]int{"recordings": 2})
				w.want(w.run("restore", "--id", "7", "--out", t.TempDir(), "--json"), 0, map[string]int{"found": 2, "restored": 2})

				// A manifest that is made anew knows both, too.
				path := w.manifest()
				was := w.known(w.loseAll())
				w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 2, "purged": 2, "unknown": 0})
				is := w.known(path)
				if len(is) != len(was) {
					t.Errorf("was %v, is %v", was, is)
				}
				w.want(w.run("diff", "--json"), 0, map[string]int{"checked": 2, "unknown": 0})

				// The only copy of the first goes bad: that is noticed.
				w.flip(copies[0])
				r = w.run("verify", "--deep", "--json")
				w.want(r, 1, map[string]int{"checked": 2, "lost": 1})
				w.flip(copies[0])
				w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"whole": 2})
				w.eraseEach(both, copies)
			})
		}
	}
}

// eraseEach erases two recordings that have had one id, one after the other; where
// VBC has only corrected a start they are one, and go at once.
func (w *world) eraseEach(both [2]vbctest.Recording, copies []string) {
	w.t.Helper()
	erase := []string{"erase", "--id", "7", "--reason", "why", "--by", "who", "--yes"}
	starts := [2][]string{}
	for i, rec := range both {
		starts[i] = []string{"--start", rec.Start.Format(time.RFC3339)}
	}
	if corrected := both[0].Extra != nil && both[0].Size == both[1].Size; corrected {
		r := w.run(erase...)
		w.want(r, 0, nil)
		w.says(r, copies[0], copies[1], both[0].Start.Format(time.TimeOnly), both[1].Start.Format(time.TimeOnly))
	} else {
		if both[0].Start.Equal(both[1].Start) { // then the number of bytes tells
			w.mustAskWhich(w.run(append(erase, starts[0]...)...), copies)
			for i, rec := range both {
				starts[i] = append(starts[i], "--bytes", fmt.Sprint(rec.Size))
			}
		}
		w.mustAskWhich(w.run(erase...), copies)
		for i := range both {
			w.want(w.run(append(erase, starts[i]...)...), 0, nil)
			for j, key := range copies {
				if _, err := w.open().Stat(w.t.Context(), storage.Object{Key: key}); (err == nil) != (j > i) {
					w.t.Errorf("after erasing number %d, %s: %v", i, key, err)
				}
			}
		}
	}
	for _, key := range w.keys() {
		if strings.HasPrefix(key, "account=") {
			w.t.Errorf("%s is left", key)
		}
	}
	w.want(w.run("verify", "--json"), 0, map[string]int{"checked": 0})
	w.want(w.run("audit"), 0, nil)
}

// mustAskWhich fails unless an erasure has asked which of several copies is meant, and
// has changed nothing.
func (w *world) mustAskWhich(r result, copies []string) {
	w.t.Helper()
	w.want(r, 3, nil)
	w.says(r, append([]string{"--start", "bytes 9000", "bytes 9500"}, copies...)...)
	for _, key := range copies {
		w.read(key)
	}
}

// copiesOf are the keys of the audio of all recordings that have had an id, the
// first one first.
func (w *world) copiesOf(id int64) (keys []string) {
	w.t.Helper()
	r := w.run("list", "--id", fmt.Sprint(id), "--json", "--oldest-first")
	for line := range strings.Lines(r.stdout) {
		var e struct{ Key string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

// In a run without --delete, too, and where the first is still only archived:
// its copy stays known, and when VBC is asked to delete, the first isn't there.
func TestStartCorrectedBeforeThePurge(t *testing.T) {
	t.Parallel()
	both := again()["start corrected"]
	w := newWorld(t, vbctest.Config{}).inDir()
	w.account.Add(both[0])
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	w.account.Remove(7)
	w.account.Add(both[1])
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"archived": 1})
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "failed": 0})
	if c := w.account.Counts(); c.ByKind[vbctest.Delete] != 1 || c.ByKind[vbctest.Get] != 0 || c.ByKind[vbctest.Audio] != 0 {
		t.Errorf("%v; want one DELETE, and none for the start that VBC doesn't show any more", c.ByKind)
	}
	w.want(w.run("verify", "--json"), 0, map[string]int{"checked": 2, "whole": 2})
	w.want(w.run("audit"), 0, nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})

	// What VBC shows under its first start again wasn't deleted.
	w.account.Add(both[0])
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	if _, err := os.Stat(w.manifest()); err != nil {
		t.Fatal(err)
	}
	w.want(w.run("verify", "--json"), 0, map[string]int{"checked": 2, "whole": 2})
}
