package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// largest is how large a file may be, in bytes: ten thousand accounts, and more.
const largest = 8 << 20

// Load reads a file. flags makes the flags of vbcvault archive, which say which keys
// there are and which values they take: an error of a flag's Set may have a method Mend,
// which says how to mend it. The error is an *Error with every mistake, or says why the
// file can't be read. It asks nobody for a secret and reads no other file. Several
// goroutines may call it.
func Load(path string, flags func() *pflag.FlagSet) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text, flags)
}

// Parse is Load for the text of the file that has, or would have, this path.
func Parse(path string, text []byte, flags func() *pflag.FlagSet) (*Config, error) {
	r := &reader{path: path, known: flags(), seen: map[Mistake]bool{}, meant: map[string]bool{}, places: map[string]place{}}
	root := r.document(text)
	if root == nil {
		return nil, r.err()
	}
	var f file
	r.into(reflect.ValueOf(&f).Elem(), "", root, place{line: root.Line, column: root.Column})
	if root.Kind != yaml.MappingNode {
		return nil, r.err()
	}
	c := r.config(&f)
	if err := r.err(); err != nil {
		return nil, err
	}
	c.Digest = fmt.Sprintf("%x", sha256.Sum256(text))[:12]
	return c, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Path: path, Mistakes: []Mistake{{Wrong: "there is no such file", Mend: "vbcvault config init makes one"}}}
	case err != nil:
		return nil, &Error{Path: path, Mistakes: []Mistake{{Wrong: fmt.Sprintf("the file can't be read: %v", reason(err)), Mend: "this user must be able to read it"}}}
	case info.IsDir():
		return nil, &Error{Path: path, Mistakes: []Mistake{{Wrong: "this is a directory", Mend: "name the file in it"}}}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, &Error{Path: path, Mistakes: []Mistake{{Wrong: fmt.Sprintf("the file can't be read: %v", reason(err)), Mend: "this user must be able to read it"}}}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err != nil {
		return nil, &Error{Path: path, Mistakes: []Mistake{{Wrong: fmt.Sprintf("the file can't be read: %v", reason(err)), Mend: "check the disk that it is on"}}}
	}
	return text, nil
}

// reason is what the system says, without the path that has been said before.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// document is the one document of a file, nil if it has none that can be read.
func (r *reader) document(text []byte) *yaml.Node {
	top := place{line: 1}
	switch {
	case len(text) > largest:
		r.wrong(place{}, "split it into several files, for services of their own", "the file has more than %d MiB", largest>>20)
		return nil
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")), bytes.IndexByte(text, 0) >= 0:
		r.wrong(top, "save it as UTF-8", "the file is not UTF-8 text")
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // which editors put before it
	if line := firstInvalid(text); line > 0 {
		r.wrong(place{line: line}, "save the file as UTF-8", "a character is not UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := decode(decoder, &doc)
	if errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null") {
		r.wrong(top, "vbcvault config init makes a file out of today's environment and flags", "the file is empty")
		return nil
	}
	if err == nil {
		if again := decode(decoder, &more); !errors.Is(again, io.EOF) {
			if again == nil {
				r.wrong(place{line: more.Line}, "write everything into one, and remove the --- between", "there are several documents")
			}
			err = again
		}
	}
	if err != nil {
		r.syntax(err, text)
		return nil
	}
	r.plain(doc.Content[0], place{})
	if len(r.mistakes) > 0 {
		return nil
	}
	return doc.Content[0]
}

// decode reads the next document. A parser that is given anything at all may come to
// what its authors have not thought of.
func decode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: the text can't be taken apart")
		}
	}()
	return d.Decode(n)
}

func firstInvalid(text []byte) (line int) {
	for l := range bytes.Lines(text) {
		line++
		if !utf8.Valid(l) {
			return line
		}
	}
	return 0
}

