package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const (
	byHand  = "it is for one run: give it on the command line"
	display = "it says how one run is shown: give it on the command line"
)

// refused are the flags of vbcvault archive that are no keys, and what to do instead.
var refused = map[string]string{
	"dry-run":          byHand,
	"plan":             byHand,
	"confirm-plan":     byHand,
	"full-scan":        byHand + ", or set full-scan-every",
	"retry-failed":     byHand,
	"moved":            "it is for one run after a move: give it on the command line",
	"trust-archive":    "it is for one run after a restore: give it on the command line",
	"json":             display,
	"log-format":       display,
	"log-level":        display,
	"progress":         display,
	"config":           "a file names no other file",
	"all":              byHand,
	"accounts-at-once": "it holds for the whole file: write it at the top, without indentation",
	"metrics-file":     byHand,
}

// ofOne are the flags that hold for one account alone.
var ofOne = map[string]string{
	"account":  "write it into the account: each has its own number",
	"manifest": "write it into the account: each has its own manifest, or leave it out",
}

// against are flags that a nearer one puts out of force, since they can't be used
// together: who archives everything before a day has no use for the age of others.
var against = map[string][]string{
	"older-than": {"before"},
	"before":     {"older-than"},
}

// onlyWithDelete are the flags of others that an account with delete: false has no use for.
var onlyWithDelete = []string{"delete-after", "max-deletes"}

// flagNames are the flags that are keys.
func (r *reader) flagNames() (names []string) {
	r.known.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && refused[f.Name] == "" {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	return names
}

// flag reads one flag of a section.
func (r *reader) flag(s *section, name string, n *yaml.Node, at place) {
	if why := refused[name]; why != "" {
		r.wrong(at, why, "the file can't set this")
		return
	}
	if _, isAccount := strings.CutPrefix(s.at.key, "accounts."); ofOne[name] != "" && !isAccount {
		r.wrong(at, ofOne[name], "this can't hold for several accounts")
		return
	}
	f := r.known.Lookup(name)
	elements := []*yaml.Node{n}
	if _, list := f.Value.(pflag.SliceValue); list && n.Kind == yaml.SequenceNode {
		if elements = n.Content; len(elements) == 0 {
			r.wrong(at, "give it an element, or remove the key", "the list is empty")
		}
	}
	var given []Flag
	for i, e := range elements {
		in := at
		if e != n {
			in = placeOf(e, fmt.Sprintf("%s[%d]", at.key, i+1))
		}
		if value, ok := r.flagValue(f, e, in); ok {
			given = append(given, Flag{Name: name, Value: value, Key: at.key, Line: e.Line})
		}
	}
	s.flags[name] = given
}

// flagValue is one value of a flag, as on the command line, if the flag takes it.
func (r *reader) flagValue(f *pflag.Flag, n *yaml.Node, at place) (string, bool) {
	_, list := f.Value.(pflag.SliceValue)
	tag, kind := n.ShortTag(), f.Value.Type()
	switch {
	case n.Kind == yaml.ScalarNode && tag == "!!null":
		r.wrong(at, "give it one, or remove the key", "there is no value")
		return "", false
	case n.Kind != yaml.ScalarNode && list:
		r.wrong(at, "write a list of values, as in [one, two]", "want a list of texts, not %s", kindOf(n))
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.wrong(at, "write one value", "want one value, not %s", kindOf(n))
		return "", false
	case kind == "bool" && tag != "!!bool":
		r.wrong(at, "write true or false, without quotes", "want true or false")
		return "", false
	case kind == "int" && tag != "!!int":
		r.wrong(at, "write a whole number, without quotes", "want a number, not %s", kindOf(n))
		return "", false
	case kind != "bool" && tag == "!!bool":
		r.wrong(at, "see --"+f.Name+" in vbcvault archive --help", "want a value, not true or false")
		return "", false
	}
	value := n.Value
	if strings.ContainsFunc(value, unprintable) {
		r.wrong(at, "write it in one line", "the value has a line break, or another character that can't be printed")
		return "", false
	}
	if kind == "bool" {
		value = strings.ToLower(value)
	}
	if f.Name == "manifest" && isDatabase(value) {
		if wrong, mend := unfitDatabase(value, true); wrong != "" {
			r.wrong(at, mend, "%s", wrong)
			return "", false
		}
	} else if what, _ := pflag.UnquoteUsage(f); what == "FILE" || what == "DIR" {
		path, ok := r.file(value)
		if !ok {
			r.wrong(at, mendPath, "this is not the path of a file")
			return "", false
		}
		value = path
	}
	if err := f.Value.Set(value); err != nil {
		mend := "see --" + f.Name + " in vbcvault archive --help"
		if e, ok := err.(interface{ Mend() string }); ok {
			mend = e.Mend()
		}
		r.wrong(at, mend, "%s", strings.TrimLeft(strings.TrimPrefix(err.Error(), "--"+f.Name), ": "))
		return "", false
	}
	return value, true
}

// Refused says why a flag of vbcvault archive is no key of the file, and what to do
// instead; "" if it is one.
func Refused(flag string) string { return refused[flag] }
