package main

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// forTerminal turns a page of the manual into text that reads well on a terminal:
// paragraphs are wrapped, code is indented, links say which page to ask for, and
// tables become columns, or one paragraph for each row where columns would be too
// narrow. It knows just the Markdown that the manual uses. Code is never wrapped.
func forTerminal(markdown string, width int) string {
	p := page{width: width}
	lines := strings.Split(strings.TrimSpace(markdown), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		switch {
		case strings.HasPrefix(text, "```"):
			p.flush()
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), "```"); i++ {
				p.line(strings.TrimRight("    "+lines[i], " "))
			}
		case strings.HasPrefix(text, "|"):
			p.flush()
			from := i
			for i < len(lines) && strings.HasPrefix(lines[i], "|") {
				i++
			}
			p.table(lines[from:i])
			i--
		case strings.HasPrefix(text, "#"):
			p.flush()
			p.heading(text)
		case text == "":
			p.flush()
			p.line("")
		default:
			if bullet := bulletForm.FindString(text); bullet != "" {
				p.flush()
				p.first, p.rest = strings.Repeat(" ", indent)+bullet, strings.Repeat(" ", indent+len(bullet))
				text = text[len(bullet):]
			} else if len(p.words) == 0 {
				p.first, p.rest = strings.Repeat(" ", indent), strings.Repeat(" ", indent)
			}
			p.words = append(p.words, strings.Fields(plainText(text))...)
		}
	}
	p.flush()
	return p.text.String()
}

var (
	bulletForm = regexp.MustCompile(`^(?:- |[0-9]+\. )`)
	linkForm   = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)
	codeForm   = regexp.MustCompile("`[^`]+`")
	pageLink   = regexp.MustCompile(`^([a-z]+)\.md(?:#.*)?$`)
)

// plainText takes the marks out of a text, and says where its links lead.
func plainText(s string) string {
	s = linkForm.ReplaceAllStringFunc(s, func(link string) string {
		m := linkForm.FindStringSubmatch(link)
		text, to := m[1], m[2]
		page := pageLink.FindStringSubmatch(to)
		switch {
		case page != nil && strings.Trim(text, "`") == page[1]:
			return "`vbcvault help " + page[1] + "`"
		case page != nil:
			return text + " (`vbcvault help " + page[1] + "`)"
		case strings.HasPrefix(to, "#"), strings.TrimPrefix(to, "../../../") == text:
			return text
		}
		return text + " (" + strings.TrimPrefix(to, "../../../") + ")"
	})
	s = codeForm.ReplaceAllStringFunc(s, func(code string) string {
		if utf8.RuneCountInString(code) > widestCode {
			return code
		}
		return strings.ReplaceAll(code, " ", glue)
	})
	return strings.ReplaceAll(s, "**", "")
}

// What is code isn't broken into lines, if it isn't long: glue stands for its
// spaces until all is laid out.
const (
	widestCode = 50
	glue       = "\x00"
)

// page is a text that is being laid out.
type page struct {
	width       int // columns
	text        strings.Builder
	words       []string // of the paragraph that has been begun
	first, rest string   // what comes before its first line, and before the others
}

func (p *page) line(s string) { p.text.WriteString(strings.ReplaceAll(s, glue, " ") + "\n") }

// flush ends a paragraph.
func (p *page) flush() {
	if len(p.words) > 0 {
		p.paragraph(p.first, p.rest, p.words)
	}
	p.words, p.first, p.rest = nil, "", ""
}

func (p *page) paragraph(first, rest string, words []string) {
	for i, l := range wrap(words, p.width-max(utf8.RuneCountInString(first), utf8.RuneCountInString(rest))) {
		if i == 0 {
			p.line(first + l)
			continue
		}
		p.line(rest + l)
	}
}

func (p *page) heading(text string) {
	marks := len(text) - len(strings.TrimLeft(text, "#"))
	text = plainText(strings.TrimSpace(text[marks:]))
	p.line(text)
	if under := map[int]string{1: "=", 2: "-", 3: "~"}[marks]; under != "" {
		p.line(strings.Repeat(under, utf8.RuneCountInString(text)))
	}
}

