package restore

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// DefaultNames is how restored files are called unless somebody says otherwise.
const DefaultNames = "{start}_{caller_id}_{id}.mp3"

type nameField struct {
	name string
	of   func(manifest.Row) string
}

// nameFields are what a template may have in braces.
var nameFields = []nameField{
	{"start", func(r manifest.Row) string { return r.Start.UTC().Format("20060102T150405Z") }},
	{"id", idName},
	{"kind", func(r manifest.Row) string { return string(r.Kind) }},
	{"user", func(r manifest.Row) string { return r.Owner }},
	{"caller_id", func(r manifest.Row) string { return r.CallerID }},
	{"cnam", func(r manifest.Row) string { return r.CNAM }},
	{"dnis", func(r manifest.Row) string { return r.DNIS }},
	{"direction", func(r manifest.Row) string { return strings.ToLower(r.Direction) }},
	{"extension", func(r manifest.Row) string { return strings.Join(r.Extensions, "+") }},
	{"account", func(r manifest.Row) string { return r.Account }},
	{"call_id", func(r manifest.Row) string { return r.CallID }},
}

// idName is the id, and of those that have had the same one which: 193228, 193228-2.
func idName(r manifest.Row) string {
	id := strconv.FormatInt(r.ID, 10)
	if r.Nth > 0 {
		id += fmt.Sprintf("-%d", r.Nth+1)
	}
	return id
}

// Names makes the names of restored files out of what is known of recordings.
type Names struct {
	parts []namePart // without the ending
}

// namePart is text as it stands, or a field.
type namePart struct {
	text  string
	field func(manifest.Row) string
}

// ParseNames reads a template such as DefaultNames. "/" in it makes
// directories. It ends in ".mp3" or ".{ext}", which stand for the audio's own ending.
func ParseNames(template string) (Names, error) {
	var n Names
	rest, ok := strings.CutSuffix(template, ".{ext}")
	if !ok {
		if rest, ok = strings.CutSuffix(template, ".mp3"); !ok {
			return n, fmt.Errorf("%q must end in .mp3 or .{ext}", template)
		}
	}
	for rest != "" {
		text, after, open := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return n, fmt.Errorf("%q has a } without a {", template)
		}
		if text != "" {
			n.parts = append(n.parts, namePart{text: text})
		}
		if !open {
			break
		}
		field, after, closed := strings.Cut(after, "}")
		i := slices.IndexFunc(nameFields, func(f nameField) bool { return f.name == field })
		if !closed || i < 0 {
			return n, fmt.Errorf("%q has an unknown field {%.20s}", template, field)
		}
		n.parts = append(n.parts, namePart{field: nameFields[i].of})
		rest = after
	}
	// What fits one recording fits all: only fields differ, and are made harmless.
	stem := n.stem(manifest.Row{})
	if stem == "" || strings.HasSuffix(stem, "/") {
		return n, fmt.Errorf("%q contains no name", template)
	}
	if err := storage.CheckKey(stem + ".mp3"); err != nil {
		return n, err
	}
	for element := range strings.SplitSeq(stem, "/") {
		if strings.HasPrefix(element, ".") || strings.Trim(element, " ") != element || strings.HasSuffix(element, ".") {
			return n, fmt.Errorf("%q: %q is not a valid file name on every system", template, element)
		}
	}
	return n, nil
}

// FieldNames are the fields that templates may have.
func FieldNames() (names []string) {
	for _, f := range nameFields {
		names = append(names, "{"+f.name+"}")
	}
	return names
}

// restored is one file of a recording.
type restored struct {
	object storage.Object
	name   string
}

// files are the files of a recording: its audio first, and beside it what the
// archive has beside it.
func (n Names) files(row manifest.Row) []restored {
	stem := n.stem(row)
	files := []restored{{row.Copy.Audio, stem + path.Ext(row.Copy.Audio.Key)}, {row.Copy.Sidecar, stem + ".json"}}
	if t := row.Copy.Transcript; t.Key != "" {
		files = append(files, restored{t, stem + ".transcript" + path.Ext(t.Key)})
	}
	return files
}

// stem is a recording's name without its ending. The same recording always has
// the same, on whatever system: what isn't fit for one of them is changed on all.
func (n Names) stem(row manifest.Row) string {
	var b strings.Builder
	for _, p := range n.parts {
		if p.field == nil {
			b.WriteString(p.text)
		} else {
			b.WriteString(harmless(p.field(row)))
		}
	}
	elements := strings.Split(b.String(), "/")
	for i, e := range elements {
		elements[i] = fitting(e)
	}
	return strings.Join(elements, "/")
}

const (
	longestValue   = 64  // bytes of a field in a name
	longestElement = 200 // bytes between two slashes; file systems take 255, endings included
	missingValue   = "none"
)

// harmless makes a text that VBC sent fit to be part of a name: letters and
// digits of any script stay, in their composed form, and a few signs; whatever
// else there is becomes "_". It is never empty, and has no dots or dashes at its ends.
func harmless(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("+-._@", r) {
			return '_'
		}
		return r
	}, norm.NFC.String(cut(text, 16*longestValue)))
	text = strings.Trim(cut(text, longestValue), ".-_ ")
	if text == "" {
		return missingValue
	}
	return text
}

// cut shortens a text to so many bytes, and not within a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// fitting makes one element of a path a name that every system takes. What is
// too long is cut, and told apart by a digest of the whole.
func fitting(element string) string {
	if len(element) > longestElement {
		element = cut(element, longestElement-9) + "~" + storage.SumOf([]byte(element)).String()[:8]
	}
	base, _, _ := strings.Cut(element, ".")
	if isDevice(strings.TrimRight(base, " ")) {
		return "_" + element
	}
	return element
}

// isDevice reports whether Windows takes a name, with whatever ending, for a device.
func isDevice(name string) bool {
	name = strings.ToUpper(name)
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, name) {
		return true
	}
	number, ok := strings.CutPrefix(name, "COM")
	if !ok {
		number, ok = strings.CutPrefix(name, "LPT")
	}
	return ok && slices.Contains(strings.Split("0123456789¹²³", ""), number)
}

// folded is a name as file systems compare it that know no case.
func folded(name string) string {
	return strings.ToLower(strings.ToUpper(norm.NFC.String(name)))
}
