package service

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// LastRuns are what archiving each account came to last, by its name, as the service of a
// state directory has it, also while that is running; ErrNoService if none ever was.
// Manifests don't know of runs that did not even begin.
func LastRuns(ctx context.Context, dir string) (map[string]outcome.Outcome, error) {
	st, err := openState(ctx, dir)
	if err != nil {
		return nil, err
	}
	last, err := lastRuns(ctx, st.db)
	return last, errors.Join(err, st.Close())
}

// LastSharedRuns is LastRuns for services that share a database.
func LastSharedRuns(ctx context.Context, sh Shared) (map[string]outcome.Outcome, error) {
	st, err := openShared(ctx, sh, "", false)
	if err != nil {
		return nil, err
	}
	last, err := lastRuns(ctx, st.db)
	return last, errors.Join(err, st.Close())
}

// LastRuns is as the function of that name, before Run.
func (s *Service) LastRuns(ctx context.Context) (map[string]outcome.Outcome, error) {
	return lastRuns(ctx, s.state.db)
}

func lastRuns(ctx context.Context, q querier) (map[string]outcome.Outcome, error) {
	all, err := outcomes(ctx, q, "id IN (SELECT max(id) FROM main.outcome WHERE kind = ? GROUP BY account)", Archive)
	last := make(map[string]outcome.Outcome, len(all))
	for _, e := range all {
		last[e.Account] = e.Outcome
	}
	return last, err
}
