package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// watchPeak looks at a command's memory whenever it sends a request that is a
// match.
func (w *world) watchPeak(cmd *exec.Cmd, match func(*http.Request) bool) *atomic.Int64 {
	var peak atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if match(r) {
			peak.Store(max(peak.Load(), peakMemory(w.process(cmd))))
		}
		return nil
	})
	return &peak
}

// needsPeak skips a test where it can't be measured.
func needsPeak(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector needs several times the memory")
	}
	if peakMemory(&os.Process{Pid: os.Getpid()}) == 0 {
		t.Skip("peak memory is measured on Linux only")
	}
}

// largeSize is 300 MB where somebody has the disk and the patience for it.
var largeSize = flag.Int64("large", 40_000_000, "bytes of a large recording")

// Memory is bounded by workers and parts, whatever the size of recordings.
func TestMemoryWithLargeRecordings(t *testing.T) {
	t.Parallel()
	needsPeak(t)
	notShort(t, "moves 1 GB and more")
	for _, c := range []struct {
		size int64
		n    int
	}{{20_000, 1000}, {1_000_000, 200}, {*largeSize, 18}} { // all more than workers
		t.Run(fmt.Sprint(c.size), func(t *testing.T) {
			w := newWorld(t, vbctest.Config{}).inS3(nil).built()
			start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
			for i := range int64(c.n) {
				w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Second), Size: c.size})
			}
			cmd := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--delete", "--workers", "16")
			var peak, own atomic.Int64
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if isDelete(r) {
					p := w.process(cmd)
					peak.Store(max(peak.Load(), peakMemory(p)))
					own.Store(max(own.Load(), ownMemory(p)))
				}
				return nil
			})
			w.want(w.finish(cmd), 0, map[string]int{"archived": c.n, "deleted": c.n})
			t.Logf("peak: %d MiB, of which %d aren't the program's file", peak.Load()>>20, own.Load()>>20)
			if n := own.Load(); n == 0 || n > 48<<20 {
				t.Errorf("%d MiB of its own, want at most 48", n>>20)
			}
			if n := peak.Load(); n > 88<<20 {
				t.Errorf("%d MiB resident, want at most 88", n>>20)
			}
		})
	}
}

// Fifty thousand listed recordings add nothing to speak of.
func TestMemoryWithManyRecordings(t *testing.T) {
	t.Parallel()
	notShort(t, "lists 50,000 recordings")
	needsPeak(t)
	peaks := map[int]int64{}
	for _, n := range []int{1000, 50_000} {
		w := newWorld(t, vbctest.Config{}).inDir().built()
		w.account.Generate(n, time.Now().AddDate(-1, 0, 0), time.Minute)
		cmd := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--dry-run")
		peak := w.watchPeak(cmd, isList)
		w.want(w.finish(cmd), 0, map[string]int{"listed": n})
		peaks[n] = peak.Load()
	}
	t.Logf("peak: %d MiB with 1,000 listed, %d MiB with 50,000", peaks[1000]>>20, peaks[50_000]>>20)
	if more := peaks[50_000] - peaks[1000]; peaks[1000] == 0 || more > 26<<20 {
		t.Errorf("%d MiB more for 50,000 recordings than for 1,000", more>>20)
	}
}
