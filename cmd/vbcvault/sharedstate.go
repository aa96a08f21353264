package main

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// aroundAll is what a configuration has around all its accounts.
func aroundAll(ctx context.Context, c *config.Config) surroundings {
	return configured{path: c.Path, state: c.StateDir, database: c.Database}.around(ctx)
}

// sharedState is the database in which the services of several machines keep one state,
// nil if this one keeps its own in the state directory. lives says that it is for a
// service.
func sharedState(a surroundings, lives bool) (*service.Shared, error) {
	address, err := a.database()
	if err != nil || address == "" {
		return nil, err
	}
	return sharedAt(address, a, lives)
}

// sharedAt is that of a database whose address is known.
func sharedAt(address string, a surroundings, lives bool) (_ *service.Shared, err error) {
	sh := &service.Shared{Address: address, Machine: machineName()}
	if sh.DB, err = place.SQL(address, place.ServiceConnections-1, a.unsigned()); err != nil {
		return nil, err
	}
	if lives {
		if sh.Lives, err = place.SQL(address, 1, a.unsigned()); err != nil {
			return nil, errors.Join(err, sh.DB.Close())
		}
	}
	return sh, nil
}

// openService opens the state of a service for looking and asking.
func openService(ctx context.Context, a surroundings, state string) (*service.Control, error) {
	sh, err := sharedState(a, false)
	switch {
	case err != nil:
		return nil, err
	case sh != nil:
		return service.OpenShared(ctx, *sh)
	}
	return service.Open(ctx, state)
}

// lastRuns are what archiving each account came to last, as a service has it.
func lastRuns(ctx context.Context, a surroundings, state string) (map[string]outcome.Outcome, error) {
	sh, err := sharedState(a, false)
	switch {
	case err != nil:
		return nil, err
	case sh != nil:
		return service.LastSharedRuns(ctx, *sh)
	}
	return service.LastRuns(ctx, state)
}
