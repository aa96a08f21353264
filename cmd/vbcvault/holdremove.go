package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newHoldRemove(s streams) *cobra.Command {
	var where holdWhere
	var f holdFlags
	cmd := &cobra.Command{
		Use:   "remove HOLD --reason TEXT --by NAME",
		Short: "Remove a hold",
		Long: `Remove removes a hold in every manifest of the account in the state directory
that has it. HOLD is its number, or at least the first 6 digits of what hold list
shows beside the number; use these if the number means different holds in
different manifests.

The next run with --delete deletes at VBC what the hold has kept, if the run
selects it and no other hold covers it. The hold and its removal stay in the
manifests and in their chains of receipts.`,
		Example: `  vbcvault hold remove 1 --reason "case closed" --by counsel@example.com
  vbcvault hold remove 3f2a9c1d --reason "case closed" --by counsel@example.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			which, err := parseHold(args[0])
			if err != nil {
				return err
			}
			if err := f.checkWho(); err != nil {
				return err
			}
			return where.remove(cmd.Context(), s, which, f)
		},
	}
	f.who(cmd.Flags())
	where.register(cmd)
	return cmd
}

// whichHold is a hold as somebody names it: by its number, or by how its digest begins.
type whichHold struct {
	number int64  // 0 = none
	prefix string // "" = none
}

var holdPrefix = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

func parseHold(s string) (w whichHold, err error) {
	if prefix := strings.ToLower(s); holdPrefix.MatchString(prefix) {
		w.prefix = prefix
	}
	if w.number, err = strconv.ParseInt(s, 10, 64); (err != nil || w.number <= 0) && w.prefix == "" {
		return w, usagef("vbcvault hold list shows both", "%q is neither the number of a hold nor at least 6 digits of what identifies it", s)
	}
	return w, nil
}

func (w whichHold) String() string {
	if w.prefix != "" {
		return w.prefix
	}
	return strconv.FormatInt(w.number, 10)
}

// among are the holds that are meant. A number means a hold where that has it.
func (w whichHold) among(holds []holding.Hold) (found []holding.Hold) {
	for _, h := range holds {
		if w.number > 0 && slices.Contains(h.Numbers, w.number) || w.prefix != "" && strings.HasPrefix(h.Digest.String(), w.prefix) {
			found = append(found, h)
		}
	}
	return found
}

// remove ends a hold, with the same text, everywhere.
func (w *holdWhere) remove(ctx context.Context, s streams, which whichHold, f holdFlags) error {
	holds, unread, err := w.list(ctx, false)
	if err != nil {
		return err
	}
	found := which.among(holds)
	switch len(found) {
	case 0:
		err := usagef("vbcvault hold list shows the holds", "there is no hold %s in force", which)
		return errors.Join(err, incompleteHolds(unread))
	case 1:
	default:
		var all []string
		for _, h := range found {
			all = append(all, fmt.Sprintf("\n  %s in %s: %s", holding.Short(h.Digest), h.In[0], holding.CoveredWhere(h.Hold)))
		}
		return usagef("name one by the digits before its place", "%s means several holds:%s", which, strings.Join(all, ""))
	}
	h := found[0]
	end, err := manifest.NewEnd(h.Digest, f.reason, f.by)
	if err != nil {
		return err
	}
	missed := holding.End(ctx, h.In, end, beside)
	if len(missed) == len(h.In) {
		return errors.Join(missed...)
	}
	fmt.Fprintf(s.out, "hold %s is removed; it covered %s.\n"+
		"A run with --delete may now delete these at VBC. Other machines learn of it after the next run of vbcvault archive here.\n",
		h.Label(), holding.CoveredWhere(h.Hold))
	if missed = append(missed, unread...); len(missed) > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("the hold may still be in force elsewhere: %w. "+
			"Run the same command again with the first digits, %s, once these manifests can be written", errors.Join(missed...), holding.Short(h.Digest))}
	}
	return nil
}
