package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

func newJobs(s streams) *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "jobs --config FILE",
		Short: "List, retry and cancel what vbcvault serve does",
		Long: `Jobs lists what vbcvault serve is doing, what waits for its turn, how the last
work of each kind ended, and when each account begins next. It reads the state
of the service, so it works while the service runs and while it doesn't.

States: in progress; waiting (for its turn, or for a manifest that another run
uses); retrying (telling somebody has failed and is tried again); done; failed
(see the error; the next start tries again); interrupted (the service stopped,
or somebody has cancelled it); scheduled (when it begins).`,
		Example: `  vbcvault jobs --config /etc/vbcvault/vbcvault.yaml
  vbcvault jobs retry 12 --config /etc/vbcvault/vbcvault.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withService(cmd.Context(), path, func(ctx context.Context, c *service.Control) error {
				all, err := c.Jobs(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJobsJSON(s, all)
				}
				printJobs(s, all)
				return nobodyServes(ctx, s, c, "")
			})
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per line")
	cmd.AddCommand(newJobsRetry(s), newJobsCancel(s))
	return cmd
}

func newJobsRetry(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "retry ID --config FILE",
		Short: "Do the work of a job again, now",
		Long: `Retry does the work of a job again: a job that waits is tried at once, and one
that has ended begins anew with a new number. One in progress is left as it is.`,
		Example: `  vbcvault jobs retry 12 --config /etc/vbcvault/vbcvault.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJob(cmd.Context(), path, args[0], func(ctx context.Context, c *service.Control, id int64) error {
				job, err := c.Retry(ctx, id)
				if err != nil {
					return err
				}
				fmt.Fprintf(s.out, "job %d is queued\n", job)
				return nobodyServes(ctx, s, c, "the job is done when it is started")
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newJobsCancel(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "cancel ID --config FILE",
		Short: "Cancel a job",
		Long: `Cancel removes a job that waits. One that is in progress stops after the
transfers in progress, which are finished and saved. The account's next start
resumes there.`,
		Example: `  vbcvault jobs cancel 12 --config /etc/vbcvault/vbcvault.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJob(cmd.Context(), path, args[0], func(ctx context.Context, c *service.Control, id int64) error {
				waited, err := c.Cancel(ctx, id)
				if err != nil {
					return err
				}
				then := "what it has in progress is finished and saved first"
				if waited {
					then = "it waited, and had nothing in progress"
				}
				fmt.Fprintf(s.out, "job %d is cancelled; %s\n", id, then)
				return nil
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// withService opens the state of the service of a configuration.
func withService(ctx context.Context, path string, do func(context.Context, *service.Control) error) error {
	file, state, err := readConfig(path)
	if err != nil {
		return err
	}
	c, err := openService(ctx, aroundAll(ctx, file), state)
	if err != nil {
		return serviceError(err)
	}
	if err := errors.Join(do(ctx, c), c.Close()); err != nil {
		return serviceError(err)
	}
	return nil
}

// withJob is withService for a job.
func withJob(ctx context.Context, path, id string, do func(context.Context, *service.Control, int64) error) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 {
		return usagef("vbcvault jobs lists the numbers", "%q is not the number of a job", id)
	}
	return withService(ctx, path, func(ctx context.Context, c *service.Control) error { return do(ctx, c, n) })
}

// nobodyServes says so if no service is running.
func nobodyServes(ctx context.Context, s streams, c *service.Control, then string) error {
	there, err := c.Serving(ctx)
	if err != nil || there {
		return err
	}
	if then == "" {
		then = "start it with vbcvault serve"
	}
	_, err = fmt.Fprintf(s.err, "vbcvault: no vbcvault serve is running; %s\n", then)
	return err
}

func printJobsJSON(s streams, all []service.Job) error {
	enc := json.NewEncoder(s.out)
	for _, j := range all {
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return nil
}

// order is how urgent a state is.
var order = []string{"in progress", "retrying", "waiting", "failed", "interrupted", "done", "scheduled"}

func printJobs(s streams, all []service.Job) {
	slices.SortStableFunc(all, func(a, b service.Job) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "JOB\tACCOUNT\tKIND\tSTATE\tSINCE\tATTEMPT\tERROR")
	for _, j := range all {
		id, attempt, note := "-", "-", strings.ReplaceAll(j.Error, "\n", "; ") // of several notifiers
		if j.ID > 0 {
			id = strconv.FormatInt(j.ID, 10)
		}
		if j.Attempt > 0 {
			attempt = strconv.Itoa(j.Attempt)
		}
		if j.Exit != nil && *j.Exit != 0 {
			note = fmt.Sprintf("exit %d: %s", *j.Exit, note)
		}
		if j.MadeUp {
			note = "made up for a start that was missed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", id, cmp.Or(j.Account, "-"), j.Kind, j.State, j.Since.UTC().Format(time.RFC3339), attempt, note)
	}
}
