package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// lastKnown are what the last runs came to that somebody else than the manifests knows:
// a run that did not begin is in no manifest. That it can't be read is said, and the
// manifests are shown all the same.
func lastKnown(ctx context.Context, s streams, one configured) map[string]outcome.Outcome {
	dir, err := one.around(ctx).stateDir()
	if err != nil {
		return nil // the accounts say so
	}
	last, err := service.LastRuns(ctx, dir)
	if err != nil && !errors.Is(err, service.ErrNoService) && ctx.Err() == nil {
		fmt.Fprintf(s.err, "vbcvault: the outcomes of the service can't be read, so only manifests are shown; runs that did not begin are missing: %v\n", err)
	}
	return last
}

// heed takes over what a run came to, if the manifest has no later one.
func (st standing) heed(o outcome.Outcome) standing {
	if o.Ended.IsZero() || o.Skipped || !o.Ended.After(cmp.Or(st.Ended, st.LastRun)) {
		return st
	}
	st.ExitCode, st.Stopped, st.Code, st.Hint = &o.ExitCode, o.Error, o.ErrorCode, o.Hint
	if st.State != "running" {
		st.LastRun, st.Ended = o.Began, o.Ended
	}
	if st.State == "new" || st.State == "interrupted" {
		st.State = "ended"
	}
	return st
}
