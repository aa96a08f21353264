//go:build unix

package main_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	disk    = flag.String("disk", "", "directory on a disk, for manifests and archives that are measured; \"\" = where temporary files are")
	against = flag.String("against", "", "program of another commit, which takes part in benchmarks of the archive")
	only    = flag.String("who", "", "contestants beside the loop that take part, with commas between them; \"\" = all")
)

// floor is the least that does what vbcvault does. It takes part twice: how far it is
// off itself is the noise.
const floor, floorAgain = "loop", "loop-again"

// rounds are the outcomes of one load: each has one of every contestant.
type rounds struct {
	load
	names []string
	each  []map[string]outcome
}

// compete has all contestants work, once in each of n rounds, so that whatever the
// machine does meanwhile comes to all of them. Their order turns from one round to the
// next, and every other round goes backwards: nobody always follows the same one.
func compete(t testing.TB, l load, n int, all ...contestant) rounds {
	t.Helper()
	r := rounds{load: l}
	who := slices.DeleteFunc(all, func(c contestant) bool { return !takesPart(t, c) })
	s3 := map[string]float64{}
	for _, c := range who {
		r.names = append(r.names, c.name)
		s3[c.name] = countS3(t, l, c)
	}
	for round := range n {
		this := map[string]outcome{}
		for _, i := range order(len(who), round) {
			c := who[i]
			o := newContest(t, l, c).race()
			o.s3 = s3[c.name]
			this[c.name] = o
			fmt.Fprintf(os.Stderr, "%s, round %d of %d: %-20s %6.2f ms wall, %6.2f ms CPU\n", l.name, round+1, n, c.name, 1000*o.wall, 1000*o.cpu)
		}
		r.each = append(r.each, this)
	}
	return r
}

// takesPart reports whether somebody does, and says why somebody can't.
func takesPart(t testing.TB, c contestant) bool {
	t.Helper()
	if *only != "" && c.name != floor && !slices.Contains(strings.Split(*only, ","), c.name) {
		return false
	}
	if c.missing == nil || c.missing() == "" {
		return true
	}
	fmt.Fprintf(os.Stderr, "without %s: %s\n", c.name, c.missing())
	return false
}

// order is that of n contestants in a round.
func order(n, round int) []int {
	o := make([]int, n)
	for i := range o {
		o[i] = (i + round/2) % n
	}
	if round%2 == 1 {
		slices.Reverse(o)
	}
	return o
}

// countOfRounds is -count: each result that the testing package prints is one round's.
func countOfRounds() int {
	n, _ := strconv.Atoi(flag.Lookup("test.count").Value.String())
	return max(n, 1)
}

// report has the testing package print the rounds, a line for each contestant and round,
// in the form of benchstat.
func (r rounds) report(b *testing.B) {
	for _, name := range r.names {
		round := 0
		b.Run("who="+name, func(b *testing.B) {
			this := r.each[round%len(r.each)]
			o, loop := this[name], this[floor]
			round++
			b.ReportMetric(1e9*o.wall, "ns/op") // an operation is a recording
			b.ReportMetric(1e9*o.cpu, "cpu-ns/op")
			b.ReportMetric(o.wall/loop.wall, "x-wall")
			b.ReportMetric(o.cpu/loop.cpu, "x-cpu")
			b.ReportMetric(float64(r.size)/o.wall/1e6, "MB/s")
			b.ReportMetric(o.vbc, "vbc-requests/op")
			if o.peak > 0 {
				b.ReportMetric(o.peak/(1<<20), "peak-MiB")
				b.ReportMetric(o.peak/loop.peak, "x-peak")
			}
			if o.s3 > 0 {
				b.ReportMetric(o.s3, "s3-requests/op")
			}
			if o.databaseCPU > 0 {
				b.ReportMetric(1e9*o.databaseCPU, "database-cpu-ns/op")
			}
		})
	}
}
