package transcript

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// node is a value of a JSON file. What it holds is in the order of the file.
type node struct {
	kind  kind
	text  string   // of a text or a number
	names []string // of an object's fields
	plain []string // the same, see plainName
	kids  []*node
}

type kind int

const (
	other   kind = iota // true, false, null
	text                // a string
	numeric             // a number
	array
	object
)

// deepest is how deep values may lie in one another.
const deepest = 100

var errTooDeep = errors.New("too deep")

// parse reads JSON, or JSON lines.
func parse(file string) (*node, bool) {
	if trimmed := strings.TrimSpace(file); trimmed == "" || !strings.ContainsRune(`{["`, rune(trimmed[0])) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(file))
	d.UseNumber()
	all := &node{kind: array}
	for {
		n, err := next(d, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false
		}
		all.kids = append(all.kids, n)
	}
	if len(all.kids) == 1 {
		return all.kids[0], true
	}
	return all, true
}

func next(d *json.Decoder, depth int) (*node, error) {
	if depth > deepest {
		return nil, errTooDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		return &node{kind: text, text: v}, nil
	case json.Number:
		return &node{kind: numeric, text: v.String()}, nil
	case json.Delim:
		return within(d, v, depth)
	}
	return &node{}, nil
}

// within reads what an array or an object holds.
func within(d *json.Decoder, begin json.Delim, depth int) (*node, error) {
	n := &node{kind: array}
	if begin == '{' {
		n.kind = object
	}
	for d.More() {
		if n.kind == object {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			text, _ := name.(string) // names always are
			n.names, n.plain = append(n.names, text), append(n.plain, plainName(text))
		}
		kid, err := next(d, depth+1)
		if err != nil {
			return nil, unexpected(err)
		}
		n.kids = append(n.kids, kid)
	}
	_, err := d.Token()
	return n, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// field is the value of an object's field by its plain name, nil if it has none.
func (n *node) field(name string) *node {
	if i := slices.Index(n.plain, name); i >= 0 {
		return n.kids[i]
	}
	return nil
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// plainName is a field's name in small letters and without what separates words.
func plainName(name string) string {
	return strings.ToLower(separators.Replace(name))
}
