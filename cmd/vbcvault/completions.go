package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completing says whether a shell asks what could come next on a command line.
func completing(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
}

// withoutQuotes takes the marks of values out of what flags mean, which shells show as
// they are.
func withoutQuotes(root *cobra.Command) {
	for _, cmd := range family(root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	}
}

// suggestValues tells the completions of shells what the value of each flag may be: one
// of a few words, a file, a directory, or nothing that a shell could know. Arguments of
// commands that take none are not completed with the names of files.
func suggestValues(root *cobra.Command) {
	for _, cmd := range family(root) {
		if cmd.ValidArgsFunction == nil && cmd.Args != nil && cmd.Args(cmd, []string{"one"}) != nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if complete := completionOf(f); complete != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails only if there is one already
			}
		})
	}
}

// completionOf is how a flag's value is completed; nil: by the names of files.
func completionOf(f *pflag.Flag) cobra.CompletionFunc {
	if words, ok := f.Value.(*oneOf); ok {
		return func(_ *cobra.Command, _ []string, typed string) (fitting []string, _ cobra.ShellCompDirective) {
			for _, w := range words.allowed {
				if w != "" && strings.HasPrefix(w, typed) {
					fitting = append(fitting, w)
				}
			}
			return fitting, cobra.ShellCompDirectiveNoFileComp
		}
	}
	switch value, _ := pflag.UnquoteUsage(f); value {
	case "FILE", "DESTINATION":
		return nil
	case "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return cobra.NoFileCompletions
}
