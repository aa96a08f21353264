package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// floor is the least that does what vbcvault does.
const floor = "same-loop"

// contest is one account and bucket, for one contestant.
type contest struct {
	*world
	n    int
	size int64
}

func newContest(b *testing.B, cfg vbctest.Config, n int, size int64) *contest {
	if runtime.GOOS == "windows" {
		b.Skip("the S3 server doesn't run on Windows")
	}
	c := &contest{world: newWorld(b, cfg).inS3(nil), n: n, size: size}
	if dir := os.Getenv(vbcvault.Profile); dir != "" {
		c.program, c.env = program(b), append(c.env, vbcvault.Profile+"="+dir)
	}
	start := time.Now().UTC().AddDate(-1, 0, 0).Truncate(time.Second)
	for i := range int64(n) {
		c.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Second), Size: size})
	}
	return c
}

// contestant is vbcvault, with those flags, or a loop (see runLoop).
func (c *contest) contestant(who string, workers int, flags ...string) *exec.Cmd {
	if who == "vbcvault" {
		return c.command(append([]string{"archive", "--to", c.to, "--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers), "--progress", "none", "--log-level", "warn"}, flags...)...)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(c.env, loopEnv+"="+who, fmt.Sprintf("%s=%d", workersEnv, workers), "BUCKET="+strings.Split(c.to, "/")[2])
	return cmd
}

// outcome is what one contestant has needed.
type outcome struct {
	seconds, cpu, peak float64
}

// race runs a contestant to its end. Everything must be deleted then.
func (c *contest) race(b *testing.B, cmd *exec.Cmd) (o outcome) {
	// Past the counting proxy: it would cost as much as it measures.
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3="+c.direct)
	cmd.Stderr = os.Stderr
	b.StartTimer()
	begin := time.Now()
	high := c.watchPeak(cmd, isDelete)
	c.running.Lock()
	err := cmd.Start()
	c.running.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	o.seconds = time.Since(begin).Seconds()
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	if n := len(c.account.Deleted()); n != c.n {
		b.Fatalf("%d of %d were deleted", n, c.n)
	}
	o.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	o.peak = float64(high.Load())
	return o
}

// s3Requests counts a contestant's requests to S3 for each recording of a size,
// in a run of its own, through the proxy.
func s3Requests(b *testing.B, who string, n int, size int64) float64 {
	c := newContest(b, vbctest.Config{}, n, size)
	cmd := c.contestant(who, 4)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return float64(c.proxy.Count("")) / float64(n)
}

// BenchmarkArchive measures, in processes of their own, vbcvault, and what the
// vendor's tutorials do, relative to the floor: a loop that makes the same
// requests as vbcvault and nothing else (no manifest, no second look, nothing
// that goes on after a crash). Each round has the loop first, so that both have
// had the same machine; how far the loop is off itself is the noise. Simulator
// and S3 server are the same, and take part of the same cores, so only the
// ratios mean something.
func BenchmarkArchive(b *testing.B) {
	const workers = 16
	for _, load := range []struct {
		name string
		n    int
		size int64
	}{{"50kB", 1000, 50_000}, {"1MB", 300, 1_000_000}, {"20MB", 20, 20_000_000}} {
		requests := map[string]float64{}
		for _, who := range []string{floor, "vbcvault", "tutorial"} {
			b.Run(load.name+"/"+who, func(b *testing.B) {
				b.StopTimer()
				for _, who := range []string{floor, who} {
					if requests[who] == 0 {
						requests[who] = s3Requests(b, who, min(load.n, 200), load.size)
					}
				}
				for range b.N {
					race := func(who string) (outcome, float64) {
						c := newContest(b, vbctest.Config{}, load.n, load.size)
						o := c.race(b, c.contestant(who, workers))
						return o, float64(c.account.Counts().Total) / float64(load.n)
					}
					loop, fewest := race(floor)
					o, asked := race(who)
					total := float64(load.n) * float64(load.size)
					b.ReportMetric(o.seconds/loop.seconds, "x-wall")
					b.ReportMetric(o.cpu/loop.cpu, "x-cpu")
					b.ReportMetric(o.peak/max(loop.peak, 1), "x-peak")
					b.ReportMetric(asked/fewest, "x-vbc")
					b.ReportMetric(requests[who]/requests[floor], "x-s3")
					b.ReportMetric(float64(load.n)/o.seconds, "recordings/s")
					b.ReportMetric(total/o.seconds/1e6, "MB/s")
					b.ReportMetric(o.cpu/(total/(1<<30)), "cpu-s/GiB")
					b.ReportMetric(o.peak/(1<<20), "peak-MiB")
					b.ReportMetric(asked, "vbc-requests/recording")
					b.ReportMetric(requests[who], "s3-requests/recording")
				}
			})
		}
	}
}

// BenchmarkQuota measures how long it takes under a quota, scaled down: 250
// requests in 5 seconds in place of 10 in a minute.
func BenchmarkQuota(b *testing.B) {
	const n = 1000
	var direct float64
	for _, who := range []string{"tutorial", "direct", "export"} {
		b.Run(who, func(b *testing.B) {
			b.StopTimer()
			for range b.N {
				c := newContest(b, vbctest.Config{Quota: 250, QuotaWindow: 5 * time.Second, ExportPolls: 1}, n, 20_000)
				cmd := c.contestant("vbcvault", 8, "--fetch", who)
				if who == "tutorial" {
					cmd = c.contestant(who, 1)
				}
				o := c.race(b, cmd)
				if who == "direct" {
					direct = o.seconds
				}
				counts := c.account.Counts()
				b.ReportMetric(o.seconds, "seconds")
				b.ReportMetric(float64(counts.Total)/n, "vbc-requests/recording")
				b.ReportMetric(100*float64(counts.Throttled)/float64(counts.Total), "%-refused")
				if direct > 0 {
					b.ReportMetric(o.seconds/direct, "x-direct")
				}
			}
		})
	}
}

// BenchmarkThroughput has 50 milliseconds of latency before each answer of
// VBC's and no quota: 64 workers, and the floor with as many in flight.
func BenchmarkThroughput(b *testing.B) {
	const n, workers = 4000, 64
	b.StopTimer()
	for range b.N {
		race := func(who string) float64 {
			c := newContest(b, vbctest.Config{Latency: 50 * time.Millisecond}, n, 20_000)
			o := c.race(b, c.contestant(who, workers))
			b.ReportMetric(float64(c.account.MaxInFlight()), "in-flight")
			return n / o.seconds
		}
		loop, ours := race(floor), race("vbcvault")
		b.ReportMetric(loop, "loop-recordings/s")
		b.ReportMetric(ours, "recordings/s")
		b.ReportMetric(ours/loop, "x-throughput")
	}
}
