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

// indented writes lines that are indented: a list if they are one, else as they are.
func (s *sheet) indented(lines []string) {
	var terms [][2]string
	for _, l := range lines {
		m := definitionForm.FindStringSubmatch(l)
		switch {
		case m != nil:
			terms = append(terms, [2]string{m[1], m[2]})
		case len(terms) > 0 && strings.HasPrefix(l, "    "):
			terms[len(terms)-1][1] += " " + strings.TrimSpace(l)
		case strings.HasPrefix(l, "  ") && l[2] != ' ' && len(lines) > 1:
			terms = append(terms, [2]string{strings.TrimSpace(l), ""})
		default:
			terms = nil
		}
		if terms == nil {
			break
		}
	}
	if len(terms) == 0 || !strings.Contains(strings.Join(lines, "\n"), "  ") || definitionForm.FindString(lines[0]) == "" {
		short := make([]string, len(lines))
		for i, l := range lines {
			short[i] = strings.TrimPrefix(strings.TrimPrefix(l, "  "), "\t")
		}
		s.code(short)
		return
	}
	for _, t := range terms {
		s.term(bold(escape(t[0])), s.words(strings.TrimSpace(t[1])))
	}
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
		lines = append(lines, folded(line)...)
	}
	flush()
}

// widestCode is how wide a line of code may be on a terminal of 80 columns.
const widestCode = 68

// folded breaks a long command line as a shell takes it, between words.
func folded(line string) (lines []string) {
	for len([]rune(line)) > widestCode {
		at := breakAt(line)
		if at < 0 {
			break
		}
		lines = append(lines, line[:at]+` \`)
		line = "    " + line[at+1:]
	}
	return append(lines, line)
}

// breakAt is the last space before the edge that is outside of quotes, and not just
// between a flag and its value; -1 if there is none.
func breakAt(line string) int {
	at, flag, quote := -1, -1, rune(0)
	for i, r := range line {
		if i > widestCode-2 {
			break
		}
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == '#':
			return -1
		case quote == 0 && r == ' ' && strings.TrimSpace(line[:i]) != "":
			at = i
			if strings.HasPrefix(line[i+1:], "-") || strings.HasPrefix(line[i+1:], "|") {
				flag = i
			}
		}
	}
	if flag > 0 {
		return flag
	}
	return at
}
