package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// share has the program write its manual pages and completions, which are the same for
// all machines.
func share(ctx context.Context, r *release) error {
	cmd := exec.CommandContext(ctx, r.binary(here), "generate", r.share(), "--date", r.time.Format(time.DateOnly)) //nolint:gosec // that we built
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the program of %s: %w\n%s", here, err, out)
	}
	return nil
}
