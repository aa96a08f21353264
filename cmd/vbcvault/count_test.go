//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// TestCounts counts what a recording costs that doesn't depend on the machine, and holds
// it against the limits. Each count is that of a run less that of a run with fewer
// recordings, divided by the difference: what a run costs of itself falls out.
//
// The program is the real one, in a process of its own, before the real S3 server or
// PostgreSQL. Requests are counted by the simulator, by the proxy before S3, and by the one
// before PostgreSQL; statements by SQLite itself (see Counted), allocations by Go, fsyncs
// and copies by the kernel (see kernel). The collector is off: it empties pools whenever
// it comes, and so would have a say in what is allocated.
func TestCounts(t *testing.T) {
	notShort(t, "it runs the program 20 times")
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	t.Parallel()
	var mu sync.Mutex
	var counted [ways]map[string]float64
	t.Cleanup(func() { t.Log("What one more recording costs, and the limits:\n" + countTable(counted)) })
	for way := range ways {
		t.Run(wayNames[way], func(t *testing.T) {
			t.Parallel()
			c := counts(t, way)
			mu.Lock()
			counted[way] = c.each
			mu.Unlock()
			c.hold(t, way)
		})
	}
}

// counter is what one way has cost.
type counter struct {
	each       map[string]float64 // by what: per recording
	statements map[string]float64 // by their text: per recording
}

// Recordings in the shorter and in the longer run. The small ones' are whole slices of
// the listing, so that the same share of what each slice costs falls on each of them.
const (
	small, fewSmall, manySmall = 20_000, 100, 200
	large, fewLarge, manyLarge = 300_000, 30, 60
)

func counts(t *testing.T, way int) *counter {
	c := &counter{map[string]float64{}, map[string]float64{}}
	few, many := count(t, way, fewSmall, small), count(t, way, manySmall, small)
	for what, n := range many.all {
		c.each[what] = (n - few.all[what]) / (manySmall - fewSmall)
	}
	for text, n := range many.process.Statements {
		if more := float64(n-few.process.Statements[text]) / (manySmall - fewSmall); more > 0 {
			c.statements[text] = more
		}
	}
	if way == withPostgreSQL {
		return c // the rest has nothing to do with where the manifest is
	}
	few, many = count(t, way, fewLarge, large), count(t, way, manyLarge, large)
	perLarge := (many.all["bytes allocated"] - few.all["bytes allocated"]) / (manyLarge - fewLarge)
	c.each["bytes allocated per byte of audio"] = (perLarge - c.each["bytes allocated"]) / (large - small)
	t.Run("kernel", func(t *testing.T) { // which may be skipped
		few, many := traced(t, way, fewLarge), traced(t, way, manyLarge)
		c.each["fsyncs"] = float64(many.fsyncs-few.fsyncs) / (manyLarge - fewLarge)
		c.each["bytes copied, of 300 kB"] = float64(many.copied-few.copied) / (manyLarge - fewLarge)
	})
	return c
}

// run is what one run of the program has cost.
type run struct {
	all     map[string]float64
	process vbcvault.Counted
}

// count has the program archive and delete n recordings, and counts.
func count(t *testing.T, way, n int, size int64) run {
	t.Helper()
	w, database := counting(t, way, n, size)
	file := filepath.Join(t.TempDir(), "counted")
	w.env = append(w.env, vbcvault.Count+"="+file, "GOGC=off")
	w.want(w.run(w.toCount(way)...), 0, nil)
	b, err := os.ReadFile(file)
	mustDo(t, err)
	r := run{all: map[string]float64{}}
	mustDo(t, json.Unmarshal(b, &r.process))
	if deleted := len(w.account.Deleted()); deleted != n {
		t.Fatalf("%d of %d were deleted", deleted, n)
	}
	statements := 0
	for _, n := range r.process.Statements {
		statements += n
	}
	for what, n := range map[string]int{
		"requests to VBC": w.account.Counts().Total, "SQL statements": statements, "triggers carried out": r.process.Triggers,
		"rows changed": r.process.Changes, "SQLite's instructions": r.process.Instructions, "commits": r.process.Statements["COMMIT"],
		"allocations": int(r.process.Allocations), "bytes allocated": int(r.process.AllocatedBytes),
	} {
		r.all[what] = float64(n)
	}
	if w.proxy != nil {
		r.all["requests to S3"] = float64(w.proxy.Count(""))
	}
	if database != nil {
		s := database.said()
		r.all["SQL statements"], r.all["commits"], r.all["round trips to PostgreSQL"] = float64(s.statements), float64(s.commits), float64(s.roundTrips)
	}
	return r
}

