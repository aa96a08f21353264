//go:build unix

package main_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
)

// BenchmarkProfile prints where vbcvault's CPU time and allocations go, and what it asks
// of the system, for each recording, and the loop's beside it. It leaves the profiles in
// the directory that VBCVAULT_TEST_PROFILE names, if there is one: LOAD/CONTESTANT/cpu.…
// and allocs.…, for go tool pprof.
func BenchmarkProfile(b *testing.B) {
	for _, l := range slices.Concat(loads, directoryLoads) {
		if l.toDir {
			l.name = "directory-" + l.name
		}
		b.Run(l.name, func(b *testing.B) {
			for _, who := range []contestant{looping(floor), ours("vbcvault", "--fetch", "direct")} {
				c := newContest(b, l, who)
				c.profiles = filepath.Join(cmp.Or(os.Getenv(vbcvault.Profile), b.TempDir()), l.name, who.name)
				if err := os.MkdirAll(c.profiles, 0o700); err != nil {
					b.Fatal(err)
				}
				c.program, c.env = program(b), append(c.env, vbcvault.Profile+"="+c.profiles)
				c.race()
				c.printTop("CPU time", "cpu.*", "-unit=us")
				c.printTop("bytes allocated", "allocs.*", "-sample_index=alloc_space", "-unit=B")
				c.printTop("allocations", "allocs.*", "-sample_index=alloc_objects")
				few := l
				few.n = min(l.n, 300) // each call costs ten times as much
				calls, err := newContest(b, few, who).systemCalls()
				if err != nil {
					fmt.Printf("\n%s, %s: no system calls: %v\n", l.name, who.name, err)
					continue
				}
				fmt.Printf("\n%s, %s: system calls for each recording\n", l.name, who.name)
				for _, call := range calls[:min(15, len(calls))] {
					fmt.Printf("%10.2f  %s\n", call.each, call.name)
				}
			}
		})
	}
}

// printTop prints the functions that have the most of a profile.
func (c *contest) printTop(of, pattern string, flags ...string) {
	found, err := filepath.Glob(filepath.Join(c.profiles, pattern))
	if err != nil || len(found) == 0 {
		c.t.Fatalf("%s has left no profile: %v", c.who.name, err)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(modified(a), modified(b)) })
	args := append([]string{"tool", "pprof", "-top", "-nodecount=25", fmt.Sprintf("-divide_by=%d", c.n)}, append(flags, newest)...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		c.t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	fmt.Printf("\n%s, %s: %s for each recording\n%s", c.load.name, c.who.name, of, out)
}

func modified(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}

// systemCall is how often a call of the system was made for each recording.
type systemCall struct {
	name string
	each float64
}

// systemCalls has the contestant work under strace. First come those that make something
// durable, then the most frequent.
func (c *contest) systemCalls() (calls []systemCall, err error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, err
	}
	cmd := c.who.command(c)
	summary := filepath.Join(c.t.TempDir(), "strace")
	cmd.Args = append([]string{"strace", "--follow-forks", "--summary-only", "--output", summary, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = strace
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3="+c.direct)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	c.discard()
	text, err := os.ReadFile(summary)
	for line := range strings.Lines(string(text)) {
		// % time, seconds, usecs/call, calls, perhaps errors, syscall
		f := strings.Fields(line)
		if len(f) < 5 || f[len(f)-1] == "total" {
			continue
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			calls = append(calls, systemCall{f[len(f)-1], float64(n) / float64(c.n)})
		}
	}
	slices.SortFunc(calls, func(a, b systemCall) int {
		return cmp.Or(-cmp.Compare(syncs(a), syncs(b)), -cmp.Compare(a.each, b.each))
	})
	return calls, err
}

// syncs is 1 for a call that makes something durable, else 0.
func syncs(c systemCall) int {
	switch c.name {
	case "fsync", "fdatasync", "sync_file_range", "msync", "syncfs":
		return 1
	}
	return 0
}
