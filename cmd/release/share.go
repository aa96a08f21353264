package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"time"
)

// share has the program write its manual pages and completions, for the machine that the
// release is made on: they are the same for all.
func share(ctx context.Context, r *release) error {
	self := target{runtime.GOOS, runtime.GOARCH}
	if !slices.Contains(r.targets, self) {
		here := *r
		here.targets = []target{self}
		if err := binaries(ctx, &here); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, r.binary(self), "generate", r.share(), "--date", r.time.Format(time.DateOnly)) //nolint:gosec // that we built
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the program of %s: %w\n%s", self, err, out)
	}
	return nil
}
