package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// peakUntilEnd runs a command to its end, and returns the most memory that it
// was seen to have, in bytes, 0 if that can't be known.
func (w *world) peakUntilEnd(cmd *exec.Cmd) (peak int64) {
	w.t.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		peak = max(peak, peakMemory(cmd.Process))
		select {
		case err := <-ended:
			if err != nil {
				w.t.Fatalf("%q: %v", cmd.Args[1:], err)
			}
			return peak
		case <-look.C:
		}
	}
}

// A catalogue is written row by row: five times as many recordings take no more
// memory to speak of.
func TestMemoryOfExport(t *testing.T) {
	t.Parallel()
	needsPeak(t)
	notShort(t, "makes a manifest of 25,000 recordings")
	w, few := night(t, long/5)
	many := aLongHistory(t)
	for _, format := range []string{"csv", "parquet"} { // JSON lines are written as CSV is
		var peaks []int64
		for _, path := range []string{few, many} {
			cmd := w.built().command("export", "--manifest", path, "--format", format, "--out", filepath.Join(t.TempDir(), format))
			cmd.Env = append(slices.Clone(cmd.Env), "GOGC=25") // what is held counts, and not how late it is collected on a busy machine
			peaks = append(peaks, w.peakUntilEnd(cmd)>>20)
		}
		t.Logf("%s: %d MiB with %d recordings, %d MiB with %d", format, peaks[0], long/5, peaks[1], long)
		if peaks[1] > 96 || peaks[1]-peaks[0] > 32 { // the rows alone would be more
			t.Errorf("%s: %d MiB with %d recordings, %d MiB with %d", format, peaks[0], long/5, peaks[1], long)
		}
	}
}
