package main

import (
	"context"
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
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off")
		cmd.Stdout, cmd.Stderr = r.log, r.log
		if err := cmd.Run(); err != nil {
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
