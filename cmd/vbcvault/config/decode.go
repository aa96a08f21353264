package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/spelling"
)

var (
	spans = reflect.TypeFor[time.Duration]()
	zones = reflect.TypeFor[*time.Location]()
)

// into reads a node into a value. What is wrong with it is kept, and the value left as it
// was. Of a struct only the keys that are there are set, so that one read over another
// is merged with it, key by key.
func (r *reader) into(v reflect.Value, is string, n *yaml.Node, at place) {
	if s, ok := v.Addr().Interface().(*Secret); ok {
		r.secret(s, n, at)
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		r.wrong(at, "give it one, or remove the key", "there is no value")
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[ClaimRoles]():
		v.Set(reflect.ValueOf(r.claimRoles(n, at)))
	case v.Kind() == reflect.Bool:
		r.flagged(v, n, at)
	case v.Type() == spans && is == "age":
		if s, ok := r.text(n, at); ok {
			r.age(v, s, at)
		}
	case v.Type() == spans:
		if s, ok := r.text(n, at); ok {
			r.span(v, s, at)
		}
	case v.Type() == zones:
		if s, ok := r.text(n, at); ok {
			r.zone(v, s, at)
		}
	case v.Kind() == reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		r.into(to.Elem(), is, n, at)
		v.Set(to)
	case v.Kind() == reflect.Struct:
		r.keys(v, n, at)
	case v.Kind() == reflect.Map:
		r.named(v, n, at)
	case v.Kind() == reflect.Slice:
		r.list(v, is, n, at)
	case v.Kind() == reflect.Int:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
			r.wrong(at, "write a whole number, without quotes", "want a number, not %s", kindOf(n))
			return
		}
		i, err := strconv.Atoi(n.Value)
		if err != nil || i < 1 {
			r.wrong(at, "write a number such as 14, at least 1", "this number can't be used")
			return
		}
		v.SetInt(int64(i))
	default:
		if s, ok := r.text(n, at); ok {
			if s, ok = r.valid(is, s, at); ok {
				v.SetString(s)
			}
		}
	}
}

// text is a scalar as it is written: an account's number isn't counted with, and a date
// not put into another form.
func (r *reader) text(n *yaml.Node, at place) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.wrong(at, "write one value", "want text, not %s", kindOf(n))
	case n.ShortTag() == "!!bool":
		r.wrong(at, "put it into quotes if it is meant as text", "want text, not true or false")
	case n.ShortTag() == "!!null":
		r.wrong(at, "give it one, or remove the key", "there is no value")
	case strings.ContainsFunc(n.Value, unprintable):
		r.wrong(at, "write it in one line", "the value has a line break, or another character that can't be printed")
	default:
		return n.Value, true
	}
	return "", false
}

func unprintable(c rune) bool { return c < ' ' || c == 0x7f }

// keys reads a mapping into a struct.
func (r *reader) keys(v reflect.Value, n *yaml.Node, at place) {
	if n.Kind != yaml.MappingNode {
		r.wrong(at, "write its keys below it, indented", "want keys with values, not %s", kindOf(n))
		return
	}
	fields := fieldsOf(v.Type())
	takes, sectional := v.Addr().Interface().(sectional)
	if sectional {
		*takes.part() = section{node: n, at: at, flags: map[string][]Flag{}}
	}
	torn := tornSecret(n, fields)
	all := slices.Sorted(maps.Keys(fields))
	if sectional {
		all = append(all, r.flagNames()...)
	}
	address := v.Type() == reflect.TypeFor[Webhook]() || v.Type() == reflect.TypeFor[Healthchecks]() // it may stand here itself
	for key, value := range r.pairs(n, at) {
		in := placeOf(key, at.in(key.Value))
		f, known := fields[key.Value]
		switch {
		case !known && (torn || address && spelling.Nearest(key.Value, all) == ""):
			r.wrong(placeOf(key, at.key), "write where the secret is instead, as in {env: NAME}", "something here is no key; it may be a secret, or a part of one")
		case known:
			r.places[in.key] = in
			r.into(v.FieldByIndex(f.Index), f.Tag.Get("is"), value, in)
		case sectional && r.known.Lookup(key.Value) != nil:
			r.places[in.key] = in
			r.flag(takes.part(), key.Value, value, in)
		default:
			r.unknown(key.Value, all, in)
		}
	}
}

// tornSecret reports whether a secret has been written where a reference belongs: what
// stands behind a comma in it looks like a key then, and must not be shown.
func tornSecret(n *yaml.Node, fields map[string]reflect.StructField) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		f, ok := fields[n.Content[i].Value]
		if !ok || n.Content[i+1].Kind == yaml.MappingNode {
			continue
		}
		switch f.Type {
		case reflect.TypeFor[Secret](), reflect.TypeFor[*Webhook](), reflect.TypeFor[*Healthchecks]():
			return true
		}
	}
	return false
}

