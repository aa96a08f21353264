package main_test

import (
	"os"
	"syscall"
)

// peakMemory is the most memory that a process has had resident, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	return p.SysUsage().(*syscall.Rusage).Maxrss << 10
}
