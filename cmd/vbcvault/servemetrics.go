package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/metrics"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// serviceMetrics are the metrics of a service: each account's change when its work has
// ended, with the run in progress, and from time to time, since holds, acknowledgements
// and checks come from other commands too.
type serviceMetrics struct {
	*metrics.Accounts
	log    *slog.Logger
	around func(context.Context) surroundings // how manifests are opened

	mu       sync.Mutex
	accounts []configured
	ends     map[string]func() // of the runs in progress, by account
}

// standing is how one of several machines stands, nil if this one is alone.
func standing(svc *service.Service) func() metrics.Machine {
	if !svc.IsShared() {
		return nil
	}
	return func() metrics.Machine { return metrics.Machine(svc.Standing()) }
}

// metricsAge is how old a manifest's figures may get, at most.
const metricsAge = 5 * time.Minute

func newServiceMetrics(c *config.Config, around func(context.Context) surroundings, log *slog.Logger) *serviceMetrics {
	return &serviceMetrics{Accounts: metrics.New(), log: log, around: around, accounts: accountsOf(c), ends: map[string]func(){}}
}

// begin takes in what the runs came to that ended before the service began: a manifest
// doesn't know of those that did not begin. Where it knows of a later one, that counts.
func (m *serviceMetrics) begin(ctx context.Context, svc *service.Service) {
	last, err := svc.LastRuns(ctx)
	if err != nil {
		m.log.Warn("what the last runs came to can't be read; metrics tell of runs that are in the manifests", "reason", err)
	}
	for _, a := range m.accounts {
		if o, ok := last[a.Name]; ok {
			m.Observe(o, nil)
		}
	}
}

// hooks adds to a service's hooks what the metrics need to be told.
func (m *serviceMetrics) hooks(h service.Hooks) service.Hooks {
	watch, ended, left, reloaded := h.Watch, h.Ended, h.Left, h.Reloaded
	h.Watch = func(a config.Account, stats *progress.Stats) {
		if watch != nil {
			watch(a, stats)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ends[a.Name] = m.Running(a.Name, stats)
	}
	h.Ended = func(a config.Account, kind service.Kind, o outcome.Outcome) {
		if ended != nil {
			ended(a, kind, o)
		}
		if kind != service.Archive {
			o = outcome.Outcome{Account: a.Name, Manifest: o.Manifest}
		}
		m.read(context.Background(), o)
		m.ended(a, kind)
	}
	h.Left = func(a config.Account, kind service.Kind) {
		if left != nil {
			left(a, kind)
		}
		m.ended(a, kind)
	}
	h.Reloaded = func(c *config.Config) {
		if reloaded != nil {
			reloaded(c)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.accounts = accountsOf(c)
		names := make([]string, len(m.accounts))
		for i, a := range m.accounts {
			names[i] = a.Name
		}
		m.Keep(names)
	}
	return h
}

// ended has a run no longer be in progress here.
func (m *serviceMetrics) ended(a config.Account, kind service.Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := m.ends[a.Name]; end != nil && kind == service.Archive {
		end()
		delete(m.ends, a.Name)
	}
}

// read takes in what an account's manifest says, and what its last run came to.
func (m *serviceMetrics) read(ctx context.Context, o outcome.Outcome) {
	view, err := m.around(ctx).briefly(ctx, o.Manifest)
	if err != nil && ctx.Err() == nil {
		m.log.Warn("the manifest can't be read for metrics", "account", o.Account, "reason", err)
	}
	m.Observe(o, view)
}

// keep reads all manifests at once and then again and again, until ctx ends.
func (m *serviceMetrics) keep(ctx context.Context) {
	for {
		m.mu.Lock()
		accounts := m.accounts
		m.mu.Unlock()
		for _, a := range accounts {
			if ctx.Err() != nil {
				return
			}
			if path, _, err := a.manifestFile(ctx); err == nil {
				m.read(ctx, outcome.Outcome{Account: a.Name, Manifest: path})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(metricsAge):
		}
	}
}
