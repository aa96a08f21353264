package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// demoFlags are the flags of demo.
type demoFlags struct {
	dir        string
	recordings int
	delete     bool
	serve      bool
	web        bool
	noBrowser  bool
	lasts      time.Duration
	output     outputFlags
}

func newDemo(s streams) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show how vbcvault works, with a simulated account and no setup",
		Long: `Demo runs the real program on a simulated VBC account inside this process:
it lists recordings, archives real MP3 files into a local directory, verifies
them and, with --delete, deletes them at the simulated account. It needs no
account, no bucket and no network, and touches nothing real.

With --web it opens the page in a browser: a few hundred simulated calls of two
accounts, with real speech and transcripts. Search, listen, put calls under a
hold, and see what other roles may do. It ends with Ctrl-C.

With --serve it shows the service instead: vbcvault serve archives three
simulated accounts, of which one has a small quota and one a wrong password. You
see its log, a notification, the address of its metrics and, at the end, how the
accounts stand and where the report is.`,
		Example: `  vbcvault demo
  vbcvault demo --web
  vbcvault demo --serve
  vbcvault demo --recordings 500 --delete --dir /tmp/vbcvault-demo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return f.output.finish(s, func(o *output) (any, error) { return f.run(cmd.Context(), o) })
		},
	}
	cmd.Flags().StringVar(&f.dir, "dir", "", "`DIR` to archive to; created if missing (default: a new temporary directory)")
	cmd.Flags().IntVar(&f.recordings, "recordings", 40, "simulate `N` recordings in each account (with --web 180, unless you give it)")
	cmd.Flags().BoolVar(&f.delete, "delete", false, "delete them at the simulated account once verified")
	cmd.Flags().BoolVar(&f.web, "web", false, "show the page: find calls, hear them, read along, hold them")
	cmd.Flags().BoolVar(&f.noBrowser, "no-browser", false, "with --web: print the page's address, and open no browser")
	cmd.Flags().BoolVar(&f.serve, "serve", false, "show the service: several accounts, notifications, metrics and the report")
	cmd.Flags().DurationVar(&f.lasts, "for", 0, "with --serve: end after `DURATION`, or earlier if all is done (default 1m); with --web: end after it (default: at Ctrl-C)")
	f.output.register(cmd.Flags())
	return cmd
}

// check refuses what can't be meant together, and fills in what is left out.
func (f *demoFlags) check(changed func(flag string) bool) error {
	switch {
	case f.web && f.serve:
		return usagef("use one of them", "--web and --serve can't be used together")
	case changed("for") && !f.serve && !f.web:
		return usagef("add --serve or --web", "--for has no meaning without --serve or --web")
	case changed("for") && f.lasts <= 0:
		return usagef("as in --for 30s", "--for %s: it must be longer than 0s", f.lasts)
	case f.noBrowser && !f.web:
		return usagef("add --web", "--no-browser has no meaning without --web")
	case (f.web || f.serve) && f.output.json:
		return usagef("remove --json", "demo --web and demo --serve tell their story to people")
	case f.web && f.delete:
		return usagef("remove --delete", "demo --web deletes in one of its simulated accounts anyway")
	}
	if f.serve && f.lasts == 0 {
		f.lasts = time.Minute
	}
	if f.web && !changed("recordings") {
		f.recordings = demoWebRecordings
	}
	return nil
}

// demoAge is the cutoff of the demo; the simulated recordings span twice that.
const demoAge = 90 * 24 * time.Hour

func (f *demoFlags) run(ctx context.Context, o *output) (any, error) {
	if f.recordings < 1 || f.recordings > 100_000 {
		return nil, usagef("between 1 and 100000", "--recordings %d", f.recordings)
	}
	switch {
	case f.serve:
		return nil, f.serveAll(ctx, o)
	case f.web:
		return nil, f.showPage(ctx, o)
	}
	archive, err := f.directory()
	if err != nil {
		return nil, err
	}
	// On whole days, so that a second demo finds the same recordings.
	today := time.Now().UTC().Truncate(24 * time.Hour)
	account := vbctest.New(vbctest.Config{})
	all := account.Generate(f.recordings, today.Add(-time.Hour), 2*demoAge/time.Duration(f.recordings))
	for i, rec := range all {
		if i%3 == 0 {
			account.Transcribe(rec.ID, "(a simulated transcript)\n")
		}
	}
	path := filepath.Join(filepath.Dir(archive), "demo.manifest")
	if err := forgetPurged(ctx, account, path, all); err != nil {
		return nil, err
	}
	api, stop, err := serve(account)
	if err != nil {
		return nil, err
	}
	defer stop()
	if !f.output.json {
		fmt.Fprintf(o.out, "This is a simulation: an account with %d recordings of the last 180 days, inside this process.\nThe program that archives those older than 90 days is the real one.\n\n", f.recordings)
	}
	j := &job{
		options: pipeline.Options{
			Account: "self", Cutoff: today.Add(-demoAge), Delete: f.delete, Workers: 8, Version: programVersion(),
			Kinds: []vbc.Kind{vbc.Company},
		},
		vbc:         vbc.Options{URL: api, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"},
		destination: destination{dir: archive},
		manifest:    path,
		around:      environment(),
		simulated:   true,
		trustMount:  true, // nothing is lost in a simulation
	}
	sum, err := j.run(ctx, o)
	if err == nil && !f.output.json {
		f.next(o, j, len(account.Recordings()))
	}
	return sum, err
}

// forgetPurged takes out of the account what an earlier demo in this directory
// has deleted there.
func forgetPurged(ctx context.Context, account *vbctest.Account, path string, all []vbctest.Recording) error {
	m, err := place.OpenReadOnly(ctx, path, place.Options{})
	if place.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer m.Close()
	for _, rec := range all {
		row, err := m.Get(ctx, vbc.Key{Kind: vbc.Company, ID: rec.ID})
		switch {
		case errors.Is(err, manifest.ErrUnknown):
		case err != nil:
			return err
		case slices.Contains([]manifest.State{manifest.Purged, manifest.Erasing, manifest.Erased}, row.State):
			account.Remove(rec.ID)
		}
	}
	return nil
}

// directory makes the directories that the demo needs.
func (f *demoFlags) directory() (archive string, err error) {
	base := f.dir
	if base == "" {
		if base, err = os.MkdirTemp("", "vbcvault-demo-"); err != nil {
			return "", fmt.Errorf("create a directory for the demo: %w", err)
		}
	}
	if base, err = filepath.Abs(base); err == nil {
		archive = filepath.Join(base, "archive")
		err = os.MkdirAll(archive, 0o700)
	}
	if err != nil {
		return "", usagef("choose another with --dir", "the directory for the demo can't be created: %v", err)
	}
	return archive, nil
}

// next says what to look at, by the name under which the program was started.
func (f *demoFlags) next(o *output, j *job, left int) {
	me, base := me(), filepath.Dir(j.destination.dir)
	fmt.Fprintf(o.out, "\nLook at\n  %s\n      the archive: each .mp3 plays, each .json beside it is what VBC said about the call,\n      each .transcript.txt its transcript\n", j.destination.dir)
	fmt.Fprintf(o.out, "  export VBCVAULT_STATE_DIR=%s\n      and then all other commands use this archive:\n", base)
	for _, c := range []struct{ command, about string }{
		{"status", "the state of each recording"}, {"list", "the recordings, the newest first"},
		{"status --id 100001", "everything about one recording, and what the next run would do with it"},
		{"verify", "check that the archive is complete and intact"}, {"restore --all --out calls", "back into files"},
	} {
		fmt.Fprintf(o.out, "  %s %s\n      %s\n", me, c.command, c.about)
	}
	fmt.Fprintf(o.out, "Recordings left in the simulated account: %d", left)
	if f.delete {
		fmt.Fprintln(o.out, ": younger than 90 days, or under a hold.")
	} else {
		fmt.Fprintf(o.out, ": nothing was deleted.\nTo delete recordings once their copies are verified:\n  %s demo --delete --dir %s\n", me, base)
	}
}

// serve answers on a loopback port.
func serve(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("serve the simulated account: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return "http://" + l.Addr().String(), func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "the simulated account:", err)
		}
	}, nil
}
