package main_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cost is what a command has needed, or something that was asked of a running one.
type cost struct {
	cpu  time.Duration // user and system
	peak int64         // bytes of memory: its VmHWM, 0 where that isn't known
	disk int64         // bytes that its files have grown by at the most: manifest, WAL, and what is temporary
}

// costOf runs a command to its end, which must be a good one. It reads what the command
// prints as fast as it comes, and says how many lines that was.
func (w *world) costOf(cmd *exec.Cmd) (c cost, lines int) {
	w.t.Helper()
	temp := w.t.TempDir()
	cmd.Env = append(cmd.Environ(), "TMPDIR="+temp)
	out := &lineCounter{}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = out, &said
	before := bytesIn(w.state)
	w.running.Lock()
	err := cmd.Start()
	w.running.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		c.peak = max(c.peak, peakMemory(cmd.Process))
		c.disk = max(c.disk, bytesIn(w.state)+bytesIn(temp)+bytesWithoutName(cmd.Process)-before)
		select {
		case err := <-ended:
			if err != nil {
				w.t.Fatalf("%q: %v\n%s", cmd.Args[1:], err, said.String())
			}
			c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			c.disk = max(c.disk, bytesIn(w.state)-before)
			return c, out.lines
		case <-look.C:
		}
	}
}

type lineCounter struct{ lines int }

func (l *lineCounter) Write(p []byte) (int, error) {
	l.lines += strings.Count(string(p), "\n")
	return len(p), nil
}

// bytesIn is what a directory's own files have.
func bytesIn(dir string) (n int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() { // else it has just gone
			n += info.Size()
		}
	}
	return n
}

// bytesWithoutName is what the files have that a process has opened and removed, as
// SQLite does with those that are temporary. It is known on Linux only.
func bytesWithoutName(p *os.Process) (n int64) {
	open, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.Pid), "fd", "*"))
	for _, fd := range open {
		if name, _ := os.Readlink(fd); !strings.HasSuffix(name, " (deleted)") {
			continue
		}
		if info, err := os.Stat(fd); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

// scale is what things have cost with ever more recordings.
type scale struct {
	sizes []int
	rows  []*scaleRow
}

// scaleRow is one thing: what it costs for each unit of what is new, or asked for.
type scaleRow struct {
	what, unit string
	units      map[int]float64 // by recordings
	costs      map[int]cost
}

// sizes are 10,000 recordings and ten times as many, up to -largest; from 1,000 on where
// that is 10,000.
func sizes() (all []int) {
	first := 10_000
	if *largest <= first {
		first = 1000
	}
	for n := first; n <= *largest; n *= 10 {
		all = append(all, n)
	}
	return all
}

// note takes what something has cost, with n recordings, for so many units.
func (s *scale) note(b *testing.B, what, unit string, n int, units float64, c cost) {
	var row *scaleRow
	for _, r := range s.rows {
		if r.what == what {
			row = r
		}
	}
	if row == nil {
		row = &scaleRow{what, unit, map[int]float64{}, map[int]cost{}}
		s.rows = append(s.rows, row)
	}
	if len(s.sizes) == 0 || s.sizes[len(s.sizes)-1] < n {
		s.sizes = append(s.sizes, n)
	}
	row.units[n], row.costs[n] = units, c
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*c.cpu.Seconds()/units, "cpu-ms/"+strings.ReplaceAll(unit, " ", "-"))
	b.ReportMetric(float64(c.peak)/(1<<20), "MiB-peak")
	b.ReportMetric(float64(c.disk)/units, "B-disk/"+strings.ReplaceAll(unit, " ", "-"))
}

// print prints a Markdown table: a line each for CPU time, memory and disk, with the
// slope, by which power of the number of recordings the whole grows:
// 0 = it doesn't depend on them, 1 = it is linear.
func (s *scale) print() {
	if len(s.rows) == 0 {
		return
	}
	head, line := "| recordings | |", "|---|---|"
	for _, n := range s.sizes {
		head += fmt.Sprintf(" 10%s |", superscript(int(math.Round(math.Log10(float64(n))))))
		line += "---|"
	}
	fmt.Printf("\n%s slope |\n%s---|\n", head, line)
	for _, r := range s.rows {
		s.printRow(r, r.what, "CPU, ms per "+r.unit, 1000, true, func(c cost) float64 { return c.cpu.Seconds() })
		s.printRow(r, "", "peak memory, MiB", 1./(1<<20), false, func(c cost) float64 { return float64(c.peak) })
		s.printRow(r, "", "disk, bytes per "+r.unit, 1, true, func(c cost) float64 { return float64(c.disk) })
	}
	fmt.Println()
}

func (s *scale) printRow(r *scaleRow, what, measure string, factor float64, perUnit bool, of func(cost) float64) {
	text := fmt.Sprintf("| %s | %s |", what, measure)
	var xs, ys []float64
	for _, n := range s.sizes {
		c, ok := r.costs[n]
		if !ok {
			text += " |"
			continue
		}
		total := of(c)
		if total > 0 {
			xs, ys = append(xs, math.Log(float64(n))), append(ys, math.Log(total))
		}
		if perUnit {
			total /= r.units[n]
		}
		text += " " + threeDigits(total*factor) + " |"
	}
	if ks, ok := slope(xs, ys); ok {
		text += fmt.Sprintf(" %.2f", ks+0) // no negative zero
	} else {
		text += " "
	}
	if len(xs) > 0 { // else there is nothing to say
		fmt.Println(text + " |")
	}
}

// slope is that of the line nearest to these points, by least squares.
func slope(xs, ys []float64) (k float64, ok bool) {
	if len(xs) < 2 {
		return 0, false
	}
	var sx, sy, sxx, sxy float64
	for i, x := range xs {
		sx, sy, sxx, sxy = sx+x, sy+ys[i], sxx+x*x, sxy+x*ys[i]
	}
	n := float64(len(xs))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx), true
}

// threeDigits is a figure with three digits that count.
func threeDigits(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func superscript(n int) (text string) {
	for _, d := range strconv.Itoa(n) {
		text += string([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[d-'0'])
	}
	return text
}
