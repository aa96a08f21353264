package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// share has the program of this machine write its manual pages and completions.
func share(ctx context.Context, r *release) error {
	self := target{runtime.GOOS, runtime.GOARCH}
	cmd := exec.CommandContext(ctx, r.binary(self), "generate", r.share(), "--date", r.time.Format(time.DateOnly)) //nolint:gosec // that we built
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the program of %s: %w\n%s", self, err, out)
	}
	return nil
}