// syntax says what the parser says, in words of ours: its own may quote the text, which
// may be a secret.
func (r *reader) syntax(err error, text []byte) {
	said, line := err.Error(), firstWith(err, text)
	for _, known := range []struct{ part, wrong, mend string }{
		{"unknown anchor", "anchors and aliases (& and *) are not used here", "write what several accounts have in common into defaults or destinations; put a text that begins with * into quotes"},
		{"mapping values are not allowed", "a colon stands where none can", "check the indentation here and in the line above, and put texts with a colon into quotes"},
		{"could not find expected ':'", "a colon is missing", "write key: value, here or in the lines above"},
		{"did not find expected key", "the indentation does not fit", "indent all keys of one part by the same number of spaces"},
		{"block sequence entries", "a list begins where none can", "write it below its key, indented"},
		{"did not find expected '-' indicator", "the list is not indented evenly", "begin each element with a dash, below the one before it"},
		{"expected ',' or", "a bracket or a comma is missing", "close each [ with ] and each { with }, and put commas between"},
		{"unexpected end of stream", "a quote is not closed", "end each text with the quote that it begins with"},
		{"escape", "a backslash stands for no character", "use single quotes, or write two backslashes for one"},
		{"tab", "a tab is used for indentation", "indent with spaces"},
		{"max depth", "this is nested too deeply", "a file has few levels; see vbcvault help config"},
	} {
		if strings.Contains(said, known.part) {
			r.wrong(place{line: line}, known.mend, "%s", known.wrong)
			return
		}
	}
	if tab := tabbed(text); tab > 0 {
		r.wrong(place{line: tab}, "indent with spaces", "a tab is used for indentation")
		return
	}
	if strings.Contains(said, "cannot start any token") {
		r.wrong(place{line: line}, "put texts that begin with such a character into quotes", "a text begins with a character that YAML keeps for itself (@, `, %% or a tab)")
		return
	}
	r.wrong(place{line: line}, "check quotes, brackets and indentation, here and in the line above", "this is not YAML")
}

// firstWith is the line at which a parser finds out: the first up to which the text has
// the same error. The line that the parser itself names is often that of the part which
// the mistake is in, or one before.
func firstWith(err error, text []byte) int {
	var ends []int
	end := 0
	for l := range bytes.Lines(text) {
		end += len(l)
		ends = append(ends, end)
	}
	return 1 + sort.Search(max(len(ends)-1, 0), func(i int) bool {
		d := yaml.NewDecoder(bytes.NewReader(text[:ends[i]]))
		for {
			var n yaml.Node
			if found := decode(d, &n); found != nil {
				return found.Error() == err.Error()
			}
		}
	})
}

// tabbed is the first line that begins with a tab, or with spaces and a tab.
func tabbed(text []byte) (line int) {
	for l := range bytes.Lines(text) {
		line++
		if rest := bytes.TrimLeft(l, " "); bytes.HasPrefix(rest, []byte("\t")) && len(bytes.TrimSpace(rest)) > 0 {
			return line
		}
	}
	return 0
}

// deepest is how many levels a file may have; it needs six.
const deepest = 32

// plain refuses what hides where a value comes from. What is named in it is not shown: a
// password may begin with any character.
func (r *reader) plain(n *yaml.Node, at place) {
	const mend = "write what several accounts have in common into defaults or destinations; put a text that begins with such a character into quotes"
	at.line, at.column = n.Line, n.Column
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.wrong(at, mend, "anchors and aliases (& and *) are not used here")
		return
	case n.Style&yaml.TaggedStyle != 0:
		r.wrong(at, "remove it, or put a text that begins with ! into quotes", "tags (!) are not used here")
		return
	case strings.Count(at.key, ".") > deepest:
		r.wrong(at, "a file has few levels; see vbcvault help config", "this is nested too deeply")
		return
	}
	for i, c := range n.Content {
		in := at
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			if n.Content[i-1].Value == "<<" {
				r.wrong(placeOf(n.Content[i-1], at.in("<<")), mend, "merge keys (<<) are not used here")
				continue
			}
			in = placeOf(n.Content[i-1], at.in(n.Content[i-1].Value))
		}
		r.plain(c, in)
	}
}
