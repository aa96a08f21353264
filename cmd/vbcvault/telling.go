package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/notify"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// telling tells of the runs of archive --config, while others go on. A nil one tells
// nobody. Nothing that goes wrong with it changes what the runs came to.
type telling struct {
	teller *notify.Teller
	log    *slog.Logger
	all    sync.WaitGroup
}

// toldIn is what has been told, in the state directory.
func toldIn(state string) *notify.Memory {
	return notify.Remember(filepath.Join(state, notify.MemoryFile))
}

// newTeller makes a teller.
func newTeller(notifiers []config.Notifier, memory *notify.Memory, log *slog.Logger) *notify.Teller {
	t := notify.New(notifiers, memory, log)
	if pauses.tries != nil {
		t.Hurry(pauses.tries)
	}
	return t
}

// tellerFor is who tells of the accounts of a file, nil if it names nobody to tell.
func tellerFor(one configured, log *slog.Logger) *telling {
	if one.shared == nil || len(one.shared.notify) == 0 {
		return nil
	}
	state := one.state
	if state == "" {
		var err error
		if state, err = stateDir(); err != nil {
			log.Warn("nobody is told of the runs", "error", err)
			return nil
		}
	}
	return &telling{teller: newTeller(one.shared.notify, toldIn(state), log), log: log}
}

// begins tells that a run of the account begins.
func (t *telling) begins(ctx context.Context, account string) func(run string) {
	if t == nil {
		return nil
	}
	return func(run string) { t.teller.Started(ctx, account, run) }
}

// tell tells of a run that has ended, also where it was told to stop.
func (t *telling) tell(ctx context.Context, a configured, out outcome.Outcome) {
	if t == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	t.all.Go(func() {
		o := notify.Occasion{Outcome: out, Config: wholePath(a.path)}
		if out.Manifest != "" {
			var err error
			if o.After, err = a.around(ctx).readOverview(ctx, out.Manifest); err != nil && !place.Missing(err) {
				t.log.Debug("how the account stands can't be told", "account", a.Name, "error", err)
			}
		}
		t.teller.Tell(ctx, o)
	})
}

// wait returns when all is told, or can't be: two minutes at most.
func (t *telling) wait() {
	if t != nil {
		t.all.Wait()
	}
}

// serviceTelling tells of the work of vbcvault serve.
type serviceTelling struct {
	state, config string // directory, path of the file
	log           *slog.Logger
	memory        *notify.Memory
	teller        atomic.Pointer[notify.Teller] // of the configuration that holds now
}

// use has it tell those whom a configuration names.
func (t *serviceTelling) use(c *config.Config) { t.teller.Store(newTeller(c.Notify, t.memory, t.log)) }

// began is service.Hooks.Began.
func (t *serviceTelling) began(a config.Account, kind service.Kind, run string) {
	if kind == service.Archive {
		t.teller.Load().Started(context.Background(), a.Name, run)
	}
}

// tell is service.Hooks.Tell.
func (t *serviceTelling) tell(ctx context.Context, kind service.Kind, after *overview.Overview, out outcome.Outcome) error {
	return t.teller.Load().TellOnce(ctx, notify.Occasion{Outcome: out, After: after, Job: string(kind), Config: wholePath(t.config)})
}

// wholePath is the file for whoever reads of it elsewhere, in another directory.
func wholePath(path string) string {
	if whole, err := filepath.Abs(path); err == nil && path != "" {
		return whole
	}
	return path
}
