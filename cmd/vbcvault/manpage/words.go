package manpage

import (
	"regexp"
	"slices"
	"strings"
)

// plainForm is what stands out in the prose of a command's help: flags, and where it
// says what to ask help for.
var plainForm = regexp.MustCompile(`vbcvault help [a-z]+|vbcvault [a-z]+(?: [a-z]+)? --help|(?:^|[ (\["=])--?[a-z][a-z-]*`)

// words are prose without marks, escaped: flags in bold, and pages by their names.
func (s *sheet) words(text string) string {
	var b strings.Builder
	end := 0
	for _, at := range plainForm.FindAllStringIndex(text, -1) {
		found := text[at[0]:at[1]]
		b.WriteString(escape(text[end:at[0]]))
		end = at[1]
		switch topic, asks := strings.CutPrefix(found, "vbcvault help "); {
		case asks && slices.Contains(s.book.Topics, topic):
			b.WriteString(reference("vbcvault-"+topic, "7"))
		case asks:
			b.WriteString(bold(escape(found)))
		case strings.HasPrefix(found, "vbcvault "):
			b.WriteString(reference(strings.ReplaceAll(strings.TrimSuffix(found, " --help"), " ", "-"), "1"))
		default:
			flag := strings.IndexByte(found, '-')
			b.WriteString(escape(found[:flag]) + bold(escape(found[flag:])))
		}
	}
	return b.String() + escape(text[end:])
}

// markedForm is what Markdown marks in a text: code, a link, bold, italic.
var markedForm = regexp.MustCompile("`[^`]+`|\\[[^\\]]+\\]\\([^)]+\\)|\\*\\*(?:`[^`]+`|[^*`])+\\*\\*|\\*[^* ][^*]*\\*")

var (
	linkForm = regexp.MustCompile(`^\[([^\]]+)\]\(([^)]+)\)$`)
	pageForm = regexp.MustCompile(`^([a-z]+)\.md(?:#.*)?$`)
	helpForm = regexp.MustCompile(`^vbcvault help ([a-z]+)$`)
)

// marked is a text of Markdown, escaped.
func (s *sheet) marked(text string) string {
	var b strings.Builder
	for {
		at := markedForm.FindStringIndex(text)
		if at == nil {
			return b.String() + escape(text)
		}
		found := text[at[0]:at[1]]
		b.WriteString(escape(text[:at[0]]))
		text = text[at[1]:]
		switch {
		case found[0] == '[':
			b.WriteString(s.link(found))
		case found[0] == '`':
			code := found[1 : len(found)-1]
			if m := helpForm.FindStringSubmatch(code); m != nil && slices.Contains(s.book.Topics, m[1]) {
				b.WriteString(reference("vbcvault-"+m[1], "7"))
				continue
			}
			b.WriteString(bold(escape(code)))
		case strings.HasPrefix(found, "**"):
			b.WriteString(bold(s.unmarked(found[2 : len(found)-2])))
		default:
			b.WriteString(italic(s.unmarked(found[1 : len(found)-1])))
		}
	}
}

// link is a link's text, and where it leads if that is elsewhere.
func (s *sheet) link(link string) string {
	m := linkForm.FindStringSubmatch(link)
	text, to := m[1], m[2]
	page := pageForm.FindStringSubmatch(to)
	switch {
	case page != nil && strings.Trim(text, "`") == page[1]:
		return reference("vbcvault-"+page[1], "7")
	case page != nil:
		return s.marked(text) + " (" + reference("vbcvault-"+page[1], "7") + ")"
	case strings.HasPrefix(to, "#"), strings.TrimPrefix(to, "../../../") == strings.Trim(text, "`"):
		return s.marked(text)
	}
	return s.marked(text) + " (" + escape(strings.TrimPrefix(to, "../../../")) + ")"
}

// unmarked is a text of Markdown without marks, escaped, for where a font is set already.
func (s *sheet) unmarked(text string) string {
	return fontForm.ReplaceAllString(s.marked(text), "")
}

var fontForm = regexp.MustCompile(`\\f[BIR]`)
