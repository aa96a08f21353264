package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// here is the system that the release is made on.
var here = target{runtime.GOOS, runtime.GOARCH}

// binaries builds a static binary for each target, and one for this machine, which
// writes the manual pages.
func binaries(ctx context.Context, r *release) error {
	all := slices.Clone(r.targets)
	if !slices.Contains(all, here) {
		all = append(all, here)
	}
	for _, t := range all {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", r.ldflags(), "-o", r.binary(t), "./cmd/vbcvault") //nolint:gosec // of this program
		cmd.Dir = r.root
		// An empty GOFLAGS would leave what go env -w has set: this one says the default.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOWORK=off")
		cmd.Stdout, cmd.Stderr = r.log, r.log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build for %s: %w", t, err)
		}
		if err := plain(r.binary(t)); err != nil {
			return fmt.Errorf("build for %s: %w", t, err)
		}
	}
	return nil
}

// ldflags leave out what debuggers need, and say which build this is.
func (r *release) ldflags() string {
	return strings.Join([]string{"-s", "-w", "-buildid=",
		"-X", "main.version=v" + r.version.semver, "-X", "main.commit=" + r.commit, "-X", "main.date=" + r.time.Format(time.RFC3339)}, " ")
}

// plain refuses a binary that something on this machine has made another one than
// would be made elsewhere: an experiment, tags, a module that is replaced.
func plain(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	expected := []string{"-buildmode", "-compiler", "-trimpath", "CGO_ENABLED", "DefaultGODEBUG", "GOARCH", "GOOS", "GOAMD64", "GOARM64"}
	for _, s := range info.Settings {
		if !slices.Contains(expected, s.Key) {
			return fmt.Errorf("this machine has %s=%s, so others would make another binary: unset it", s.Key, s.Value)
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
	}
	return nil
}
