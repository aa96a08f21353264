//go:build !linux

package main_test

import "os"

// peakMemory is known on Linux only.
func peakMemory(*os.Process) int64 { return 0 }
