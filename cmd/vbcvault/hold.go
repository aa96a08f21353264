package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

func newHold(s streams) *cobra.Command {
	return parent("hold", "Keep recordings at VBC under a legal hold", newHoldAdd(s), newHoldRemove(s), newHoldList(s))
}

// parent is a command that has others and does nothing by itself.
func parent(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// holdFlags are what a hold covers, and who says so.
type holdFlags struct {
	ids                 []int64
	callerID, extension string
	since, until        string
	reason, by          string
}

func newHoldAdd(s streams) *cobra.Command {
	var path string
	var f holdFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "add (--id ID | --caller-id NUMBER | --extension NUMBER | --since TIME | --until TIME)... --reason TEXT --by NAME",
		Short: "Put recordings under a hold",
		Long: `Add puts recordings under a legal hold: those that match all given criteria, of
every kind and user, whether they are archived already or will be listed later.
They are archived like all others but not deleted at VBC, whatever the options
of a run are; the summary counts them as held back.

The hold takes effect at once, also for a run that is in progress: from now on
that run begins no deletion of a recording under the hold. Add waits for the
deletions that are in progress at that moment (--wait). If the outcome of some
stays unknown, it says how many and exits with 1: the hold is in force, and the
next run finds out. Numbers are compared by their digits, with or without a
country code.

The next run stores the hold beside the archive, where other machines and a
rebuilt manifest find it, and adds it to the chain of receipts, without names
and numbers.`,
		Example: `  vbcvault hold add --caller-id "+1 732 555 0100" --reason "Smith v. Acme" --by counsel@example.com
  vbcvault hold add --extension 101 --since 2025-01-01 --until 2025-07-01 --reason "ticket 4711" --by "J. Doe"
  vbcvault hold add --id 193228,193229 --reason "ticket 4712" --by "J. Doe"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := f.hold(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return besideManifest(cmd.Context(), path, func(m *sqlite.Manifest) error {
				if h, err = m.AddHold(cmd.Context(), h); err != nil {
					return err
				}
				fmt.Fprintf(s.out, "hold %d is in force: no run deletes %s at VBC.\n", h.Number, covered(h))
				if isDate(f.since) || isDate(f.until) {
					fmt.Fprintln(s.out, "A date has no time zone, so the hold is one day wider on that side; a time such as 2025-01-01T00:00:00-05:00 is used exactly.")
				}
				if h.Literal() {
					fmt.Fprintf(s.out, "%q has too few digits for a number, so the hold covers only a caller with exactly this text at VBC; vbcvault list --text finds numbers.\n", h.CallerID)
				}
				if _, err = fmt.Fprintln(s.out, "Only this manifest has the hold so far: the next run of vbcvault archive stores it beside the archive."); err != nil {
					return err
				}
				return awaitDeletions(cmd.Context(), m, h, wait, s.err)
			})
		},
	}
	fs := cmd.Flags()
	fs.Int64SliceVar(&f.ids, "id", nil, "recordings with these `ID`s")
	fs.StringVar(&f.callerID, "caller-id", "", "recordings with this caller's `NUMBER`")
	fs.StringVar(&f.extension, "extension", "", "recordings of this extension `NUMBER`")
	fs.StringVar(&f.since, "since", "", "recordings that start at `TIME` or later: 2025-01-01T00:00:00-05:00, or 2025-01-01, which includes the day before")
	fs.StringVar(&f.until, "until", "", "recordings that start before `TIME`; a date such as 2025-07-01 includes that day")
	fs.DurationVar(&wait, "wait", 70*time.Second, "wait for `DURATION`, as in 70s, for deletions that are in progress")
	f.who(fs)
	manifestFlag(cmd, &path)
	return cmd
}

// awaitDeletions waits until it is known what has become of the deletions, of
// recordings that a hold covers, that had been begun when it was made. A run sends
// none any more of which it hears that it is held; those that were sent before
// are answered within a minute. What a run that was interrupted has begun stays
// open until the next one.
func awaitDeletions(ctx context.Context, m *sqlite.Manifest, h manifest.Hold, wait time.Duration, out io.Writer) error {
	end := time.NewTimer(wait)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for first := true; ; first = false {
		n, err := m.UnderWay(ctx, h)
		if err != nil || n == 0 {
			return err
		}
		used, err := sqlite.InUse(m.Path())
		if err != nil {
			return err
		}
		open := func(why string) error {
			return &exitError{code: exitIncomplete, err: fmt.Errorf("hold %d is in force, but deletions of recordings that it covers were already in progress (%d), and their outcome is unknown: %s. "+
				"Each recording has a verified copy in the archive. The next run of vbcvault archive finds out, and deletes none that VBC still has", h.Number, n, why)}
		}
		if !used {
			return open("the run that started them was interrupted")
		}
		if first {
			fmt.Fprintf(out, "waiting for deletions in progress: %d\n", n)
		}
		select {
		case <-look.C:
		case <-end.C:
			return open("the run that started them has not finished them in time")
		case <-ctx.Done():
			return open("the wait was interrupted")
		}
	}
}

func (f *holdFlags) who(fs *pflag.FlagSet) {
	fs.StringVar(&f.reason, "reason", "", "the reason, as a `TEXT` for your colleagues")
	fs.StringVar(&f.by, "by", "", "the `NAME` of the person who decides")
}

// hold checks the flags. What is given and empty is refused: another hold than
// the one that is meant would be worse than none.
func (f *holdFlags) hold(changed func(string) bool) (h manifest.Hold, err error) {
	for name, value := range map[string]string{"caller-id": f.callerID, "extension": f.extension, "since": f.since, "until": f.until} {
		if changed(name) && strings.TrimSpace(value) == "" {
			return h, usagef("give it a value, or remove it", "--%s is empty", name)
		}
	}
	h = manifest.Hold{IDs: f.ids, CallerID: f.callerID, Extension: strings.TrimSpace(f.extension), Reason: f.reason, By: f.by}
	if i := slices.IndexFunc(h.IDs, func(id int64) bool { return id <= 0 }); i >= 0 {
		return h, usagef("vbcvault list and the names of archived files show ids", "--id %d is not a recording id", h.IDs[i])
	}
	if f.since != "" {
		if h.Since, err = parseMoment("since", f.since); err != nil {
			return h, err
		}
		if isDate(f.since) {
			h.Since = h.Since.Add(-anyZone)
		}
	}
	if f.until != "" {
		if h.Until, err = parseMoment("until", f.until); err != nil {
			return h, err
		}
		if isDate(f.until) {
			h.Until = h.Until.Add(anyZone)
		}
		if !h.Since.Before(h.Until) {
			return h, usagef("--until must be later", "no time is left between --since and --until")
		}
	}
	if !h.Selects() {
		return h, usagef("use --id, --caller-id, --extension, --since or --until", "a hold needs at least one criterion")
	}
	return h, f.checkWho()
}

// anyZone is what a date of a hold is widened by, on both sides: it is the date of
// whoever says it, in a zone that nobody asks for, and what is held in vain is
// still there.
const anyZone = 24 * time.Hour

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func (f *holdFlags) checkWho() error {
	if strings.TrimSpace(f.reason) == "" || strings.TrimSpace(f.by) == "" {
		return usagef(`as in --reason "Smith v. Acme" --by counsel@example.com`, "--reason and --by are required")
	}
	return nil
}

// besideManifest opens an existing manifest for a short change, also while a
// run uses it.
func besideManifest(ctx context.Context, path string, do func(*sqlite.Manifest) error) error {
	path, err := theManifest(path)
	if err != nil {
		return err
	}
	m, err := sqlite.OpenBeside(ctx, path)
	if sqlite.Missing(err) {
		return usagef("name an existing one with --manifest FILE, or run vbcvault archive once, without --delete", "there is no manifest %s", path)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.Close())
}

func newHoldRemove(s streams) *cobra.Command {
	var path string
	var f holdFlags
	cmd := &cobra.Command{
		Use:   "remove NUMBER --reason TEXT --by NAME",
		Short: "Remove a hold",
		Long: `Remove removes a hold. The next run with --delete deletes at VBC what the hold
has kept, if the run selects it and no other hold covers it. The hold and its
removal stay in the manifest and in the chain of receipts.`,
		Example: `  vbcvault hold remove 1 --reason "case closed" --by counsel@example.com`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("vbcvault hold list shows the numbers", "%q is not the number of a hold", args[0])
			}
			if err := f.checkWho(); err != nil {
				return err
			}
			return besideManifest(cmd.Context(), path, func(m *sqlite.Manifest) error {
				h, err := m.RemoveHold(cmd.Context(), number, f.reason, f.by)
				if errors.Is(err, manifest.ErrNoHold) {
					return usagef("vbcvault hold list shows the numbers", "there is no hold %d in force", number)
				}
				if err == nil {
					_, err = fmt.Fprintf(s.out, "hold %d is removed; it covered %s.\n", h.Number, covered(h))
				}
				return err
			})
		},
	}
	f.who(cmd.Flags())
	manifestFlag(cmd, &path)
	return cmd
}

func newHoldList(s streams) *cobra.Command {
	var path string
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the holds in force",
		Example: "  vbcvault hold list\n  vbcvault hold list --all --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withManifest(cmd.Context(), path, func(_ string, m *sqlite.Manifest) error {
				holds, err := m.Holds(cmd.Context())
				if err != nil {
					return err
				}
				if !all {
					holds = manifest.InForce(holds)
				}
				if asJSON {
					return json.NewEncoder(s.out).Encode(map[string]any{"holds": shown(holds)})
				}
				printHolds(s.out, holds)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also show removed holds")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	manifestFlag(cmd, &path)
	return cmd
}

// shownHold is a hold in JSON, with what isn't part of its text.
type shownHold struct {
	Number int64          `json:"number"`
	Digest storage.Digest `json:"digest"`
	manifest.Hold
	Lost    bool              `json:"lost,omitempty"`
	Removed *manifest.Removal `json:"removed,omitempty"`
}

func shown(holds []manifest.Hold) []shownHold {
	out := make([]shownHold, len(holds))
	for i, h := range holds {
		out[i] = shownHold{Number: h.Number, Digest: h.Digest, Hold: h, Lost: h.Lost, Removed: h.Removed}
	}
	return out
}

func printHolds(out io.Writer, holds []manifest.Hold) {
	if len(holds) == 0 {
		fmt.Fprintln(out, "no hold is in force")
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOLD\tSINCE\tBY\tCOVERS\tREASON")
	for _, h := range holds {
		reason := h.Reason
		if h.Lost {
			reason = "its criteria are lost: add the hold again, then remove this one"
		}
		if h.Removed != nil {
			reason += fmt.Sprintf(" (removed %s by %s: %s)", h.Removed.At.Format(time.DateOnly), orNone(h.Removed.By), h.Removed.Reason)
		}
		since := "unknown"
		if !h.Lost {
			since = h.At.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", h.Number, since, orNone(h.By), covered(h), reason)
	}
	w.Flush()
}

// covered says what a hold covers.
func covered(h manifest.Hold) string {
	if h.Lost {
		return "every recording"
	}
	var words []string
	if len(h.IDs) > 0 {
		words = append(words, "with id "+strings.Trim(strings.ReplaceAll(fmt.Sprint(h.IDs), " ", ", "), "[]"))
	}
	if h.CallerID != "" {
		words = append(words, "with caller "+h.CallerID)
	}
	if h.Extension != "" {
		words = append(words, "of extension "+h.Extension)
	}
	if !h.Since.IsZero() {
		words = append(words, "from "+h.Since.Format(time.RFC3339))
	}
	if !h.Until.IsZero() {
		words = append(words, "before "+h.Until.Format(time.RFC3339))
	}
	return "recordings " + strings.Join(words, ", ")
}
