package main_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

var (
	highWater = regexp.MustCompile(`VmHWM:\s*([0-9]+) kB`)
	anonymous = regexp.MustCompile(`RssAnon:\s*([0-9]+) kB`)
)

// peakMemory is the most memory that a running process has had resident so
// far, in bytes, or 0 if that isn't known. (What wait4 reports instead counts
// the test process too, of which the program is a fork.)
func peakMemory(p *os.Process) int64 { return inStatus(p, highWater) }

// ownMemory is what a running process has resident at the moment that no file holds, so
// without the program's own file, whose pages the system takes back when it likes.
func ownMemory(p *os.Process) int64 { return inStatus(p, anonymous) }

func inStatus(p *os.Process, of *regexp.Regexp) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	m := of.FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}
