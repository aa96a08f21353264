//go:build unix

package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// TestBenchmarksRun has all contestants work once, on a few recordings.
func TestBenchmarksRun(t *testing.T) {
	t.Parallel()
	notShort(t, "builds the loop, and starts a database server")
	for name, all := range map[string][]contestant{
		"bucket":    {looping(floor), looping("tutorial", "--tutorial"), ours("vbcvault"), onPostgres(t)},
		"directory": {looping(floor), ours("vbcvault"), rclone()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load{name: "2kB", says: "2 kB", n: 3, size: 2000, workers: 2, toDir: name == "directory", vbc: vbctest.Config{ExportPolls: 1}}
			r := compete(t, l, 2, all...)
			var out bytes.Buffer
			table(&out, []rounds{r})
			t.Log(out.String())
			for _, name := range r.names {
				if row := " | " + strings.ReplaceAll(name, "-", " ") + " | "; !strings.Contains(out.String(), row) {
					t.Errorf("there is no row %q", row)
				}
				if o := r.each[1][name]; o.wall <= 0 || o.cpu <= 0 {
					t.Errorf("%s took %v", name, o)
				}
			}
		})
	}
}

// A table has medians and ranges of ratios, each of one round.
func TestTableOfRounds(t *testing.T) {
	t.Parallel()
	r := rounds{load: load{says: "1 MB"}, names: []string{floor, "vbcvault-postgres"}}
	for _, x := range []float64{3, 2, 4} { // and the machine is as many times slower
		r.each = append(r.each, map[string]outcome{
			floor:               {wall: x, cpu: 2 * x, peak: 100, vbc: 2, s3: 4},
			"vbcvault-postgres": {wall: x * x, cpu: 2 * x * 1.25, databaseCPU: x, peak: 150, vbc: 2.01, s3: 4.04},
		})
	}
	var out bytes.Buffer
	table(&out, []rounds{r})
	const want = `
| recordings of | | wall time | CPU time | peak memory | requests to VBC | to S3 |
|---|---|---|---|---|---|---|
| 1 MB | loop | 1 | 1 | 1 | 2.00 | 4.00 |
| | vbcvault postgres | 3.00 [2.00..4.00] | 1.25 [1.25..1.25] | 1.50 [1.50..1.50] | 2.01 | 4.04 |
| | its server | | 0.50 [0.50..0.50] | | | |

`
	if out.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", out.String(), want)
	}
}

// What strace says of vbcvault has what makes a manifest durable.
func TestSystemCallsAreCounted(t *testing.T) {
	t.Parallel()
	notShort(t, "starts strace")
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	calls, err := newContest(t, load{n: 3, size: 2000, workers: 2}, ours("vbcvault")).systemCalls()
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) == 0 || syncs(calls[0]) == 0 || calls[0].each < 1 {
		t.Errorf("want at least one fsync or fdatasync for each recording first, have %v", calls)
	}
}

// TestLoopSendsTheSame compares what the loop sends for each recording with what
// vbcvault sends: a floor that sends less, or something cheaper, would be none.
func TestLoopSendsTheSame(t *testing.T) {
	t.Parallel()
	notShort(t, "builds the loop")
	sent := map[string][]string{}
	for _, who := range []contestant{looping(floor), ours("vbcvault")} {
		c := newContest(t, load{n: 2, size: 20_000, workers: 1}, who)
		var mu sync.Mutex
		note := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			sent[who.name] = append(sent[who.name], fmt.Sprintf(format, args...))
		}
		c.sees = func(op, key string, r *http.Request) {
			if strings.HasPrefix(key, "calls/account=") {
				note("%s %s %d bytes %v", op, key, (r.ContentLength+50)/100*100, headersThatMatter(r)) // sidecars name a version
			}
		}
		c.account.Inject(func(r *http.Request) *vbctest.Fault {
			if r.Method == http.MethodDelete || isAudio(r) {
				note("%s %s", r.Method, strings.Replace(r.URL.Path, "/self/", "/549825/", 1))
			}
			return nil
		})
		c.peakUntilEnd(who.command(c))
		slices.Sort(sent[who.name])
	}
	loop, ours := sent[floor], sent["vbcvault"]
	if want := 2 * 6; len(loop) != want || len(ours) != want {
		t.Errorf("the loop sent %d requests, vbcvault %d, want %d each", len(loop), len(ours), want)
	}
	if !slices.Equal(loop, ours) {
		t.Errorf("the loop sent\n%s\nand vbcvault\n%s", strings.Join(loop, "\n"), strings.Join(ours, "\n"))
	}
}

// headersThatMatter are the names of those that have the server do something.
func headersThatMatter(r *http.Request) []string {
	names := slices.Sorted(maps.Keys(r.Header))
	return slices.DeleteFunc(names, func(name string) bool {
		return name == "User-Agent" || name == "Accept-Encoding" || strings.HasPrefix(name, "Amz-Sdk-")
	})
}

// Everybody is first, and comes after everybody else.
func TestOrderOfContestants(t *testing.T) {
	t.Parallel()
	const n = 4
	first, pairs := map[int]bool{}, map[[2]int]bool{}
	for round := range 2 * n {
		o := order(n, round)
		first[o[0]] = true
		for i := range o[1:] {
			pairs[[2]int{o[i], o[i+1]}] = true
		}
		if slices.Sort(o); !slices.Equal(o, []int{0, 1, 2, 3}) {
			t.Errorf("round %d has %v", round, o)
		}
	}
	if len(first) != n {
		t.Errorf("only %v were ever first", first)
	}
	for i := range n {
		if next := (i + 1) % n; !pairs[[2]int{i, next}] || !pairs[[2]int{next, i}] {
			t.Errorf("%d and %d never followed each other both ways", i, next)
		}
	}
}
