package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/dbfile"
)

// webListen is where the page is unless somebody says otherwise: nobody on the network
// reaches it.
const webListen = "127.0.0.1:8180"

// webFlags are the flags of web.
type webFlags struct {
	config, manifest, listen string
	output                   outputFlags
}

func newWeb(s streams) *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use:        "web [--config FILE | --manifest FILE]",
		SuggestFor: []string{"ui", "page", "browse", "gui", "www"},
		Short:      "Open a page to find calls, hear them, hold them and hand them over",
		Long: `Web answers a page in the browser: find calls, hear them and read along, put a
hold on them, hand them over with their proof, and see who has listened. It
shows all accounts of a configuration file, or the account of one manifest. It
sends VBC no request and changes no recording. It runs until it is stopped with
Ctrl-C or SIGTERM, and may run beside archive and serve.

The page is reachable from this machine alone, at 127.0.0.1:8180, unless
--listen or web: listen of the file says otherwise; then it also needs TLS, or a
proxy that encrypts. It prints a link with which you sign in as an admin, once,
within ten minutes. vbcvault web link prints another one while the page runs;
vbcvault web add-user adds people with a password. See vbcvault help web.

It keeps users and sessions in the file web.db in the state directory.`,
		Example: `  vbcvault web
  vbcvault web --config /etc/vbcvault/vbcvault.yaml
  vbcvault web --manifest acme.manifest --listen 127.0.0.1:8181`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.output.finish(s, func(o *output) (any, error) { return nil, f.run(cmd.Context(), o) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.config, "config", "", "show the accounts of this configuration `FILE` (default: VBCVAULT_CONFIG, if there is no --manifest)")
	manifestFlag(cmd, &f.manifest)
	fs.StringVar(&f.listen, "listen", "", "`ADDRESS` of the page (default: web: listen of the file, else "+webListen+")")
	fs.Var(newOneOf(&f.output.logFormat, "text", "json"), "log-format", "format of logs on stderr: text or json")
	fs.Var(newOneOf(&f.output.logLevel, "info", "debug", "warn", "error"), "log-level", "debug, info, warn or error")
	f.output.progressStyle = "none"
	cmd.AddCommand(newWebLink(s))
	cmd.AddCommand(webUserCommands(s)...)
	return cmd
}

// settings are the configuration that is meant, nil if one manifest is, and where the
// page's own state is.
func (f *webFlags) settings() (c *config.Config, stateAt string, err error) {
	if f.config != "" && f.manifest != "" {
		return nil, "", usagef("use one of them", "--config and --manifest can't be used together")
	}
	if f.config != "" || f.manifest == "" && usualAccounts() != "" {
		return readConfig(f.config)
	}
	stateAt, err = stateDir()
	return nil, stateAt, err
}

func (f *webFlags) run(ctx context.Context, o *output) (err error) {
	c, stateAt, err := f.settings()
	if err != nil {
		return err
	}
	vaults := newWebVaults(o.log)
	p := &webPage{log: o.log, vaults: vaults, stateAt: stateAt, shared: c}
	defer func() { err = errors.Join(err, p.Close()) }()
	var w config.Web
	if c != nil {
		w = c.Web
		vaults.use(ctx, accountsOf(c))
	} else if err := vaults.only(ctx, f.manifest); err != nil {
		return err
	}
	if err := p.open(ctx, w, f.listen); err != nil {
		return err
	}
	path, err := access.NewLink(ctx, p.state, osUser(), time.Now())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.out, "The page is at %s\n\nTo sign in, open this link within %.0f minutes; it works once:\n  %s%s\n\n"+
		"vbcvault web link prints a new one. Ctrl-C stops the page.\n", p.url(), access.LinkLasts.Minutes(), p.url(), path); err != nil {
		return err
	}
	return p.serve(ctx)
}

// osUser names the person at the terminal: whoever may read the state directory.
func osUser() string {
	if u, err := user.Current(); err == nil {
		return "terminal " + filepath.Base(u.Username)
	}
	return "terminal"
}

