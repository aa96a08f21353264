package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
)

// Profile is the environment variable that has Main write profiles into a
// directory: cpu and allocs, each with the process's number.
const Profile = "VBCVAULT_TEST_PROFILE"

// profiled is main with profiles.
func profiled(dir string) {
	runtime.MemProfileRate = 64 << 10
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	finish, err := startProfile(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := run(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr})
	finish()
	os.Exit(code)
}

// startProfile begins profiles, which finish writes.
func startProfile(dir string) (finish func(), err error) {
	create := func(kind string) (*os.File, error) {
		return os.Create(filepath.Join(dir, fmt.Sprintf("%s.%d", kind, os.Getpid())))
	}
	f, err := create("cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
		if f, err := create("allocs"); err == nil {
			_ = pprof.Lookup("allocs").WriteTo(f, 0)
			f.Close()
		}
	}, nil
}
