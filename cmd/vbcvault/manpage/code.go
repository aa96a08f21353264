package manpage

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// widestCode is how wide a line of code may be on a terminal of 80 columns.
const widestCode = 68

func fits(line string) bool { return utf8.RuneCountInString(line) <= widestCode }

var (
	remarkForm = regexp.MustCompile(`^( *)(\S.*?) {2,}# (.*)$`)
	besideForm = regexp.MustCompile(`^( *)(\S.*?) {3,}(\S.*)$`)
)

// folded makes lines of code of one that is too wide for a terminal, where the language
// allows it: they mean the same. A remark at its end comes before it.
func folded(language, line string) []string {
	if fits(line) {
		return []string{line}
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	if said, is := strings.CutPrefix(line, indent+"# "); is && language != "" {
		return wrapped(said, indent+"# ", indent+"# ")
	}
	switch language {
	case "sh", "yaml":
		if m := remarkForm.FindStringSubmatch(line); m != nil {
			return append(wrapped(m[3], m[1]+"# ", m[1]+"# "), folded(language, m[1]+m[2])...)
		}
	case "": // what lies in a directory, and what each file is
		if m := besideForm.FindStringSubmatch(line); m != nil {
			return append([]string{m[1] + m[2]}, wrapped(m[3], m[1]+"    ", m[1]+"    ")...)
		}
	}
	var lines []string
	for depth := 0; !fits(line); depth = 1 {
		at := breakAt(language, line, depth)
		if at < 0 {
			break
		}
		end := ""
		if language == "sh" {
			end = ` \`
		}
		lines = append(lines, line[:at]+end)
		if depth == 0 {
			indent += "    "
		}
		line = indent + strings.TrimLeft(line[at:], " ")
	}
	return append(lines, line)
}

// wrapped breaks prose into lines that fit.
func wrapped(text, first, rest string) (lines []string) {
	line := first
	for word := range strings.FieldsSeq(text) {
		if line != first && line != rest && !fits(line+" "+word) {
			lines, line = append(lines, line), rest
		}
		if line != first && line != rest {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// breakAt is the last place before the edge where a line may be broken; -1 if there is
// none. A shell takes one at any space outside of quotes, and one between a flag and its
// value is the last resort; YAML and SQL take one after a comma, YAML only within brackets,
// of which so many have been opened before the line.
func breakAt(language, line string, depth int) int {
	better, good, quote := -1, -1, rune(0)
	for i, r := range line {
		if i > widestCode-2 {
			break
		}
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '#' && language != "sql":
			return -1
		case r == '{' || r == '[' || r == '(':
			depth++
		case r == '}' || r == ']' || r == ')':
			depth--
		case r != ' ' || strings.TrimSpace(line[:i]) == "":
		case language == "sh":
			good = i
			if strings.HasPrefix(line[i+1:], "-") || strings.HasPrefix(line[i+1:], "|") {
				better = i
			}
		case language == "sql" && (line[i-1] == ',' || strings.HasPrefix(line[i:], " AND ")), language == "yaml" && line[i-1] == ',' && depth > 0:
			good = i
		}
	}
	if better > 0 {
		return better
	}
	return good
}
