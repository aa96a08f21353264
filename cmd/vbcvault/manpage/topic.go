package manpage

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Topic is the page of a topic, of Markdown as the manual has it: its first line is its
// name and, after a colon, what it is about. The commands are those it tells more about.
func (b *Book) Topic(name, about, markdown string, commands []string) []byte {
	s := b.open("vbcvault-"+name, "7", about)
	s.section("DESCRIPTION")
	_, text, _ := strings.Cut(markdown, "\n")
	s.markdown(strings.Split(strings.TrimSpace(text), "\n"))
	pages := []string{reference("vbcvault", "1")}
	for _, c := range commands {
		pages = append(pages, reference("vbcvault-"+c, "1"))
	}
	for _, m := range regexp.MustCompile(`\]\(([a-z]+)\.md`).FindAllStringSubmatch(markdown, -1) {
		if m[1] != name {
			pages = append(pages, reference("vbcvault-"+m[1], "7"))
		}
	}
	s.seeAlso(pages)
	return s.bytes()
}

var itemForm = regexp.MustCompile(`^(- |[0-9]+\. )`)

// markdown writes the Markdown that the manual uses.
func (s *sheet) markdown(lines []string) {
	var words []string
	mark := "" // of the list's item that has been begun
	indent := 0
	flush := func() {
		text := s.marked(strings.Join(words, " "))
		switch {
		case len(words) == 0:
		case mark == "- ":
			s.item(`\(bu`, 2, text)
		case mark != "":
			s.item(strings.TrimSpace(mark), 4, text)
		case indent > 0 && s.within > 0:
			s.item("", s.within, text)
		default:
			s.paragraph(text)
		}
		words, mark, indent = nil, "", 0
	}
	for i := 0; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		switch {
		case strings.HasPrefix(text, "```"):
			flush()
			before := len(lines[i]) - len(text)
			shell := strings.HasSuffix(text, "```sh")
			if before == 0 {
				s.within = 0
			}
			var code []string
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), "```"); i++ {
				line := lines[i][min(before, len(lines[i])):]
				if shell {
					code = append(code, folded(line)...)
					continue
				}
				code = append(code, line)
			}
			s.code(code)
		case strings.HasPrefix(text, "|"):
			flush()
			from := i
			for i < len(lines) && strings.HasPrefix(lines[i], "|") {
				i++
			}
			s.table(lines[from:i])
			i--
		case strings.HasPrefix(text, "#"):
			flush()
			title, ok := strings.CutPrefix(text, "## ")
			if ok {
				s.section(s.capitals(title))
				continue
			}
			s.part(s.unmarked(strings.TrimLeft(text, "# ")))
		case text == "":
			flush()
		default:
			if m := itemForm.FindString(text); m != "" {
				flush()
				mark, text = m, text[len(m):]
			} else if len(words) == 0 {
				indent = len(lines[i]) - len(text)
			}
			words = append(words, text)
		}
	}
	flush()
}

// capitals is a title in capital letters, except what is code.
func (s *sheet) capitals(title string) string {
	var b strings.Builder
	for i, part := range strings.Split(title, "`") {
		if i%2 == 0 {
			part = strings.ToUpper(part)
		}
		b.WriteString(part)
	}
	return s.unmarked(b.String())
}

// Widths on a terminal of 80 columns, of which man indents 7 and leaves 2.
const (
	widestTable  = 70
	widestBefore = 30 // of all columns but the last, where the last is wrapped
)

// table writes a table: in columns if they fit, or if only the last must be wrapped, else
// a paragraph for each row.
func (s *sheet) table(lines []string) {
	var rows [][]string
	for i, l := range lines {
		if i != 1 { // which separates the head
			rows = append(rows, cells(l))
		}
	}
	total, before := 0, 0
	for c := range rows[0] {
		width := 3
		for _, row := range rows {
			width = max(width, 3+s.width(row[c]))
		}
		total += width
		if c < len(rows[0])-1 {
			before += width
		}
	}
	switch {
	case total-3 <= widestTable:
		s.columns(rows, "l")
	case before <= widestBefore:
		s.columns(rows, "lx")
	default:
		s.records(rows)
	}
}

// width is how many columns a text of Markdown takes.
func (s *sheet) width(text string) int {
	text = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`).ReplaceAllString(text, "$1")
	return utf8.RuneCountInString(strings.NewReplacer("`", "", "**", "").Replace(text))
}

// columns writes rows for tbl.
func (s *sheet) columns(rows [][]string, last string) {
	s.tables, s.fresh, s.within = true, false, 0
	s.macro("PP")
	s.macro("TS")
	s.text.WriteString(strings.Repeat("l ", len(rows[0])-1) + last + ".\n")
	for i, row := range rows {
		for c, cell := range row {
			text := s.marked(cell)
			if i == 0 {
				text = bold(s.unmarked(cell))
			}
			if c > 0 {
				s.text.WriteString("\t")
			}
			if c == len(row)-1 && last == "lx" && i > 0 {
				text = "T{\n" + text + "\nT}"
			}
			s.text.WriteString(text)
		}
		s.text.WriteString("\n")
		if i == 0 {
			s.text.WriteString("_\n")
		}
	}
	s.macro("TE")
}

// records writes a paragraph for each row: the first cell as a term, below it the others,
// with their titles if that is not clear without.
func (s *sheet) records(rows [][]string) {
	head := rows[0]
	for _, row := range rows[1:] {
		var meanings []string
		for c, cell := range row[1:] {
			if cell == "" {
				continue
			}
			text := s.marked(cell)
			if len(head) > 3 || len(head) == 3 && c > 0 && head[1] != "example" {
				text = s.marked(head[c+1]) + ": " + text
			}
			meanings = append(meanings, text)
		}
		s.term(bold(s.unmarked(row[0])), meanings...)
	}
}

// cells are what a row of a table has between its bars.
func cells(line string) (all []string) {
	for c := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		all = append(all, strings.TrimSpace(c))
	}
	return all
}
