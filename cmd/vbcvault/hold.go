package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newHold(s streams) *cobra.Command {
	return parent("hold", "Keep recordings at VBC under a legal hold", `A legal hold keeps recordings at VBC. Runs archive them like all others, and
delete none of them there, whatever their options are. A hold covers everything
that fits its criteria, also what VBC lists later, until somebody removes it.`, newHoldAdd(s), newHoldRemove(s), newHoldList(s))
}

// parent is a command that has others and does nothing by itself.
func parent(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
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
