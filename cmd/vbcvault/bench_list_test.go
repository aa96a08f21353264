package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// BenchmarkList says what finding and counting costs in manifests of so many
// recordings, by the built program: by list, and on the page.
func BenchmarkList(b *testing.B) {
	questions := []struct {
		name string
		args []string
	}{
		{"the newest 50", nil},
		{"a number's calls", []string{"--caller-id", rareCaller, "--json"}},
		{"a rare text", []string{"--text", "zebedee", "--json"}},
		{"a rare state", []string{"--state", "failed", "--json"}},
		{"a month", []string{"--json", "--since", "%s"}},
		{"count", []string{"--count"}},
		{"count by month", []string{"--count", "--sum-bytes", "--by", "month"}},
		{"count by extension", []string{"--count", "--by", "extension"}},
		{"all as JSON", []string{"--json"}},
		{"all as CSV", []string{"--csv"}},
	}
	var s scale
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("recordings=%d", n), func(b *testing.B) {
			w, path := night(b, n)
			w = w.alone()
			for range b.N {
				for _, q := range questions {
					args := []string{"list", "--manifest", path}
					for _, a := range q.args {
						if a == "%s" {
							a = time.Now().AddDate(0, 0, -91-30).UTC().Format(time.DateOnly)
						}
						args = append(args, a)
					}
					c, lines := w.costOf(w.command(args...))
					unit, units := "answer", 1.
					if lines > 500 {
						unit, units = "line", float64(lines)
					}
					s.note(b, "list: "+q.name, unit, n, units, c)
				}
				pageCosts(b, &s, w, path, n)
			}
		})
	}
	s.print()
}

// pageCosts asks the page for what people ask it for: each question several times, after
// one that nobody counts.
func pageCosts(b *testing.B, s *scale, w *world, path string, n int) {
	p := (&served{world: w}).openPage("web", "--manifest", path, "--listen", "127.0.0.1:0")
	p.eventually("it shows the link", func() bool { return oneTime.MatchString(p.out.String()) })
	p.useLink(p.out.String())
	for _, q := range []struct{ name, path string }{
		{"the newest 50", "/"},
		{"a number", "/?number=" + rareCaller},
		{"the end of a number", "/?number=" + rareCaller[len(rareCaller)-4:]},
		{"a number that calls often", "/?number=12125550007"},
		{"a name", "/?name=smith"},
		{"a rare name", "/?name=zebedee"},
		{"a rare extension", "/?extension=" + rareExtension},
		{"a date", "/?until=" + time.Now().AddDate(0, 0, -93).UTC().Format(time.DateOnly)},
	} {
		ask := func() {
			if code, text := p.get(q.path); code != http.StatusOK {
				b.Fatalf("%s: %d\n%.2000s", q.path, code, text)
			}
		}
		ask()
		begin, cpu, asked := time.Now(), cpuOf(p.cmd.Process), 0
		for ; asked < 20 && (asked < 3 || time.Since(begin) < 5*time.Second); asked++ {
			ask()
		}
		s.note(b, "page: "+q.name, "answer", n, 1, cost{cpu: (cpuOf(p.cmd.Process) - cpu) / time.Duration(asked), peak: peakMemory(p.cmd.Process)})
	}
	if err := p.cmd.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// cpuOf is the CPU time that a running process's threads have had, 0 where that isn't
// known.
func cpuOf(p *os.Process) (sum time.Duration) {
	threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.Pid), "task", "*", "schedstat"))
	for _, name := range threads {
		var ns int64
		text, _ := os.ReadFile(name)
		_, _ = fmt.Sscan(string(text), &ns)
		sum += time.Duration(ns)
	}
	return sum
}
