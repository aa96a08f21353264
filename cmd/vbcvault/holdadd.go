package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

func newHoldAdd(s streams) *cobra.Command {
	var f holdFlags
	a := holdAdd{streams: s}
	cmd := &cobra.Command{
		Use:   "add (--id ID | --caller-id NUMBER | --extension NUMBER | --since TIME | --until TIME)... --reason TEXT --by NAME",
		Short: "Put recordings under a hold",
		Long: `Add puts recordings under a legal hold: those that match all given criteria, of
every kind and user, whether they are archived already or will be listed later.
They are archived like all others but not deleted at VBC, whatever the options
of a run are; the summary counts them as held back.

The hold is for the whole account: it is written into every manifest of the
account in the state directory, or in the database that VBCVAULT_DATABASE_URL
names, and add prints the destinations that it reaches. With --to it holds only in runs to that destination. With --manifest it
is written into that manifest only; other manifests in its directory read it
there when their next run begins. Add exits with 1 if a manifest can't be
written, and names it.

The hold takes effect at once, also for runs that are in progress: from now on
they begin no deletion of a recording under the hold. Add waits for the
deletions that are in progress at that moment (--wait). If the outcome of some
stays unknown, it says how many and exits with 1: the hold is in force, and the
next run finds out. Numbers are compared by their digits, with or without a
country code. A recording is covered if the criteria fit anything that VBC has
ever said of it, and if VBC names no caller or no extension for it.

The next run to each destination stores the hold beside the archive, where other
machines and a rebuilt manifest find it, and adds it to the chain of receipts,
without names and numbers.`,
		Example: `  vbcvault hold add --caller-id "+1 732 555 0100" --reason "Smith v. Acme" --by counsel@example.com
  vbcvault hold add --extension 101 --since 2025-01-01 --until 2025-07-01 --reason "ticket 4711" --by "J. Doe"
  vbcvault hold add --id 193228,193229 --to s3://my-bucket/recordings --reason "ticket 4712" --by "J. Doe"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed := cmd.Flags().Changed
			h, err := f.hold(changed)
			if err != nil {
				return err
			}
			if changed("to") && a.to == "" {
				return usagef("give it a value, or remove it", "--to is empty")
			}
			a.wide = isDate(f.since) || isDate(f.until)
			return a.run(cmd.Context(), h)
		},
	}
	fs := cmd.Flags()
	fs.Int64SliceVar(&f.ids, "id", nil, "recordings with these `ID`s")
	fs.StringVar(&f.callerID, "caller-id", "", "recordings with this caller's `NUMBER`")
	fs.StringVar(&f.extension, "extension", "", "recordings of this extension `NUMBER`")
	fs.StringVar(&f.since, "since", "", "recordings that start at `TIME` or later: 2025-01-01T00:00:00-05:00, or 2025-01-01, which includes the day before")
	fs.StringVar(&f.until, "until", "", "recordings that start before `TIME`; a date such as 2025-07-01 includes that day")
	fs.StringVar(&a.to, "to", "", "hold only in runs to this `DESTINATION` (default: in all runs for the account)")
	fs.DurationVar(&a.wait, "wait", 70*time.Second, "wait for `DURATION`, as in 70s, for deletions that are in progress")
	f.who(fs)
	a.register(cmd)
	return cmd
}

// holdAdd adds one hold.
type holdAdd struct {
	holdWhere
	streams
	wait time.Duration
	wide bool // it is wider than the dates that were given

	holding.Added
}

func (a *holdAdd) run(ctx context.Context, h manifest.Hold) error {
	places, unread, err := a.places(ctx)
	if err != nil {
		return err
	}
	h.Destination = a.to
	adding := holding.Adding{Beside: beside}
	if a.path == "" {
		adding.Places = func(ctx context.Context, account string) ([]holding.Place, []error, error) {
			a.account = account
			return a.places(ctx)
		}
	}
	if a.Added, err = adding.Add(ctx, h, places, unread); err != nil {
		return err
	}
	late := []error{a.tell(ctx), a.missing()}
	end := time.Now().Add(a.wait)
	for _, p := range a.Reached {
		late = append(late, a.awaitDeletions(ctx, p, end))
	}
	return errors.Join(late...)
}

// tell says what is in force, where, and on what.
func (a *holdAdd) tell(ctx context.Context) error {
	h := a.Common()
	runs := "no run"
	if h.Destination != "" {
		runs += " to " + h.Destination
	}
	fmt.Fprintf(a.out, "hold %s is in force: %s deletes %s at VBC.\n", h.Label(), runs, holding.Covered(h.Hold))
	if a.wide {
		fmt.Fprintln(a.out, "A date has no time zone, so the hold is one day wider on that side; a time such as 2025-01-01T00:00:00-05:00 is used exactly.")
	}
	if h.Literal() {
		fmt.Fprintf(a.out, "%q has too few digits for a number, so the hold covers only a caller with exactly this text at VBC; vbcvault list --text finds numbers.\n", h.CallerID)
	}
	fmt.Fprintln(a.out, "It reaches runs to:")
	for _, p := range a.Reached {
		fmt.Fprintf(a.out, "  %s\n", p)
	}
	n, err := a.count(ctx)
	if err != nil {
		return fmt.Errorf("the hold is in force, but it could not be counted what it covers: %w", err)
	}
	fmt.Fprintf(a.out, "It covers %d known recordings; %d of them are still at VBC.\n", n.Known, n.AtVBC)
	if n.Lack > 0 {
		fmt.Fprintf(a.out, "Of %d of them VBC does not name the caller or the extension, so they are held in case they match.\n", n.Lack)
	}
	others := "Other machines don't"
	if slices.ContainsFunc(a.Reached, func(p holding.Place) bool { return place.InDatabase(p.Path) }) {
		others = "All machines that use this database have it. Machines with other manifests don't"
	}
	_, err = fmt.Fprintln(a.out, others+" have it yet: the next run of vbcvault archive to each destination stores it beside the archive, where they read it.")
	return err
}

// count counts what the hold covers.
func (a *holdAdd) count(ctx context.Context) (holding.Count, error) {
	var c holding.Counting
	for _, p := range a.Reached {
		m, err := readManifest(ctx, p.Path)
		if err != nil {
			return holding.Count{}, err
		}
		if err := errors.Join(c.Add(ctx, m, p.Holds[len(p.Holds)-1]), m.Close()); err != nil {
			return holding.Count{}, err
		}
	}
	return c.Count(), nil
}

// missing says where the hold isn't in force.
func (a *holdAdd) missing() error {
	if len(a.Missed) == 0 {
		return nil
	}
	return &exitError{code: exitIncomplete, err: fmt.Errorf("the hold could not be written into every manifest: %w. "+
		"A run in progress with one of them may still delete what is held; a run that starts later reads the hold from the other manifests first",
		errors.Join(a.Missed...))}
}

// awaitDeletions waits for those, of recordings that the hold covers, that had been
// begun when it was made.
func (a *holdAdd) awaitDeletions(ctx context.Context, p holding.Place, until time.Time) error {
	m, err := readManifest(ctx, p.Path)
	if err != nil {
		return err
	}
	err = holding.AwaitDeletions(ctx, m, p.Holds[len(p.Holds)-1], time.Until(until), func(n int) {
		fmt.Fprintf(a.err, "waiting for deletions in progress: %d\n", n)
	})
	if open, ok := errors.AsType[*holding.OpenError](err); ok {
		err = &exitError{code: exitIncomplete, err: open}
	}
	return errors.Join(err, m.Close())
}
