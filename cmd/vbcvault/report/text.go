package report

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// mostInText is how many accounts that need nobody are told one by one.
const mostInText = 50

// Text is the report in short, for the plain part of a mail: what needs a person, and
// the most important numbers of each account.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Call recordings: report for %s\n\n", r.Period)
	if len(r.Accounts) != 1 {
		for i := len(standings) - 1; i >= 0; i-- {
			n := 0
			for _, s := range r.Accounts {
				if s.Standing == standings[i] {
					n++
				}
			}
			if n > 0 {
				fmt.Fprintf(&b, "%s: %d\n", standings[i].Says(), n)
			}
		}
		b.WriteString("\n")
	}
	good := 0
	for _, s := range r.Accounts {
		if s.Standing == Good {
			if good++; good > mostInText {
				continue
			}
		}
		s.text(&b)
	}
	if good > mostInText {
		fmt.Fprintf(&b, "And %d more accounts that need nobody.\n", good-mostInText)
	}
	return b.String()
}

// text writes one account.
func (s Section) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s\n", oneLine(s.Name), s.Standing.Says())
	if s.Error != "" {
		fmt.Fprintf(b, "  The manifest could not be read: %s\n\n", oneLine(s.Error))
		return
	}
	for _, f := range s.Findings {
		fmt.Fprintf(b, "  * %s\n    %s\n", f.Says, sentence(f.Advice))
	}
	if s.Account == "" {
		b.WriteString("\n")
		return
	}
	sum := func(s Sum) string {
		return fmt.Sprintf("%s (%s)", recordings(s.Recordings), humanize.IBytes(uint64(s.Bytes)))
	}
	fmt.Fprintf(b, "  archived in the period    %s\n", sum(s.Done.Archived))
	fmt.Fprintf(b, "  deleted at VBC            %s\n", sum(s.Done.Deleted))
	fmt.Fprintf(b, "  in the archive now        %s\n", sum(s.Now.Archive()))
	fmt.Fprintf(b, "  not archived yet          %s\n", recordings(s.NotArchived()))
	fmt.Fprintf(b, "  runs                      %d, of which %d succeeded\n", s.Runs.Began, s.Runs.Succeeded)
	fmt.Fprintf(b, "  log of receipts           %s entries, root %s\n\n", humanize.Comma(s.Log.Entries), s.Log.Root)
}

// oneLine is a text from elsewhere that can't pass for more than a line of ours.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