// webPage is the page as it is answered.
type webPage struct {
	log     *slog.Logger
	vaults  *webVaults
	stateAt string
	shared  *config.Config // of the service whose outcomes are shown, nil = that of the state directory

	state  *state.DB
	listen *webListener
	gate   *access.Gate
	server *web.Server
	config config.Web
}

// open gets everything ready: nobody is answered yet.
func (p *webPage) open(ctx context.Context, c config.Web, listen string) (err error) {
	p.config = c
	p.config.Listen = cmp.Or(listen, c.Listen, webListen)
	if p.state, err = openWebState(ctx, p.stateAt); err != nil {
		return err
	}
	if p.listen, err = listenWeb(ctx, p.config, p.log); err != nil {
		return err
	}
	p.gate = access.New(access.Options{State: p.state, Config: p.config, Listen: p.listen.Addr().String(), TLS: p.listen.tls != nil, Log: p.log})
	p.server = web.New(web.Options{Vaults: p.vaults.vaults, Config: p.config, State: p.state, Gate: p.gate, Log: p.log, Version: programVersion(),
		Spool: filepath.Join(p.stateAt, "handover"), LastRuns: p.lastRuns})
	return nil
}

// use goes by another configuration. The address stays the one that it is.
func (p *webPage) use(c config.Web) {
	c.Listen = p.config.Listen
	p.gate.Use(c)
	p.server.Use(c)
}

// url is where people open the page.
func (p *webPage) url() string { return webURL(p.config, p.listen.Addr().String()) }

// serve answers until ctx ends, and then for a moment more what is under way.
func (p *webPage) serve(ctx context.Context) error {
	if err := p.server.Tidy(ctx); err != nil {
		p.log.Warn("what was handed over can't be tidied", "reason", err)
	}
	p.log.Info("the page is answered", "url", p.url())
	tidied := make(chan struct{})
	go func() {
		defer close(tidied)
		p.tidy(ctx)
	}()
	indexed := make(chan struct{})
	go func() {
		defer close(indexed)
		p.index(ctx)
	}()
	err := p.listen.serve(ctx, access.Server(p.gate.Guard(p.server.Handler())))
	<-tidied
	<-indexed
	return err
}

// lastRuns is what each account's last run came to, as the service of the state
// directory knows it; nothing if there never was one.
func (p *webPage) lastRuns(ctx context.Context) (map[string]outcome.Outcome, error) {
	around := environment()
	if p.shared != nil {
		around = aroundAll(ctx, p.shared)
	}
	last, err := lastRuns(ctx, around, p.stateAt)
	if errors.Is(err, service.ErrNoService) {
		return nil, nil
	}
	return last, err
}

// tidy removes what is over from the page's state, now and then.
func (p *webPage) tidy(ctx context.Context) {
	for {
		if err := p.gate.Tidy(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("old sessions could not be removed", "reason", err)
		}
		if wait(ctx, time.Hour) != nil {
			return
		}
	}
}

// Close gives everything back.
func (p *webPage) Close() error {
	var errs []error
	if p.listen != nil {
		errs = append(errs, p.listen.Close())
	}
	if p.vaults != nil {
		errs = append(errs, p.vaults.Close())
	}
	if p.state != nil {
		errs = append(errs, p.state.Close())
	}
	return errors.Join(errs...)
}

// openWebState opens the page's own state, and makes it if there is none.
func openWebState(ctx context.Context, dir string) (*state.DB, error) {
	db, err := state.Open(ctx, filepath.Join(dir, "web.db"), programVersion())
	if newer, ok := errors.AsType[*dbfile.NewerError](err); ok {
		return nil, &hinted{err: err, hint: "use " + newer.Needed() + "; or move web.db away: people sign in anew, and users with passwords are added again"}
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) {
		return nil, usagef("run the command as the user that the page runs as; or set state-dir in the configuration file, or VBCVAULT_STATE_DIR, to a directory that this user can write",
			"the page has nowhere to keep users and sessions: %w", err)
	}
	return db, err
}
