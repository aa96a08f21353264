package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// How wide text is: every terminal has 80 columns, and lines of more than 100 are
// hard to read.
const (
	usualColumns = 80
	mostColumns  = 100
	leastColumns = 60
)

// columns is how many columns a page of the manual has: those of the terminal, as
// far as COLUMNS tells, within what reads well.
func columns() int {
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil {
		return usualColumns
	}
	return min(max(n, leastColumns), mostColumns)
}

// width is how many columns text for out may have: those of a terminal, 0 = a pipe has
// no end.
func width(out io.Writer) int {
	if isTerminal(out) || os.Getenv("COLUMNS") != "" {
		return columns()
	}
	return 0
}

// tableWithNotes prints rows, whose cells are separated by tabs, each with what there is
// to say of it as its last cell. Where that doesn't fit, it gets lines of its own below
// its row: nothing that somebody must read is cut off. A pipe gets one line for each row.
func tableWithNotes(out io.Writer, rows, notes []string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, row+"\t")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	const indent = "    "
	most := width(out)
	var page strings.Builder
	for i, row := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		words := strings.Fields(notes[i])
		if whole := row + strings.Join(words, " "); most == 0 || utf8.RuneCountInString(whole) <= most {
			page.WriteString(strings.TrimRight(whole, " ") + "\n")
			continue
		}
		page.WriteString(strings.TrimRight(row, " ") + "\n")
		for _, line := range wrap(words, most-len(indent)) {
			page.WriteString(indent + line + "\n")
		}
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// layOutHelp is a command's help with its flags laid out. On a terminal each
// description is wrapped beside its flag; a pipe gets one line for each flag, for
// grep.
func layOutHelp(help string, out io.Writer) string {
	width := width(out)
	return flagBlock.ReplaceAllStringFunc(help, func(block string) string {
		title, lines, _ := strings.Cut(block, "\n")
		return title + "\n" + layOutFlags(lines, width)
	})
}

var flagBlock = regexp.MustCompile(`(?m)^Flags:\n(?: .*\n)+`)

// flagLine is a line of pflag's: the flag with what its value is called, and the
// description.
var flagLine = regexp.MustCompile(`^( +(?:-\w, )?--[a-z-]+(?:\[=true\|false\]| \S+)?) {2,}(.*)$`)

// layOutFlags makes pflag's lines as wide as the text may be; 0 means without end.
// That a switch can be given as --delete=false too is left out: it is nowhere needed.
func layOutFlags(usages string, width int) string {
	var names, texts []string
	widest := 0
	for line := range strings.Lines(usages) {
		m := flagLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			return usages
		}
		name := strings.TrimSuffix(m[1], "[=true|false]")
		names, texts = append(names, name), append(texts, m[2])
		widest = max(widest, utf8.RuneCountInString(name))
	}
	indent := widest + 3
	if width > 0 {
		indent = min(indent, width/2)
	}
	var b strings.Builder
	for i, name := range names {
		lines := []string{texts[i]}
		if width > 0 {
			lines = wrap(strings.Fields(texts[i]), width-indent)
		}
		gap := indent - utf8.RuneCountInString(name)
		if gap < 2 { // a long name has a line of its own
			b.WriteString(name + "\n")
			name, gap = "", indent
		}
		for _, l := range lines {
			b.WriteString(name + strings.Repeat(" ", gap) + l + "\n")
			name, gap = "", indent
		}
	}
	return b.String()
}
