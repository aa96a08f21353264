package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/spelling"
)

// unknownCommand names what was typed, and the command that it is closest to.
func unknownCommand(cmd *cobra.Command, typed string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
		if slices.Contains(c.SuggestFor, typed) {
			return fmt.Errorf("unknown command %q: did you mean %s?", typed, c.CommandPath())
		}
	}
	if name := spelling.Nearest(typed, names); name != "" {
		return fmt.Errorf("unknown command %q: did you mean %s %s?", typed, cmd.CommandPath(), name)
	}
	return fmt.Errorf("unknown command %q", typed)
}

// flagError makes the library's errors about flags ours, and names the flag that
// a mistyped one is closest to.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		typed, dashes := e.GetSpecifiedName(), "--"
		if group := e.GetSpecifiedShortnames(); group != "" {
			typed, dashes = group, "-" // -workers was meant as one word
		}
		typed, _, _ = strings.Cut(typed, "=")
		err = fmt.Errorf("unknown flag %s%s", dashes, typed)
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if name := spelling.Nearest(typed, names); name != "" {
			err = fmt.Errorf("%w: did you mean --%s?", err, name)
		}
	}
	return &usageError{err: err, hint: "see " + cmd.CommandPath() + " --help"}
}
