package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"
)

// BenchmarkList says what finding and counting costs in manifests of so many
// recordings, by the built program. What it prints is for benchstat.
func BenchmarkList(b *testing.B) {
	questions := []struct {
		name string
		args []string
	}{
		{"newest50", nil},
		{"caller", []string{"--caller-id", rareCaller, "--json"}},
		{"raretext", []string{"--text", "zebedee", "--json"}},
		{"rarestate", []string{"--state", "failed", "--json"}},
		{"extension", []string{"--extension", "101", "--json"}},
		{"month", []string{"--json", "--since", "%s"}},
		{"count", []string{"--count"}},
		{"bymonth", []string{"--count", "--sum-bytes", "--by", "month"}},
		{"byextension", []string{"--count", "--by", "extension"}},
		{"all-json", []string{"--json"}},
		{"all-csv", []string{"--csv"}},
	}
	for n := 10_000; n <= *largest; n *= 10 {
		w, path := night(b, n)
		for _, q := range questions {
			b.Run(fmt.Sprintf("ask=%s/recordings=%d", q.name, n), func(b *testing.B) {
				args := []string{"list", "--manifest", path}
				for _, a := range q.args {
					if a == "%s" {
						a = time.Now().AddDate(0, 0, -91-30).UTC().Format(time.DateOnly)
					}
					args = append(args, a)
				}
				for range b.N {
					lines, peak := w.measure(w.alone().command(args...))
					b.ReportMetric(float64(lines), "lines")
					b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
				}
			})
		}
	}
}

// measure runs a command to its end, and says how many lines it has printed
// and how much memory it has had.
func (w *world) measure(cmd *exec.Cmd) (lines int, peak int64) {
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			peak = max(peak, peakMemory(cmd.Process))
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	for buf := make([]byte, 64<<10); err == nil; {
		var n int
		n, err = out.Read(buf)
		lines += bytes.Count(buf[:n], []byte("\n"))
	}
	close(stop)
	<-stopped
	if e := cmd.Wait(); e != nil || !errors.Is(err, io.EOF) {
		w.t.Fatalf("%v, %v", err, e)
	}
	return lines, peak
}
