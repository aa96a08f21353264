package manpage

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Section is a part of a page that the command's help has after its flags: a title and
// lines of a term and its meaning, as they stand in the help.
type Section struct{ Title, Text string }

// Name is what the page of a command is called, in section 1.
func Name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Command is the page of a command. The topics are those that tell more about it.
func (b *Book) Command(cmd *cobra.Command, more []Section, topics []string) []byte {
	s := b.open(Name(cmd), "1", cmd.Short)
	s.section("SYNOPSIS")
	s.synopsis(cmd)
	s.section("DESCRIPTION")
	if cmd.Long == "" {
		s.paragraph(s.words(cmd.Short) + ".")
	}
	s.help(cmd.Long)
	s.commands(cmd)
	s.flags(cmd)
	for _, m := range more {
		s.section(escape(m.Title))
		s.help(m.Text)
	}
	if cmd.Example != "" {
		s.section("EXAMPLES")
		s.examples(cmd.Example)
	}
	s.also(cmd, topics)
	return s.bytes()
}

// synopsis writes the command line as --help shows it, a line for each way to use the
// command: what is typed as it stands in bold, what stands for something else in italics.
func (s *sheet) synopsis(cmd *cobra.Command) {
	ways := alternatives(strings.TrimPrefix(cmd.Use, cmd.Name()))
	if cmd.HasAvailableSubCommands() {
		if !cmd.HasExample() {
			ways = nil // it does nothing by itself
		}
		ways = append(ways, " COMMAND")
	}
	for i, way := range ways {
		if i > 0 {
			s.macro("br")
		}
		var b strings.Builder
		b.WriteString(bold(escape(cmd.CommandPath())))
		for _, part := range synopsisForm.FindAllString(strings.TrimRight(" "+strings.TrimSpace(way), " ")+" [options]", -1) {
			switch {
			case part[0] == '-' && len(part) > 1:
				b.WriteString(bold(escape(part)))
			case part[0] >= 'A' && part[0] <= 'Z':
				b.WriteString(italic(escape(part)))
			default:
				b.WriteString(escape(part))
			}
		}
		s.line(b.String())
	}
}

var synopsisForm = regexp.MustCompile(`--?[a-z][a-z-]*|[A-Z][A-Z-]*|[^-A-Z]+|.`)

// alternatives are the parts of a command line between bars that are in no brackets.
func alternatives(use string) (ways []string) {
	depth, from := 0, 0
	for i, r := range use {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case '|':
			if depth == 0 {
				ways, from = append(ways, use[from:i]), i+1
			}
		}
	}
	return append(ways, use[from:])
}

// commands lists the commands below one, in the groups that its help has.
func (s *sheet) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	s.section("COMMANDS")
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{}}
	}
	for _, g := range groups {
		if g.Title != "" {
			s.part(escape(strings.TrimSuffix(g.Title, ":")))
		}
		for _, c := range cmd.Commands() {
			if Shown(c) && c.GroupID == g.ID {
				s.term(reference(Name(c), "1"), s.words(c.Short))
			}
		}
	}
}

// Shown says whether a command has a page.
func Shown(cmd *cobra.Command) bool { return cmd.IsAvailableCommand() || cmd.Name() == "help" }

// flagForm is a line of pflag's: the flag with what its value is called, and the meaning.
var flagForm = regexp.MustCompile(`^ +((?:-\w, )?--[a-z-]+)(\[=true\|false\])?(?: (\S+))? {2,}(.*)\n$`)

func (s *sheet) flags(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	first := true
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if first {
			s.section("OPTIONS")
			first = false
		}
		alone := pflag.NewFlagSet("", pflag.ContinueOnError)
		alone.AddFlag(f)
		m := flagForm.FindStringSubmatch(alone.FlagUsages())
		term, value, meaning := strings.ReplaceAll(bold(escape(m[1])), ", ", `\fR, \fB`), m[3], s.words(m[4])
		if value != "" {
			term += " " + italic(escape(value))
			meaning = regexp.MustCompile(`\b`+regexp.QuoteMeta(value)+`(s?)\b`).ReplaceAllString(meaning, italic(escape(value))+"$1")
		}
		s.term(term, meaning)
	})
}

// also names the pages that are near.
func (s *sheet) also(cmd *cobra.Command, topics []string) {
	var pages []page
	for c := cmd.Parent(); c != nil; c = c.Parent() {
		pages = append(pages, page{Name(c), "1"})
	}
	if p := cmd.Parent(); p != nil && p.HasParent() {
		for _, c := range p.Commands() {
			if c != cmd && Shown(c) {
				pages = append(pages, page{Name(c), "1"})
			}
		}
	}
	for _, t := range topics {
		pages = append(pages, page{"vbcvault-" + t, "7"})
	}
	s.seeAlso(pages)
}

// page is the name of another page, and its section.
type page struct{ name, section string }

// seeAlso lists other pages in the usual order.
func (s *sheet) seeAlso(pages []page) {
	if len(pages) == 0 {
		return
	}
	s.section("SEE ALSO")
	slices.SortFunc(pages, func(a, b page) int {
		return cmp.Or(strings.Compare(a.section, b.section), strings.Compare(a.name, b.name))
	})
	var names []string
	for _, p := range slices.Compact(pages) {
		names = append(names, reference(p.name, p.section))
	}
	s.line(strings.Join(names, ", "))
}
