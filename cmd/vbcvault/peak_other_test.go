//go:build !linux

package main_test

import "os"

// Both are known on Linux only.
func peakMemory(*os.Process) int64 { return 0 }
func ownMemory(*os.Process) int64  { return 0 }