// counting is a world with n recordings, one a second, and what is asked of its database.
func counting(t *testing.T, way, n int, size int64) (*world, *line) {
	t.Helper()
	w := newWorld(t, vbctest.Config{ExportPolls: 1})
	var database *line
	switch way {
	case intoS3, byExport:
		w.inS3(nil)
	case withPostgreSQL:
		database = lineToPostgreSQL(t)
		w.env = append(w.env, "VBCVAULT_DATABASE_URL="+database.address, "VBCVAULT_SIGNING_KEY="+newKey(t))
		fallthrough
	case intoDirectory:
		w.inDir()
	}
	start := time.Now().UTC().AddDate(-1, 0, 0).Truncate(24 * time.Hour)
	for i := range int64(n) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Second), Size: size})
	}
	return w, database
}

// toCount is the command whose cost is counted.
func (w *world) toCount(way int) []string {
	fetch := "direct"
	if way == byExport {
		fetch = "export"
	}
	return []string{"archive", "--to", w.to, "--older-than", "90d", "--delete", "--workers", "1", "--fetch", fetch, "--log-level", "warn", "--progress", "none"}
}

// hold compares with the limits.
func (c *counter) hold(t *testing.T, way int) {
	t.Helper()
	for _, l := range limits {
		n, is := c.each[l.what]
		most := l.most[way]
		if is && n > most {
			t.Errorf("%s: %.2f per recording, %.2f more than the limit of %.2f. Usual cause: %s.", l.what, n, n-most, most, l.cause)
			if strings.HasPrefix(l.what, "SQL") && len(c.statements) > 0 {
				t.Log("Statements per recording:\n" + c.texts())
			}
		}
		if !is && !math.IsNaN(most) && !isKernel(l.what) {
			t.Errorf("%s aren't counted", l.what)
		}
	}
}

// texts are the statements, the most frequent first.
func (c *counter) texts() string {
	var b strings.Builder
	for _, text := range slices.SortedFunc(maps.Keys(c.statements), func(x, y string) int {
		if c.statements[x] != c.statements[y] {
			return int(math.Copysign(1, c.statements[y]-c.statements[x]))
		}
		return strings.Compare(x, y)
	}) {
		if c.statements[text] > 0.05 {
			fmt.Fprintf(&b, "%6.2f  %.150s\n", c.statements[text], strings.Join(strings.Fields(text), " "))
		}
	}
	return b.String()
}

// countTable shows what was counted beside each limit. A star is at what may have a lower one.
func countTable(counted [ways]map[string]float64) string {
	var b strings.Builder
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(out, "per recording\t")
	for _, name := range wayNames {
		fmt.Fprintf(out, "%s\tlimit\t", name)
	}
	fmt.Fprintln(out)
	for _, l := range limits {
		fmt.Fprintf(out, "%s\t", l.what)
		for way := range ways {
			n, is := counted[way][l.what]
			switch most := l.most[way]; {
			case math.IsNaN(most):
				fmt.Fprint(out, "\t\t")
			case !is:
				fmt.Fprintf(out, "?\t%s\t", short(most))
			case n < most-max(0.5, most/20):
				fmt.Fprintf(out, "%s\t%s*\t", short(n), short(most))
			default:
				fmt.Fprintf(out, "%s\t%s\t", short(n), short(most))
			}
		}
		fmt.Fprintln(out)
	}
	out.Flush()
	return b.String()
}

func short(n float64) string {
	if n < 1000 {
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.0f", n)
}
