// Package manpage makes manual pages, as man(1) shows them, out of what the program
// says of itself: a page of section 1 for each command, of its help, and a page of
// section 7 for each topic, of its Markdown. So there is one text for each thing.
//
// The pages are man(7) and tbl(1), plain enough for groff and mandoc. Everything that is
// not ASCII is written as an escape. The same input makes the same bytes.
package manpage

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Book is what all pages have in common.
type Book struct {
	Source string    // what the foot of each page shows on the left, as in "vbcvault v1.2.3"
	Date   time.Time // what it shows in the middle; only the day counts
	// Topics are the names of the pages of section 7, without "vbcvault-".
	Topics []string
}

// sheet is a page that is being written.
type sheet struct {
	text   strings.Builder
	fresh  bool // after a heading: a paragraph there needs no macro
	within int  // columns by which the text is indented, in an item of a list
	tables bool
	book   *Book
}

// macro writes a line of control. Arguments are escaped already.
func (s *sheet) macro(name string, args ...string) {
	s.text.WriteString("." + name)
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t") {
			a = `"` + a + `"`
		}
		s.text.WriteString(" " + a)
	}
	s.text.WriteString("\n")
}

// widestSource is how wide a line of a page's source may be: mandoc -T lint finds others
// hard to read.
const widestSource = 78

// line writes text that roff fills, escaped already, as lines of the source. None of them
// ends like a sentence except at the text's end: roff would put two spaces there.
func (s *sheet) line(text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if len(word) > widestWord {
			word = breakable.ReplaceAllString(word, `$0\:`)
		}
		if line != "" && len(line)+1+len(word) > widestSource {
			if strings.ContainsAny(line[len(line)-1:], ".!?:") || sentenceEnd.MatchString(line) {
				line += `\&`
			}
			s.verbatim(line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		s.verbatim(line)
	}
}

// widestWord is how long a word may be that isn't broken, as an address may.
const widestWord = 32

var breakable = regexp.MustCompile(`[/:,;=]`)

var sentenceEnd = regexp.MustCompile(`[.!?](?:[)\]'"*]|\\\(dq|\\\(aq|\\f[BIR])+$`)

// verbatim writes one line, escaped already.
func (s *sheet) verbatim(line string) {
	if line != "" && (line[0] == '.' || line[0] == '\'') {
		line = `\&` + line
	}
	s.text.WriteString(line + "\n")
}

// open begins a page.
func (b *Book) open(name, section, about string) *sheet {
	s := &sheet{book: b}
	s.macro("TH", escape(strings.ToUpper(name)), section, b.Date.UTC().Format(time.DateOnly), escape(b.Source), "Manual of vbcvault")
	s.macro("nh")
	s.macro("ad", "l")
	s.section("NAME")
	s.line(escape(name) + ` \- ` + s.words(about))
	return s
}

// bytes is the page as it is on disk.
func (s *sheet) bytes() []byte {
	if s.tables {
		return []byte("'\\\" t\n" + s.text.String()) // which asks man for tbl
	}
	return []byte(s.text.String())
}

func (s *sheet) section(title string) { s.macro("SH", title); s.fresh, s.within = true, 0 }
func (s *sheet) part(title string)    { s.macro("SS", title); s.fresh, s.within = true, 0 }

// paragraph writes a paragraph, escaped already.
func (s *sheet) paragraph(text string) {
	if !s.fresh {
		s.macro("PP")
	}
	s.fresh, s.within = false, 0
	s.line(text)
}

// item writes what stands beside a mark, as in a list, or below it if it is wide.
func (s *sheet) item(mark string, width int, text string) {
	s.macro("IP", mark, fmt.Sprint(width))
	s.fresh, s.within = false, width
	s.line(text)
}

// term writes a term and below it what it means, one line of output for each text.
func (s *sheet) term(term string, meanings ...string) {
	s.macro("TP")
	s.fresh, s.within = false, 0
	s.line(term)
	for i, m := range meanings {
		if i > 0 {
			s.macro("br")
		}
		s.line(m)
	}
}

// code writes lines that stay as they are, with an empty line before them, which a heading
// has already.
func (s *sheet) code(lines []string) {
	switch {
	case s.fresh:
		s.macro("RS", "2")
		defer s.macro("RE")
	case s.within > 0:
		s.macro("RS", fmt.Sprint(s.within))
		defer s.macro("RE")
		fallthrough
	default:
		s.macro("IP", "", "2")
	}
	s.macro("EX")
	for _, l := range lines {
		s.verbatim(escape(strings.ReplaceAll(l, "\t", "    ")))
	}
	s.macro("EE")
	s.macro("nh") // which EE of groff forgets
	s.fresh = false
}

// named are characters that have a name, or a better form, in roff.
var named = map[rune]string{
	'\\': `\e`, '-': `\-`, '\'': `\(aq`, '`': `\(ga`, '^': `\(ha`, '~': `\(ti`, '"': `\(dq`,
	'…': "...", '–': `\(en`, '—': `\(em`, '→': `\(->`, '←': `\(<-`, '×': `\(mu`, '\u00a0': `\ `,
}

// escape writes a text so that roff prints it as it is: with straight quotes, and with
// hyphens that can be copied to a command line.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch name, ok := named[r]; {
		case ok:
			b.WriteString(name)
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

func bold(escaped string) string   { return `\fB` + escaped + `\fR` }
func italic(escaped string) string { return `\fI` + escaped + `\fR` }

// reference names another page.
func reference(name, section string) string {
	return bold(escape(name)) + "(" + section + ")"
}
