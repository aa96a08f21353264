package manpage

import (
	"regexp"
	"strings"
)

// Topic is the page of a topic, of Markdown as the manual has it: its first line is its
// name and, after a colon, what it is about. The commands are those it tells more about.
func (b *Book) Topic(name, about, markdown string, commands []string) []byte {
	s := b.open("vbcvault-"+name, "7", about)
	s.section("DESCRIPTION")
	_, text, _ := strings.Cut(markdown, "\n")
	s.markdown(strings.Split(strings.TrimSpace(text), "\n"))
	pages := []page{{"vbcvault", "1"}}
	for _, c := range commands {
		pages = append(pages, page{"vbcvault-" + c, "1"})
	}
	for _, m := range regexp.MustCompile(`\]\(([a-z]+)\.md`).FindAllStringSubmatch(markdown, -1) {
		if m[1] != name {
			pages = append(pages, page{"vbcvault-" + m[1], "7"})
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
			language := strings.TrimLeft(text, "`")
			if before == 0 {
				s.within = 0
			}
			var code []string
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), "```"); i++ {
				line := lines[i][min(before, len(lines[i])):]
				if !strings.HasPrefix(line, "# Not run by our tests") { // a word to those who work on it
					code = append(code, folded(language, line)...)
				}
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
