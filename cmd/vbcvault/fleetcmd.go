package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

func newFleetCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Show the machines that share a database, and have one hand its work over",
		Long: `Several machines may run vbcvault serve with one configuration and one database
of PostgreSQL. Fleet shows how they stand, and prepares one for being stopped or
upgraded. See vbcvault help machines.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFleetStatus(s), newFleetDrain(s))
	return cmd
}

func newFleetStatus(s streams) *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status --config FILE",
		Short: "Show machines, what they do, leases and quotas",
		Long: `Status lists the machines that share the database of a configuration, what each
has in progress, who waits for what, the leases of manifests, and the quotas at
VBC. All times are by the database's clock. It works from any machine that
reaches the database.

States of a machine: serving; draining (it hands its work over); drained (it has
none left, and begins none); outdated (another machine has read a different
configuration since, and this one begins nothing: give all the same file);
lost (it gives no sign of life, and others take up its work).

States of work: in progress; waiting (for a place); put off (another program uses
the manifest; it is tried again at the time shown).`,
		Example: `  vbcvault fleet status --config /etc/vbcvault/vbcvault.yaml
  vbcvault fleet status --json --config /etc/vbcvault/vbcvault.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, _, err := readConfig(path)
			if err != nil {
				return err
			}
			return withService(cmd.Context(), path, func(ctx context.Context, c *service.Control) error {
				f, err := fleetOf(ctx, c, file)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(s.out).Encode(f)
				}
				return printFleet(s, f)
			})
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON")
	return cmd
}

// fleetStanding is what fleet status prints. Its JSON is a contract.
type fleetStanding struct {
	service.Fleet
	Quotas []quotaStanding `json:"quotas"`
}

// quotaStanding is what machines know together of a quota at VBC.
type quotaStanding struct {
	Group       string    `json:"group"`
	Limited     bool      `json:"limited"`                    // VBC has said that there is a quota
	Interval    float64   `json:"interval_seconds,omitempty"` // between two requests
	ClosedUntil time.Time `json:"closed_until,omitzero"`      // nobody asks before
	Changed     time.Time `json:"changed"`
}

func fleetOf(ctx context.Context, c *service.Control, file *config.Config) (f fleetStanding, err error) {
	f.Quotas = []quotaStanding{}
	if f.Fleet, err = c.Fleet(ctx); err != nil {
		return f, err
	}
	around := aroundAll(ctx, file)
	address, err := around.database()
	if err != nil {
		return f, err
	}
	quotas, err := place.Quotas(ctx, address, around.unsigned())
	for _, q := range quotas {
		is := quotaStanding{Group: q.Name, Limited: q.Limited, Interval: q.Interval.Seconds(), Changed: q.Changed.UTC()}
		if q.ClosedUntil.After(f.At) {
			is.ClosedUntil = q.ClosedUntil.UTC()
		}
		f.Quotas = append(f.Quotas, is)
	}
	return f, err
}

// drainFlags are the flags of fleet drain.
type drainFlags struct {
	config string
	again  bool
	wait   bool
}

