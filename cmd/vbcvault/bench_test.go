//go:build unix

package main_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Names of what is compared where -against names the program of another commit.
const oldProgram, newProgram = "before", "after"

// loads are small, medium and large recordings, and those of the goals: 1 MB, and 50 kB
// with latency at VBC.
var loads = []load{
	{name: "20kB", says: "20 kB", n: 1000, size: 20_000, workers: 16},
	{name: "50kB", says: "50 kB, 64 workers, VBC 50 ms away", n: 2000, size: 50_000, workers: 64, vbc: vbctest.Config{Latency: 50 * time.Millisecond}},
	{name: "300kB", says: "300 kB", n: 500, size: 300_000, workers: 16},
	{name: "1MB", says: "1 MB", n: 1000, size: 1_000_000, workers: 16},
	{name: "20MB", says: "20 MB", n: 20, size: 20_000_000, workers: 16},
}

// BenchmarkArchive measures, in processes of their own, vbcvault, and what the vendor's
// tutorials do, relative to the floor: a loop that makes the same requests as vbcvault
// and nothing else (no manifest, no second look, nothing that goes on after a crash; see
// package benchloop). Simulator and S3 server are the same, and take part of the same cores, so
// that only ratios mean something, and only those within one round. -count is the number
// of rounds.
func BenchmarkArchive(b *testing.B) {
	var done []rounds
	for _, l := range loads {
		b.Run("load="+l.name, func(b *testing.B) {
			l.vbc.ExportPolls = 1
			r := compete(b, l, countOfRounds(), contestants(b, l)...)
			r.report(b)
			done = append(done, r)
		})
	}
	table(os.Stdout, done)
}

func contestants(b *testing.B, l load) []contestant {
	all := []contestant{looping(floor), looping(floorAgain)}
	if *against != "" {
		path, err := buildOnce()
		if err != nil {
			b.Fatal(err)
		}
		return append(all, built(oldProgram, *against), built(newProgram, path))
	}
	all = append(all, ours("vbcvault", "--fetch", "direct"), onPostgres(b), ours("vbcvault-export", "--fetch", "export"))
	if l.vbc.Latency == 0 { // one after the other would take minutes
		all = append(all, looping("tutorial", "--tutorial"))
	}
	return all
}

// BenchmarkQuota measures, once, how long it takes under a quota, scaled down: 250
// requests in 5 seconds in place of 10 in a minute.
func BenchmarkQuota(b *testing.B) {
	l := load{name: "20kB", n: 1000, size: 20_000, workers: 8, vbc: vbctest.Config{Quota: 250, QuotaWindow: 5 * time.Second, ExportPolls: 1}}
	b.Run("load="+l.name, func(b *testing.B) {
		var direct float64 // seconds
		rows := "\n| | time to finish | requests for each recording | refused |\n|---|---|---|---|\n"
		for _, who := range []contestant{ours("direct", "--fetch", "direct"), ours("export", "--fetch", "export"), looping("tutorial", "--tutorial")} {
			c := newContest(b, l, who)
			o := c.race()
			if who.name == "direct" {
				direct = o.wall
			}
			counts := c.account.Counts()
			refused := 100 * float64(counts.Throttled) / float64(counts.Total)
			rows += fmt.Sprintf("| %s | %.2f | %.2f | %.1f %% |\n", who.name, o.wall/direct, o.vbc, refused)
			b.Run("who="+who.name, func(b *testing.B) {
				b.ReportMetric(1e9*o.wall, "ns/op")
				b.ReportMetric(o.wall/direct, "x-direct")
				b.ReportMetric(o.vbc, "vbc-requests/op")
				b.ReportMetric(refused, "%-refused")
			})
		}
		fmt.Println(rows)
	})
}
