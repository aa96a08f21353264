package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// lastKnown is what each account's last run came to, as far as somebody else than its
// manifest knows: a run that did not begin is in no manifest. What can't be read is
// said, and the manifests are shown all the same.
func lastKnown(ctx context.Context, s streams, accounts []configured) map[string]outcome.Outcome {
	say := func(of string, err error) {
		if ctx.Err() == nil {
			fmt.Fprintf(s.err, "vbcvault: the outcomes of %s can't be read, and runs that did not begin may be missing: %v\n", of, err)
		}
	}
	last := map[string]outcome.Outcome{}
	around := accounts[0].around(ctx)
	if dir, err := around.stateDir(); err == nil { // else the accounts say so
		has, err := lastRuns(ctx, around, dir)
		if err != nil && !errors.Is(err, service.ErrNoService) {
			say("the service", err)
		}
		maps.Copy(last, has)
	}
	for _, a := range accounts {
		o, err := a.recall(ctx)
		if err != nil {
			say("archive --config", err)
		} else if o != nil && o.Ended.After(last[a.Name].Ended) {
			last[a.Name] = *o
		}
	}
	return last
}
