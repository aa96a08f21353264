package manpage

import (
	"regexp"
	"strings"
)

// definitionForm is a line of a term, and its meaning some columns to the right of it.
var definitionForm = regexp.MustCompile(`^ {2}(\S+(?: \S+)*) {2,}(\S.*)$`)

// help writes the text of a command's help: paragraphs, lists of terms with their
// meanings, and lines that are indented, which stay as they are.
func (s *sheet) help(text string) {
	var prose, indented []string
	flush := func() {
		if len(prose) > 0 {
			s.paragraph(s.words(strings.Join(prose, " ")))
		}
		if len(indented) > 0 {
			s.indented(indented)
		}
		prose, indented = nil, nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			indented = append(indented, line)
		default:
			if len(indented) > 0 {
				flush()
			}
			prose = append(prose, line)
		}
	}
	flush()
}

// indented writes lines that are indented: a list if they are one, else as they are. In a
// list, a line that is indented a little more is a remark of its own, one that is indented
// a lot belongs to the meaning before it.
func (s *sheet) indented(lines []string) {
	if !definitionForm.MatchString(lines[0]) {
		as := make([]string, len(lines))
		for i, l := range lines {
			as[i] = strings.TrimPrefix(strings.TrimPrefix(l, "  "), "\t")
		}
		s.code(as)
		return
	}
	var term string
	var words []string
	flush := func() {
		text := s.words(strings.Join(words, " "))
		switch {
		case term != "":
			s.term(bold(escape(term)), text)
		case text != "":
			s.paragraph(text)
		}
		term, words = "", nil
	}
	for _, l := range lines {
		text := strings.TrimSpace(l)
		indent := len(l) - len(strings.TrimLeft(l, " "))
		if m := definitionForm.FindStringSubmatch(l); m != nil {
			flush()
			term, text = m[1], m[2]
		} else if indent <= 2 {
			flush()
			term, text = text, ""
		} else if indent <= 6 {
			flush()
		}
		words = append(words, text)
	}
	flush()
}

// examples writes command lines, each with the comment above it as a paragraph.
func (s *sheet) examples(text string) {
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			s.code(lines)
		}
		lines = nil
	}
	comment := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimPrefix(line, "  ")
		said, is := strings.CutPrefix(line, "# ")
		if is {
			flush()
			comment = strings.TrimSpace(comment + " " + said)
			continue
		}
		if comment != "" {
			s.paragraph(s.words(comment))
			comment = ""
		}
		if line == "" {
			flush()
			continue
		}
		lines = append(lines, folded("sh", line)...)
	}
	flush()
}
