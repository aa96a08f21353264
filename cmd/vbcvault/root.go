package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes. They are a contract with cron jobs and monitoring.
const (
	exitDone        = 0   // everything eligible is done, or held back on purpose
	exitIncomplete  = 1   // finished, but some recordings failed and stay at VBC
	exitUsage       = 2   // usage or configuration; no request has been sent
	exitStopped     = 3   // stopped early; see the message
	exitInterrupted = 130 // SIGINT or SIGTERM, after a clean drain
)

const exitCodes = `Exit codes:
  0    everything eligible is done, or held back on purpose
  1    finished, but some recordings failed and stay at VBC, or VBC's listings
       are not reliable (see vbcvault status), or the archive has something that
       no known key has signed (see the warnings in the log);
       for commands that check or fetch: something is wrong or missing
  2    usage or configuration error; no request was sent
  3    stopped early: credentials or destination refused, another run in
       progress, VBC unavailable or refusing everything for too long
       (--max-wait), or it was not safe to continue
  130  interrupted; transfers in progress were finished and saved`

// streams are where output goes: results to out, everything else to err.
type streams struct {
	out, err io.Writer
}

// run is the program: it carries out the command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	if completing(args) { // and only then: commands are tried with an argument, of which some take note
		suggestValues(root)
		withoutQuotes(root)
	}
	err := root.ExecuteContext(ctx)
	var silent *exitError
	if errors.As(err, &silent) && silent.reported {
		return silent.code
	}
	if err != nil {
		report(s.err, err)
	}
	return codeOf(err)
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "vbcvault",
		Short: "Move call recordings out of Vonage Business Communications, safely",
		Long: `vbcvault moves call recordings from Vonage Business Communications (VBC) to S3
or a directory. With --delete it deletes a recording at VBC, but only after the
destination itself has confirmed size and checksum of the copy.

To see it work without an account, a bucket or a server:
  vbcvault demo
To set up an account:
  vbcvault init`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	group(root, "begin", "To begin with:", newInit(s), newDemo(s), newDoctor(s))
	group(root, "daily", "Every day:", newArchive(s), newStatus(s), newReport(s))
	group(root, "serve", "Many accounts, and a service:", newConfig(s), newServe(s), newWeb(s), newJobs(s), newRun(s), newFleetCommand(s), newNotify(s))
	group(root, "find", "Find and fetch recordings:", newList(s), newIndex(s), newExport(s), newRestore(s))
	group(root, "protect", "Protect and check the archive:", newVerify(s), newAudit(s), newProve(s), newCheckProof(s), newHold(s), newListenings(s), newErase(s), newManifest(s))
	group(root, "repair", "Repair:", newDiff(s), newRebuild(s), newAcknowledge(s))
	group(root, "other", "Other:", newMetrics(s), newGenerate(s), newVersion(s))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	for _, cmd := range family(root) {
		cmd.Flags().SortFlags = false
		cmd.Flags().VisitAll(plainDefault)
		if cmd.Args == nil {
			continue
		}
		args := cmd.Args
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				var said *usageError // the command has said it itself
				switch {
				case errors.As(err, &said):
					return err
				case len(given) > 0 && cmd.HasSubCommands():
					err = unknownCommand(cmd, given[0])
				case len(given) > 0:
					err = fmt.Errorf("%s: unexpected argument %q", cmd.CommandPath(), given[len(given)-1])
				}
				hint := "see " + cmd.CommandPath() + " --help"
				if len(given) > 0 && !cmd.HasSubCommands() && strings.Contains(cmd.Use, "NAME...") {
					hint = namesNeed() + "; " + hint
				}
				return &usageError{err: err, hint: hint}
			}
			return nil
		}
	}
	addManual(root, s)
	return root
}

// group adds commands that --help shows under one title.
func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// plainDefault has help show a flag's default as it would be typed.
func plainDefault(f *pflag.Flag) {
	switch inner := strings.Trim(f.DefValue, "[]"); {
	case inner == "" && f.Value.Type() == "int64Slice":
		f.DefValue = "" // pflag itself leaves out other empty lists
	case inner != "" && strings.HasPrefix(f.DefValue, "["):
		f.DefValue = inner
	}
}

// family is a command and everything below it.
func family(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		all = append(all, family(c)...)
	}
	return all
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value   *string
	allowed []string
}

var _ pflag.Value = (*oneOf)(nil)

func newOneOf(value *string, preset string, others ...string) *oneOf {
	*value = preset
	return &oneOf{value: value, allowed: append([]string{preset}, others...)}
}

func (o *oneOf) String() string { return *o.value }
func (o *oneOf) Type() string   { return "WORD" }

func (o *oneOf) Set(s string) error {
	for _, a := range o.allowed {
		if a == s {
			*o.value = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(slices.DeleteFunc(slices.Clone(o.allowed), func(a string) bool { return a == "" }), ", "))
}
