package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newHoldList(s streams) *cobra.Command {
	var where holdWhere
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the holds in force",
		Long: `List shows the holds in force in the account's manifests in the state directory,
each once: its number, and the first digits of what identifies it everywhere. A
hold that was removed in some manifests and not in others is still in force.`,
		Example: "  vbcvault hold list\n  vbcvault hold list --all --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			holds, unread, err := where.list(cmd.Context(), all)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(s.out).Encode(map[string]any{"holds": shownCommon(holds)})
			} else {
				printHolds(s.out, holds)
			}
			return errors.Join(err, incompleteHolds(unread))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also show removed holds")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	where.register(cmd)
	return cmd
}

// list are the holds of the places, in force or all.
func (w *holdWhere) list(ctx context.Context, all bool) ([]holding.Hold, []error, error) {
	places, unread, err := w.places(ctx)
	if err != nil {
		return nil, nil, err
	}
	holds := holding.Common(places)
	if !all {
		holds = slices.DeleteFunc(holds, func(h holding.Hold) bool { return h.Removed != nil })
	}
	return holds, unread, nil
}

// incompleteHolds says that there may be more holds than were seen.
func incompleteHolds(unread []error) error {
	if len(unread) == 0 {
		return nil
	}
	return &exitError{code: exitIncomplete, err: fmt.Errorf("not every manifest can be read, so it may have holds that are not shown here: %w", errors.Join(unread...))}
}

// shownHold is a hold in JSON, and shownPlace where it is in force.
type (
	shownHold  = story.Hold
	shownPlace = story.Place
)

func shownCommon(holds []holding.Hold) []shownHold {
	out := make([]shownHold, len(holds))
	for i, h := range holds {
		out[i] = story.Shown([]manifest.Hold{h.Hold})[0]
		for _, p := range h.In {
			out[i].InForce = append(out[i].InForce, shownPlace{Manifest: p.Path, Destination: p.Bound.Destination})
		}
	}
	return out
}

func printHolds(out io.Writer, holds []holding.Hold) {
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
		switch {
		case h.Removed != nil:
			reason += fmt.Sprintf(" (removed %s by %s: %s)", h.Removed.At.Format(time.DateOnly), orNone(h.Removed.By), h.Removed.Reason)
		case len(h.Over) > 0:
			reason += fmt.Sprintf(" (removed in %s; to remove it everywhere, run vbcvault hold remove %s)", h.Over[0], holding.Short(h.Digest))
		}
		since := "unknown"
		if !h.Lost {
			since = h.At.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.Label(), since, orNone(h.By), holding.CoveredWhere(h.Hold), reason)
	}
	w.Flush()
}
