package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// runFlags are the flags of run.
type runFlags struct {
	config string
	kind   string
	wait   bool
	json   bool
}

func newRun(s streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run NAME --config FILE",
		Short: "Have vbcvault serve archive an account now",
		Long: `Run asks the service to archive an account now, outside of its schedule. If the
account is in progress or waits already, nothing changes. The account begins
before those that wait for their turn.

With --wait it waits until the work has ended, prints the outcome, and exits with
the code that vbcvault archive would have.`,
		Example: `  vbcvault run acme --config /etc/vbcvault/vbcvault.yaml --wait
  vbcvault run acme --kind verify --config /etc/vbcvault/vbcvault.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), s, args[0]) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().Var(newOneOf(&f.kind, "archive", "verify", "catalog", "backup", "audit"), "kind", "what to do: archive, verify, catalog, backup or audit")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait for the end, print the outcome and exit with its code")
	cmd.Flags().BoolVar(&f.json, "json", false, "with --wait: print the outcome as one line of JSON")
	return cmd
}

func (f *runFlags) run(ctx context.Context, s streams, name string) error {
	c, _, err := readConfig(f.config)
	if err != nil {
		return err
	}
	if _, err := named(accountsOf(c), []string{name}, c.Path); err != nil {
		return err
	}
	return withService(ctx, f.config, func(ctx context.Context, c *service.Control) error { return f.ask(ctx, s, c, name) })
}

// ask has the service do it.
func (f *runFlags) ask(ctx context.Context, s streams, c *service.Control, name string) error {
	there, err := c.Serving(ctx)
	if err != nil {
		return err
	}
	if f.wait && !there {
		return noService("start it with vbcvault serve; nothing was queued. Without --wait the work is queued, and begins then")
	}
	job, run, already, err := c.Start(ctx, name, service.Kind(f.kind))
	if err != nil {
		return err
	}
	text := "%s of %s is queued as job %d\n"
	if already {
		text = "%s of %s is in progress or waits already, as job %d\n"
	}
	to := s.out
	if f.wait {
		to = s.err // stdout is for the outcome
	}
	fmt.Fprintf(to, text, f.kind, name, job)
	if !f.wait {
		return nobodyServes(ctx, s, c, "it begins when vbcvault serve is started")
	}
	out, err := f.end(ctx, c, run)
	if err != nil {
		return err
	}
	return f.tell(s, *out)
}

// noService says that nobody does what is asked for.
func noService(hint string) error {
	return &hinted{err: errors.New("no vbcvault serve is running"), hint: hint}
}

// end waits for the end of a run.
func (f *runFlags) end(ctx context.Context, c *service.Control, run string) (*outcome.Outcome, error) {
	pause := servicePoll
	if pauses.poll > 0 {
		pause = pauses.poll
	}
	for {
		// Whether it is over is looked at first: its outcome is there by then.
		waits, err := c.Waits(ctx, run)
		if err != nil {
			return nil, err
		}
		there, err := c.Serving(ctx)
		if err != nil {
			return nil, err
		}
		out, err := c.Ended(ctx, run)
		switch {
		case out != nil || err != nil:
			return out, err
		case !waits:
			return nil, &exitError{code: exitInterrupted, err: errors.New("the job was cancelled before it began")}
		case !there:
			return nil, noService("start it with vbcvault serve; what is queued begins then, and what was in progress resumes")
		}
		select {
		case <-ctx.Done():
			return nil, &exitError{code: exitInterrupted, err: errors.New("vbcvault run stops waiting; the service goes on")}
		case <-time.After(pause):
		}
	}
}

// tell prints an outcome, and is its exit code.
func (f *runFlags) tell(s streams, o outcome.Outcome) error {
	switch {
	case f.json:
		if err := json.NewEncoder(s.out).Encode(o); err != nil {
			return err
		}
	case f.kind == string(service.Archive):
		fmt.Fprintf(s.out, "%s: exit %d; listed %d, archived %d, deleted %d, failed %d; took %s\n",
			o.Account, o.ExitCode, o.Listed, o.Archived, o.Deleted, o.Failed, o.Ended.Sub(o.Began).Round(time.Millisecond))
	default:
		fmt.Fprintf(s.out, "%s: %s: exit %d; took %s\n", o.Account, f.kind, o.ExitCode, o.Ended.Sub(o.Began).Round(time.Millisecond))
	}
	if o.ExitCode == exitDone {
		return nil
	}
	text := o.Error
	if text == "" {
		text = "the work has ended with trouble"
	}
	return &exitError{code: o.ExitCode, err: &hinted{err: errors.New(text), hint: o.Hint}}
}