func newFleetDrain(s streams) *cobra.Command {
	var f drainFlags
	cmd := &cobra.Command{
		Use:   "drain MACHINE --config FILE",
		Short: "Have a machine hand its work over, and begin none",
		Long: `Drain has a machine finish the transfers in progress, save them, and hand its work
over to the other machines. It begins nothing until its vbcvault serve is started
again, or until drain --undo. Its page, health and metrics go on.

To upgrade machines one after the other: drain one, wait until it is drained,
upgrade it, start it again; then the next. Stopping a machine with SIGTERM hands
its work over too; drain does it beforehand.`,
		Example: `  vbcvault fleet drain archive-2 --wait --config /etc/vbcvault/vbcvault.yaml
  vbcvault fleet drain archive-2 --undo --config /etc/vbcvault/vbcvault.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withService(cmd.Context(), f.config, func(ctx context.Context, c *service.Control) error {
				return f.run(ctx, s, c, args[0])
			})
		},
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.again, "undo", false, "have it work again")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait until it has no work left")
	return cmd
}

func (f *drainFlags) run(ctx context.Context, s streams, c *service.Control, machine string) error {
	if f.again && f.wait {
		return usagef("leave out --wait", "--undo and --wait can't be used together")
	}
	if err := c.Drain(ctx, machine, f.again); err != nil {
		return err
	}
	if f.again {
		fmt.Fprintf(s.out, "%s works again\n", machine)
		return nil
	}
	if !f.wait {
		fmt.Fprintf(s.out, "%s hands its work over; vbcvault fleet status shows when it is drained\n", machine)
		return nil
	}
	for {
		fleet, err := c.Fleet(ctx)
		if err != nil {
			return err
		}
		if drained(fleet, machine) {
			fmt.Fprintf(s.out, "%s is drained\n", machine)
			return nil
		}
		if wait(ctx, cmp.Or(pauses.poll, servicePoll)) != nil {
			return &exitError{code: exitInterrupted, err: errors.New("vbcvault fleet drain stops waiting; the machine goes on handing over")}
		}
	}
}

// drained reports whether a machine has no work any more: one that is gone has none.
func drained(f service.Fleet, machine string) bool {
	for _, m := range f.Machines {
		if m.Name == machine && m.State != "drained" && m.State != "lost" {
			return false
		}
	}
	return true
}

// printFleet prints how machines stand, for people.
func printFleet(s streams, f fleetStanding) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	ago := func(t time.Time) string { return f.At.Sub(t).Round(time.Second).String() }
	fmt.Fprintln(w, "MACHINE\tSTATE\tIN PROGRESS\tPLACES\tSEEN\tUP\tVERSION\tCONFIGURATION\tCLOCK")
	for _, m := range f.Machines {
		clock := "right"
		if m.ClockAhead != 0 {
			clock = time.Duration(m.ClockAhead * float64(time.Second)).Round(time.Second / 10).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s ago\t%s\t%s\t%s\t%s\n", m.Name, m.State, m.InProgress, m.Places, ago(m.Seen), ago(m.Began), cmp.Or(m.Version, "-"), cmp.Or(m.Configuration, "-"), clock)
	}
	if len(f.Work) > 0 {
		fmt.Fprintln(w, "\nACCOUNT\tKIND\tSTATE\tMACHINE\tFOR\tJOB\tNOTE")
	}
	for _, one := range f.Work {
		var notes []string
		if !one.Until.IsZero() {
			notes = append(notes, "tried again at "+one.Until.Format(time.RFC3339))
		}
		if one.TakenUp > 0 {
			notes = append(notes, "taken up "+english.Plural(one.TakenUp, "time", "")+" from a lost machine")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", cmp.Or(one.Account, "-"), one.Kind, one.State, cmp.Or(one.Machine, "-"), ago(one.Since), one.Job, strings.Join(notes, "; "))
	}
	if len(f.Leases) > 0 {
		fmt.Fprintln(w, "\nMANIFEST\tLEASE OF\tFENCE\tSINCE\tENDS UNLESS RENEWED")
	}
	for _, l := range f.Leases {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s ago\tin %s\n", l.Manifest, cmp.Or(l.Machine, "-"), l.Fence, ago(l.Since), l.Until.Sub(f.At).Round(time.Second))
	}
	if len(f.Quotas) > 0 {
		fmt.Fprintln(w, "\nQUOTA GROUP\tPACE\tWINDOW\tCHANGED")
	}
	for _, q := range f.Quotas {
		pace, window := "no limit known", "open"
		switch {
		case q.Interval > 0:
			pace = "a request each " + time.Duration(q.Interval*float64(time.Second)).Round(time.Millisecond).String()
		case q.Limited:
			pace = "limited, not known how"
		}
		if !q.ClosedUntil.IsZero() {
			window = "closed for " + q.ClosedUntil.Sub(f.At).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s ago\n", q.Group, pace, window, ago(q.Changed))
	}
	return w.Flush()
}