// unknown says that there is no such key, and which may be meant.
func (r *reader) unknown(key string, names []string, at place) {
	mend := "the keys here are: " + strings.Join(names, ", ")
	if len(names) > 12 {
		mend = "vbcvault help config lists the keys"
	}
	for _, also := range []string{key, strings.ReplaceAll(strings.TrimLeft(key, "-"), "_", "-")} {
		if name := spelling.Nearest(also, names); name != "" {
			mend = fmt.Sprintf("did you mean %s?", name)
			r.meant[strings.TrimSuffix(at.key, key)+name] = true
		}
	}
	r.wrong(at, mend, "there is no such key")
}

// mendName says which name may be meant.
func mendName(name, of string, names []string) string {
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(names) == 0 {
		return "add it below " + of
	}
	return "there are: " + strings.Join(names[:min(len(names), 12)], ", ")
}

// named reads a mapping from names, which people choose, to values.
func (r *reader) named(v reflect.Value, n *yaml.Node, at place) {
	if n.Kind != yaml.MappingNode {
		r.wrong(at, "write a name for each below it, indented, as in acme:", "want names with their keys, not %s", kindOf(n))
		return
	}
	all := reflect.MakeMap(v.Type())
	for key, value := range r.pairs(n, at) {
		in := placeOf(key, at.in(key.Value))
		r.places[in.key] = in
		if why := UnfitName(key.Value); why != "" {
			r.wrong(in, "use lower-case letters, digits, - and _, at most 63, as in acme-berlin", "%s", why)
		}
		one := reflect.New(v.Type().Elem()).Elem()
		r.into(one, "", value, in)
		all.SetMapIndex(reflect.ValueOf(key.Value), one)
	}
	v.Set(all)
}

// list reads a list of texts, of which one may stand without a list.
func (r *reader) list(v reflect.Value, is string, n *yaml.Node, at place) {
	if is == "argv" && n.Kind != yaml.SequenceNode {
		r.wrong(at, `write a list of the program and its arguments, as in ["/usr/bin/pass", "show", "vbc"]: no shell takes it apart`, "want a list, not %s", kindOf(n))
		return
	}
	elements := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		elements = n.Content
	}
	if len(elements) == 0 {
		r.wrong(at, "give it an element, or remove the key", "the list is empty")
	}
	all := reflect.MakeSlice(v.Type(), 0, len(elements))
	for i, e := range elements {
		in := at
		if n.Kind == yaml.SequenceNode {
			in = placeOf(e, fmt.Sprintf("%s[%d]", at.key, i+1))
		}
		s, ok := r.text(e, in)
		if ok && is != "argv" {
			s, ok = r.valid(is, s, in)
		}
		if ok {
			all = reflect.Append(all, reflect.ValueOf(s))
		}
	}
	if is == "argv" && all.Len() > 0 {
		if why, mend := unfitProgram(all.Index(0).String()); why != "" {
			r.wrong(at, mend, "%s", why)
		}
	}
	v.Set(all)
}

// pairs are the keys of a mapping with their values. A key that is there twice is wrong,
// and counts once.
func (r *reader) pairs(n *yaml.Node, at place) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		lines := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind != yaml.ScalarNode {
				r.wrong(placeOf(key, at.key), "write the key as one word", "a key is %s", kindOf(key))
				continue
			}
			if first, twice := lines[key.Value]; twice {
				r.wrong(placeOf(key, at.in(key.Value)), fmt.Sprintf("remove one of them; the other is in line %d", first), "the key is there twice")
				continue
			}
			lines[key.Value] = key.Line
			if !yield(key, value) {
				return
			}
		}
	}
}

// fieldsOf are the fields of a struct by their keys in the file.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	all := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			all[name] = f
		}
	}
	return all
}

// placeOf is where a node stands. A key may be anything that somebody has typed.
func placeOf(n *yaml.Node, key string) place {
	key = strings.ToValidUTF8(key, "?")
	if long := []rune(key); len(long) > 200 {
		key = string(long[:200]) + "…"
	}
	if strings.ContainsFunc(key, func(c rune) bool { return !strconv.IsPrint(c) }) {
		key = strings.Trim(strconv.QuoteToGraphic(key), `"`)
	}
	return place{key: key, line: n.Line, column: n.Column}
}

// kindOf says what a node is, for people, and not its value.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return cmp.Or(map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!null": "nothing", "!!timestamp": "a date"}[n.ShortTag()], "text")
	}
	return "something else"
}