// widestFirst is how wide all columns but the last may be together where the last
// is wrapped beside them.
const widestFirst = 48

// table lays out a table: in columns if they fit, or if just the last must be
// wrapped, else a paragraph for each row.
func (p *page) table(lines []string) {
	var rows [][]string
	for i, l := range lines {
		if i != 1 { // which separates the head
			rows = append(rows, cells(l))
		}
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, cell := range row {
			widths[c] = max(widths[c], utf8.RuneCountInString(cell))
		}
	}
	before, last := 0, len(widths)-1
	for _, w := range widths[:last] {
		before += w + 2
	}
	if before+widths[last] > p.width && before > widestFirst {
		p.records(rows)
		return
	}
	for i, row := range rows {
		var head strings.Builder
		for c, cell := range row[:last] {
			head.WriteString(cell + strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell)+2))
		}
		start := p.text.Len()
		p.paragraph(head.String(), strings.Repeat(" ", before), strings.Fields(row[last]))
		if p.text.Len() == start {
			p.line(strings.TrimRight(head.String(), " "))
		}
		if i == 0 {
			p.line(strings.Repeat("-", min(before+widths[last], p.width)))
		}
	}
}

// records lays out a table whose columns don't fit side by side. Two columns, and keys
// with an example and a meaning, say their titles once: the first keeps a column of its
// own where it is short, and the others are below each other beside it. Else the others
// are below the first cell, with their titles; of three columns the second goes without:
// it says what the first one means.
func (p *page) records(rows [][]string) {
	head := rows[0]
	if narrow := narrowFirst(rows[1:]); len(head) == 2 || len(head) == 3 && head[1] == "example" {
		p.stacked(rows, max(narrow, 2))
		return
	}
	for i, row := range rows[1:] {
		if i > 0 {
			p.line("")
		}
		p.paragraph("", "", strings.Fields(row[0]))
		for c, cell := range row[1:] {
			if cell == "" {
				continue
			}
			label := ""
			if len(head) != 3 || c > 0 {
				label = head[c+1] + ": "
			}
			p.paragraph("    "+label, "    ", strings.Fields(cell))
		}
	}
}

// widestKey is how wide a cell may be for the others to stand beside it.
const widestKey = 26

// narrowFirst is how wide the first column is, without cells that are too wide; 0 if
// most of them are.
func narrowFirst(rows [][]string) (width int) {
	fit := 0
	for _, row := range rows {
		if w := utf8.RuneCountInString(row[0]); w <= widestKey {
			width, fit = max(width, w), fit+1
		}
	}
	if fit*2 < len(rows) {
		return 0
	}
	return width
}

// stacked lays out rows with a first column of this width, the others below each other
// beside it. A first cell that is wider has lines of its own.
func (p *page) stacked(rows [][]string, width int) {
	beside := strings.Repeat(" ", width+2)
	for i, row := range rows {
		if i > 1 {
			p.line("")
		}
		lead := beside
		if w := utf8.RuneCountInString(row[0]); w <= width {
			lead = row[0] + strings.Repeat(" ", width+2-w)
		} else {
			p.paragraph("", "", strings.Fields(row[0]))
		}
		for _, cell := range row[1:] {
			if cell != "" {
				p.paragraph(lead, beside, strings.Fields(cell))
				lead = beside
			}
		}
		if i == 0 {
			p.line(strings.Repeat("-", p.width))
		}
	}
}

// cells are what a row of a table has between its bars.
func cells(line string) []string {
	line = strings.Trim(strings.TrimSpace(line), "|")
	var all []string
	for _, c := range strings.Split(line, "|") {
		all = append(all, plainText(strings.TrimSpace(c)))
	}
	return all
}

// wrap breaks words into lines of at most so many columns, a single long word
// excepted.
func wrap(words []string, width int) (lines []string) {
	line := ""
	for _, w := range words {
		switch {
		case line == "":
			line = w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width:
			lines, line = append(lines, line), w
		default:
			line += " " + w
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
