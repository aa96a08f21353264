package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/notify"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage/mount"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	config string
	output outputFlags
}

func newServe(s streams) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:        "serve --config FILE",
		SuggestFor: []string{"service", "daemon", "server", "start"},
		Short:      "Archive the accounts of a configuration file on schedule, until it is stopped",
		Long: `Serve runs until it is stopped. It archives each account of a configuration file
when its schedule says so, and verifies samples, updates the catalogue, backs up
the manifest and audits the receipts, as far as the file has schedules for these.
At most accounts-at-once accounts are in progress at the same time.

It may be stopped, killed and started again at any moment. What was in progress
resumes at the next start. A start that was missed while it did not run is made
up for once. If an account is still in progress when its next start comes, that
start is left out, and the log says so.

SIGTERM or SIGINT (Ctrl-C) stops it: transfers in progress are finished and
saved, and the exit code is 0. A second signal stops it at once. SIGHUP reads
the file again: accounts that are in progress keep the settings they began with.
If the file has a mistake, nothing changes, and the log says what to correct.

It keeps its state in the file service.db in the state directory. The file has
no secrets, and no data of calls. If the configuration names a database, the state
lies there, and several machines share the accounts: see vbcvault help machines.
At SIGTERM a machine then hands its work over to the others. vbcvault jobs shows what is in progress and
what is next; vbcvault run starts an account now.`,
		Example: `  vbcvault serve --config /etc/vbcvault/vbcvault.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.output.finish(s, func(o *output) (any, error) { return nil, f.run(cmd.Context(), o) })
		},
	}
	configFlag(cmd, &f.config)
	fs := cmd.Flags()
	fs.Var(newOneOf(&f.output.logFormat, "text", "json"), "log-format", "format of logs on stderr: text or json")
	fs.Var(newOneOf(&f.output.logLevel, "info", "debug", "warn", "error"), "log-level", "debug, info, warn or error")
	f.output.progressStyle = "none"
	return cmd
}

// configFlag is the flag of commands that need a configuration file.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "", "the configuration `FILE` with the accounts (default: VBCVAULT_CONFIG); see vbcvault help config")
}

// readConfig reads the configuration file, and says where its state is.
func readConfig(path string) (c *config.Config, state string, err error) {
	if path, err = configPath(path); err != nil {
		return nil, "", err
	}
	if c, err = loadConfig(path); err != nil {
		return nil, "", err
	}
	state = c.StateDir
	if state == "" {
		state, err = stateDir()
	}
	return c, state, err
}

func (f *serveFlags) run(ctx context.Context, o *output) (err error) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // only Unix sends it; one that comes before all is ready mustn't end the process
	defer signal.Stop(hangups)
	c, state, err := readConfig(f.config)
	if err != nil {
		return err
	}
	if err := refuseNetwork(ctx, c, state); err != nil {
		return err
	}
	warnOfWriters(c.Path, o.log)
	ready := false
	defer func() {
		if err != nil && !ready && ctx.Err() != nil {
			err = nil // it was told to stop before it had begun anything
		}
	}()
	systemd := service.NewSystemd(o.log)
	defer systemd.Close()
	listener, err := listen(ctx, c.Service.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	page, err := serveWeb(ctx, c, state, o.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	w := &worker{output: o}
	w.use(c)
	told := newServiceMetrics(c, w.around, o.log)
	shared, err := sharedState(aroundAll(ctx, c), true)
	if err != nil {
		return err
	}
	tells := &serviceTelling{state: state, config: c.Path, log: o.log, memory: toldIn(state)}
	if shared != nil {
		tells.memory = notify.RememberOn(service.NewShelf(*shared, "what notifiers have been told"))
	}
	tells.use(c)
	warnUnscheduled(c, o.log)
	svc, err := service.New(ctx, service.Options{
		StateDir: state, Shared: shared, Config: c, Worker: w, Log: o.log, Pauses: pauses.service, Version: programVersion(),
		Load: func(ctx context.Context) (*config.Config, error) {
			c, _, err := readConfig(f.config)
			if err == nil {
				err = refuseNetwork(ctx, c, state)
			}
			if errors.Is(err, mount.ErrRemote) {
				err = fmt.Errorf("%w; %s", err, onThisMachine)
			}
			if err == nil {
				warnOfWriters(c.Path, o.log)
			}
			return c, err
		},
		Overview: func(ctx context.Context, path string) (*overview.Overview, error) {
			return w.around(ctx).readOverview(ctx, path)
		},
		Hooks: told.hooks(service.Hooks{Began: tells.began, Tell: tells.tell, Report: tells.report, Reloaded: func(c *config.Config) {
			w.use(c)
			tells.use(c)
			page.use(ctx, c)
			warnUnscheduled(c, o.log)
		}}),
		Notifier: systemd,
	})
	if err != nil {
		return serviceError(err)
	}
	told.begin(ctx, svc)
	if answer(listener, o.log, systemd, svc, state, told.Handler(programVersion(), standing(svc))) {
		go told.keep(ctx)
	}
	stop := onHangup(hangups, svc.Reload)
	defer stop()
	page.begin(ctx)
	ready = true
	return svc.Run(ctx)
}

// warnUnscheduled names the accounts that no schedule begins: nobody else notices that
// they are never archived.
func warnUnscheduled(c *config.Config, log *slog.Logger) {
	var names []string
	for _, a := range c.Accounts {
		if a.Schedule.Cron == "" {
			names = append(names, a.Name)
		}
	}
	if len(names) > 0 {
		log.Warn("accounts without a schedule are archived only when vbcvault run asks for it; give them schedule: cron in the file",
			"count", len(names), "accounts", few(names))
	}
}

// onHangup calls f at each SIGHUP until stop is called.
func onHangup(hangups <-chan os.Signal, f func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangups:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// readOverview is how the manifest at a path stands.
func (a surroundings) readOverview(ctx context.Context, path string) (*overview.Overview, error) {
	m, err := place.OpenReadOnly(ctx, path, a.unsigned())
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return overview.Of(ctx, m)
}

// serviceError says how to mend that the state of a service can't be used.
func serviceError(err error) error {
	const harmless = "it holds schedules and outcomes only, and no recording is lost without it: move it away, with its -wal and -shm if it has them, and start vbcvault serve again"
	var hint string
	switch {
	case errors.Is(err, service.ErrServing):
		hint = "one service serves all accounts of a state directory: stop the other one, or set another state-dir"
	case errors.Is(err, service.ErrNoService):
		return usagef("start vbcvault serve --config FILE with this configuration first", "%w", err)
	case errors.Is(err, service.ErrNewer):
		hint = "use a newer vbcvault; or, since " + harmless
		if e, ok := errors.AsType[*dbfile.NewerError](err); ok {
			hint = "use " + e.Needed() + "; or, since " + harmless
		}
	case errors.Is(err, service.ErrOlder):
		hint = "restart the service, so that it runs this version, too"
	case errors.Is(err, service.ErrDamaged):
		hint = harmless
	case errors.Is(err, service.ErrAlone):
		return usagef("name the database in the configuration (database: url) or in VBCVAULT_DATABASE_URL; vbcvault jobs shows what a service without one does", "%w", err)
	case errors.Is(err, service.ErrNoMachine):
		return usagef("vbcvault fleet status lists the machines", "%w", err)
	case errors.Is(err, service.ErrNoJob):
		return usagef("vbcvault jobs lists those that can be named, with their numbers", "%w", err)
	default:
		return unwritable(err)
	}
	return &hinted{err: err, hint: hint}
}

// hinted is an error with a hint of its own.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// servicePoll is how often a command looks whether the service has done something.
const servicePoll = 500 * time.Millisecond
