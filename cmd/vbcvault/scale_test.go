package main_test

import (
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// peak is the most memory that a run has had resident, in bytes.
func (r result) peak(t *testing.T) int64 {
	t.Helper()
	n := peakMemory(r.state)
	if n == 0 {
		t.Skip("peak memory is measured on Linux only")
	}
	return n
}

// Memory is bounded by workers and parts, whatever the size of recordings.
func TestMemoryWithLargeRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 1.8 GB; not with -short")
	}
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(6) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start, Size: 300_000_000})
	}
	r := w.archive("--older-than", "90d", "--delete", "--workers", "4")
	w.want(r, 0, map[string]int{"archived": 6, "deleted": 6})
	peak := r.peak(t)
	t.Logf("peak: %d MiB", peak>>20)
	if peak > 128<<20 {
		t.Errorf("%d MiB resident, want at most 128", peak>>20)
	}
}

// A hundred thousand listed recordings add nothing to speak of.
func TestMemoryWithManyRecordings(t *testing.T) {
	peaks := map[int]int64{}
	for _, n := range []int{1000, 100_000} {
		w := newWorld(t, vbctest.Config{}).inDir()
		w.account.Generate(n, time.Now().AddDate(-1, 0, 0), time.Minute)
		cmd := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--page-size", "1000", "--workers", "2")
		var once sync.Once
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudio(r) {
				once.Do(func() { w.signal(cmd, os.Interrupt) }) // the listing is through: enough
			}
			return nil
		})
		r := w.finish(cmd)
		w.want(r, 130, map[string]int{"listed": n})
		peaks[n] = r.peak(t)
	}
	t.Logf("peak: %d MiB with 1,000 listed, %d MiB with 100,000", peaks[1000]>>20, peaks[100_000]>>20)
	if more := peaks[100_000] - peaks[1000]; more > 32<<20 {
		t.Errorf("%d MiB more for 100,000 recordings than for 1,000", more>>20)
	}
}
