package manpage

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Widths on a terminal of 80 columns, of which man indents 7 and leaves 2.
const (
	widestTable = 70
	between     = 3  // columns of space that tbl leaves
	narrowFirst = 20 // of the first column, where that is wrapped
	narrowLast  = 36 // of another one, where that is wrapped
)

// table writes a table: in columns if they fit, or if only one must be wrapped, else a
// paragraph for each row.
func (s *sheet) table(lines []string) {
	var rows [][]string
	for i, l := range lines {
		if i != 1 { // which separates the head
			rows = append(rows, cells(l))
		}
	}
	heads, widths := s.heads(rows)
	total, widest := -between, 0
	for c, w := range widths {
		total += w + between
		if w >= widths[widest] {
			widest = c
		}
	}
	left, longest := widestTable-(total-widths[widest]), 0
	for _, row := range rows {
		for word := range strings.FieldsSeq(row[widest]) {
			longest = max(longest, s.width(word))
		}
	}
	switch {
	case total <= widestTable:
		s.columns(heads, rows[1:], -1)
	case longest > left:
		s.records(rows)
	case left >= narrowLast || widest == 0 && left >= narrowFirst:
		s.columns(heads, rows[1:], widest)
	default:
		s.records(rows)
	}
}

// heads are the lines of a table's head, in which long titles are wrapped, and the widths
// of its columns then.
func (s *sheet) heads(rows [][]string) (lines [][]string, widths []int) {
	widths = make([]int, len(rows[0]))
	for c, title := range rows[0] {
		for word := range strings.FieldsSeq(title) {
			widths[c] = max(widths[c], s.width(word))
		}
		for _, row := range rows[1:] {
			widths[c] = max(widths[c], s.width(row[c]))
		}
		line, at := "", 0
		put := func() {
			for len(lines) <= at {
				lines = append(lines, make([]string, len(rows[0])))
			}
			lines[at][c], line = line, ""
			at++
		}
		for word := range strings.FieldsSeq(title) {
			if line != "" && s.width(line+" "+word) > widths[c] {
				put()
			}
			line = strings.TrimSpace(line + " " + word)
		}
		put()
	}
	return lines, widths
}

// width is how many columns a text of Markdown takes.
func (s *sheet) width(text string) int {
	text = regexp.MustCompile(`\\f[BIR]`).ReplaceAllString(s.marked(text), "")
	return utf8.RuneCountInString(regexp.MustCompile(`\\(?:e|-|\(..|\[[^\]]*\])`).ReplaceAllString(text, "x"))
}

// columns writes rows for tbl, which wraps one column, or none if that is -1.
func (s *sheet) columns(heads, rows [][]string, wrapped int) {
	if !s.fresh {
		s.macro("PP")
	}
	s.tables, s.fresh, s.within = true, false, 0
	formats := slices.Repeat([]string{"l"}, len(heads[0]))
	if wrapped >= 0 {
		formats[wrapped] = "lx"
	}
	s.macro("TS")
	s.verbatim("nokeep;")
	s.verbatim(strings.Join(formats, " ") + ".")
	for _, head := range heads {
		titles := make([]string, len(head))
		for c, title := range head {
			if title != "" {
				titles[c] = bold(s.unmarked(title))
			}
		}
		s.verbatim(strings.Join(titles, "\t"))
	}
	s.verbatim("_")
	for _, row := range rows {
		var line strings.Builder
		for c, cell := range row {
			if c > 0 {
				line.WriteString("\t")
			}
			if text := s.marked(cell); c != wrapped || text == "" {
				line.WriteString(text)
			} else {
				s.text.WriteString(line.String() + "T{\n")
				s.line(text)
				line.Reset()
				line.WriteString("T}")
			}
		}
		s.verbatim(line.String())
	}
	s.macro("TE")
}

// records writes a paragraph for each row: the first cell as a term, below it the others,
// with their titles if that is not clear without. An example comes last.
func (s *sheet) records(rows [][]string) {
	head := rows[0]
	for _, row := range rows[1:] {
		var meanings, examples []string
		for c, cell := range row[1:] {
			title, text := head[c+1], s.marked(cell)
			switch {
			case cell == "":
			case title == "example":
				examples = append(examples, "Example: "+text)
			case title == "", len(head) == 2, c == 0, len(meanings) == 0:
				meanings = append(meanings, text)
			default:
				meanings = append(meanings, s.marked(title)+": "+text)
			}
		}
		s.term(bold(s.unmarked(row[0])), append(meanings, examples...)...)
	}
}

// cells are what a row of a table has between its bars.
func cells(line string) (all []string) {
	for c := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		all = append(all, strings.TrimSpace(c))
	}
	return all
}
