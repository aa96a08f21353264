package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// demoFlags are the flags of demo.
type demoFlags struct {
	dir        string
	recordings int
	delete     bool
	output     outputFlags
}

func newDemo(s streams) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on a simulated account, with nothing set up",
		Long: `Demo runs the real program on a simulated VBC account inside this process:
it lists, archives real MP3s into a local directory, verifies them and, with
--delete, deletes them at the simulated account. No account, no bucket and no
network are needed, and nothing real is touched.`,
		Example: `  vbcvault demo
  vbcvault demo --recordings 500 --delete --dir /tmp/vbcvault-demo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.output.finish(s, func(o *output) (any, error) { return f.run(cmd.Context(), o) })
		},
	}
	cmd.Flags().StringVar(&f.dir, "dir", "", "`DIR` to archive into; created if need be (default: a new temporary directory)")
	cmd.Flags().IntVar(&f.recordings, "recordings", 40, "`N` recordings in the simulated account")
	cmd.Flags().BoolVar(&f.delete, "delete", false, "delete them at the simulated account once proven")
	f.output.register(cmd.Flags())
	return cmd
}

// demoAge is the cutoff of the demo; the simulated recordings span twice that.
const demoAge = 90 * 24 * time.Hour

func (f *demoFlags) run(ctx context.Context, o *output) (any, error) {
	if f.recordings < 1 || f.recordings > 100_000 {
		return nil, usagef("between 1 and 100000", "--recordings %d", f.recordings)
	}
	archive, err := f.directory()
	if err != nil {
		return nil, err
	}
	// On whole days, so that a second demo finds the same recordings.
	today := time.Now().UTC().Truncate(24 * time.Hour)
	account := vbctest.New(vbctest.Config{})
	for i, rec := range account.Generate(f.recordings, today.Add(-time.Hour), 2*demoAge/time.Duration(f.recordings)) {
		if i%3 == 0 {
			account.Transcribe(rec.ID, "(a simulated transcript)\n")
		}
	}
	api, stop, err := serve(account)
	if err != nil {
		return nil, err
	}
	defer stop()
	if !f.output.json {
		fmt.Fprintf(o.out, "This is a simulation: an account with %d recordings of the last 180 days, inside this process.\nThe program that archives them is the real one.\n\n", f.recordings)
	}
	j := &job{
		options: pipeline.Options{
			Account: "self", Cutoff: today.Add(-demoAge), Delete: f.delete, Workers: 8, Version: programVersion(),
			Kinds: []vbc.Kind{vbc.Company},
		},
		vbc:         vbc.Options{URL: api, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"},
		destination: destination{dir: archive},
		manifest:    filepath.Join(filepath.Dir(archive), "demo.manifest"),
	}
	sum, err := j.run(ctx, o)
	if err == nil && !f.output.json {
		f.next(o, j, len(account.Recordings()))
	}
	return sum, err
}

// directory makes the directories that the demo needs.
func (f *demoFlags) directory() (archive string, err error) {
	base := f.dir
	if base == "" {
		if base, err = os.MkdirTemp("", "vbcvault-demo-"); err != nil {
			return "", fmt.Errorf("make a directory for the demo: %w", err)
		}
	}
	if base, err = filepath.Abs(base); err == nil {
		archive = filepath.Join(base, "archive")
		err = os.MkdirAll(archive, 0o700)
	}
	if err != nil {
		return "", usagef("choose another with --dir", "the directory for the demo can't be made: %v", err)
	}
	return archive, nil
}

// next says what to look at.
func (f *demoFlags) next(o *output, j *job, left int) {
	fmt.Fprintf(o.out, "\nLook at\n  %s\n      the archive: each .mp3 plays, each .json beside it is what VBC said of the call,\n      each .transcript.txt its transcript\n", j.destination.dir)
	fmt.Fprintf(o.out, "  vbcvault status --manifest %s\n      how far each recording has come\n", j.manifest)
	fmt.Fprintf(o.out, "%d recordings are left in the simulated account", left)
	if f.delete {
		fmt.Fprintln(o.out, ": those that are younger than 90 days.")
	} else {
		fmt.Fprintf(o.out, ": nothing was deleted.\nThe same with deletion after proof:\n  vbcvault demo --delete --dir %s\n", filepath.Dir(j.destination.dir))
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
