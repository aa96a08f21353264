package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The manual: a page of Markdown for each topic. The first line of each is its
// name and, after a colon, what it is about.
//
//go:embed topics/*.md
var topicPages embed.FS

// topicNames are the topics in the order in which help lists them.
var topicNames = []string{
	"safety", "choosing", "transcripts", "check", "evidence", "protect", "hold", "erase", "find", "web", "report", "restore", "recover",
	"destinations", "requests", "install", "config", "service", "machines", "monitoring", "notify", "formats", "troubleshooting",
}

// topicsOf are the pages that tell more about a command than its help does.
var topicsOf = map[string][]string{
	"archive":     {"choosing", "transcripts", "protect", "requests", "safety"},
	"status":      {"troubleshooting", "monitoring"},
	"metrics":     {"monitoring"},
	"report":      {"report"},
	"notify":      {"notify"},
	"acknowledge": {"troubleshooting"},
	"doctor":      {"troubleshooting", "destinations", "machines"},
	"verify":      {"check"},
	"audit":       {"evidence", "check"},
	"prove":       {"evidence"},
	"check-proof": {"evidence"},
	"diff":        {"check", "recover"},
	"manifest":    {"check", "evidence", "recover", "machines"},
	"hold":        {"hold"},
	"erase":       {"erase"},
	"list":        {"find"},
	"index":       {"find", "web"},
	"listenings":  {"web", "evidence"},
	"export":      {"find"},
	"restore":     {"restore"},
	"rebuild":     {"recover"},
	"config":      {"config"},
	"web":         {"web", "config"},
	"demo":        {"web", "service"},
	"init":        {"install", "config", "service"},
	"version":     {"install"},
	"serve":       {"service", "machines", "install", "web", "config", "monitoring", "notify"},
	"fleet":       {"machines", "service"},
	"jobs":        {"service"},
	"run":         {"service"},
}

// topic is one page of the manual.
type topic struct {
	name, about string
	page        string // Markdown
}

// readTopic reads a page; ok is false if there is none of that name.
func readTopic(name string) (t topic, ok bool) {
	if !slices.Contains(topicNames, name) {
		return t, false
	}
	b, err := topicPages.ReadFile("topics/" + name + ".md")
	if err != nil {
		return t, false
	}
	title, _, _ := strings.Cut(string(b), "\n")
	_, about, _ := strings.Cut(title, ": ")
	return topic{name: name, about: about, page: string(b)}, true
}

// addManual gives the program its help: of commands, as ever, and of topics.
func addManual(root *cobra.Command, s streams) {
	help := newHelp(s)
	if root.ContainsGroup("other") {
		help.GroupID = "other"
	}
	root.SetHelpCommand(help)
	plain := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		var b strings.Builder
		cmd.SetOut(&b)
		plain(cmd, args)
		cmd.SetOut(s.out)
		fmt.Fprintf(s.out, "%s", layOutHelp(b.String(), s.out))
		if cmd == root {
			fmt.Fprintf(s.out, "\nThe manual (vbcvault help TOPIC):\n%s", topicList())
			return
		}
		for c := cmd; c != root && c != nil; c = c.Parent() {
			if pages := topicsOf[c.Name()]; c.Parent() == root && len(pages) > 0 {
				fmt.Fprintf(s.out, "\nManual: vbcvault help %s\n", strings.Join(pages, ", vbcvault help "))
			}
		}
	})
}

// topicList has a line for each topic.
func topicList() string {
	var b strings.Builder
	for _, name := range topicNames {
		if t, ok := readTopic(name); ok {
			fmt.Fprintf(&b, "  %-15s %s\n", t.name, t.about)
		}
	}
	return b.String()
}

// newHelp is help about a topic, or about a command. Some topics have a command's
// name: then help shows the page, and the command's --help its flags.
func newHelp(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "help [TOPIC | COMMAND]",
		Short: "Show a page of the manual, or help about a command",
		Long: `Help shows a page of the manual, or the help of a command. Some topics have the
same name as a command: vbcvault help hold is the page about legal holds,
vbcvault hold --help lists the flags.

The manual:
` + topicList(),
		Example: `  vbcvault help
  vbcvault help safety | less
  vbcvault help archive`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			var fitting []string
			for _, name := range helpNames(cmd.Root()) {
				if len(args) == 0 && strings.HasPrefix(name, typed) {
					fitting = append(fitting, name)
				}
			}
			return fitting, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 1 {
				if t, ok := readTopic(args[0]); ok {
					return showTopic(s, root, t)
				}
			}
			about, left, err := root.Find(args)
			if err != nil || about == nil || len(left) > 0 {
				return unknownHelp(root, strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

func showTopic(s streams, root *cobra.Command, t topic) error {
	text := forTerminal(t.page, columns())
	for _, c := range root.Commands() {
		if c.Name() == t.name {
			text += fmt.Sprintf("\nFlags: vbcvault %s --help\n", t.name)
		}
	}
	_, err := fmt.Fprint(s.out, text)
	return err
}

// helpNames are all that help knows.
func helpNames(root *cobra.Command) []string {
	names := slices.Clone(topicNames)
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !slices.Contains(names, c.Name()) {
			names = append(names, c.Name())
		}
	}
	return names
}

// unknownHelp says that there is no such topic or command, and which may be meant.
func unknownHelp(root *cobra.Command, name string) error {
	index := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, known := range helpNames(root) {
		index.AddCommand(&cobra.Command{Use: known, Run: func(*cobra.Command, []string) {}})
	}
	hint := "vbcvault help lists the topics and commands"
	if like := index.SuggestionsFor(name); len(like) > 0 {
		hint = "did you mean vbcvault help " + strings.Join(like, ", or vbcvault help ") + "? " + hint
	}
	return usagef(hint, "there is no topic or command %q", name)
}
