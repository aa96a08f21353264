//go:build !linux

package main_test

import "os"

// peakMemory is not known here: the unit differs from system to system.
func peakMemory(*os.ProcessState) int64 { return 0 }
