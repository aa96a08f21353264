package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Mistake is one thing that is wrong with a file. It never has the value of a secret.
type Mistake struct {
	Line  int    `json:"line"`          // of the file; 0 = the file as a whole
	Key   string `json:"key,omitempty"` // as in accounts.acme.older-than
	Wrong string `json:"wrong"`         // what is wrong
	Mend  string `json:"mend"`          // how to mend it

	column int
}

func (m Mistake) String() string {
	text := m.Wrong
	if m.Key != "" {
		text = m.Key + ": " + text
	}
	if m.Mend != "" {
		text += "; " + m.Mend
	}
	return text
}

// Error is everything that is wrong with a file, in the order of its lines.
type Error struct {
	Path     string
	Mistakes []Mistake
}

// mostShown are the mistakes that an error shows: who has as many has made one of them
// many times.
const mostShown = 100

func (e *Error) Error() string {
	var lines []string
	for i, m := range e.Mistakes {
		if i == mostShown {
			lines = append(lines, fmt.Sprintf("%s: and %d more", e.Path, len(e.Mistakes)-i))
			break
		}
		lines = append(lines, At(e.Path, m.Line)+": "+m.String())
	}
	return strings.Join(lines, "\n")
}

// At says a place in a file, as compilers do and editors know.
func At(path string, line int) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, line)
}

// reader is what reads a file: it knows where that lies, and keeps what is wrong.
type reader struct {
	path     string
	known    *pflag.FlagSet // the flags of vbcvault archive
	mistakes []Mistake
	seen     map[Mistake]bool
	meant    map[string]bool // keys that are there, misspelt
	lacking  []lack
	places   map[string]place // of keys
}

// wrong keeps a mistake, once: what a section has is read again for each account.
func (r *reader) wrong(at place, mend, format string, args ...any) {
	m := Mistake{Line: at.line, column: at.column, Key: at.key, Wrong: fmt.Sprintf(format, args...), Mend: mend}
	if !r.seen[m] {
		r.seen[m] = true
		r.mistakes = append(r.mistakes, m)
	}
}

// lack is what accounts lack, and how to mend it.
type lack struct {
	wrong, mend string
	accounts    []string
}

// fewNames are as many accounts as are named one by one.
const fewNames = 3

// Several names accounts of which the same is wrong: one, or how many they are with the
// first few.
func Several(names []string) string {
	switch n := len(names); {
	case n == 1:
		return "account " + names[0]
	case n > fewNames:
		return fmt.Sprintf("%d accounts (%s and %d more)", n, strings.Join(names[:fewNames], ", "), n-fewNames)
	}
	return fmt.Sprintf("%d accounts (%s)", len(names), strings.Join(names, ", "))
}

// accountLacks notes what an account lacks.
func (r *reader) accountLacks(name, mend, format string, args ...any) {
	what := lack{wrong: fmt.Sprintf(format, args...), mend: mend}
	i := slices.IndexFunc(r.lacking, func(l lack) bool { return l.wrong == what.wrong && l.mend == mend })
	if i < 0 {
		i, r.lacking = len(r.lacking), append(r.lacking, what)
	}
	r.lacking[i].accounts = append(r.lacking[i].accounts, name)
}

// sayLacking says what accounts lack: of many that lack the same, it says so once.
// Hundreds of lines would hide the one that has to be mended.
func (r *reader) sayLacking() {
	for _, what := range r.lacking {
		if len(what.accounts) > fewNames {
			r.wrong(r.at("accounts"), what.mend, "%s: %s", Several(what.accounts), what.wrong)
			continue
		}
		for _, name := range what.accounts {
			r.wrong(r.at("accounts."+name), what.mend, "%s", what.wrong)
		}
	}
}

// err is all that is wrong, nil if nothing is.
func (r *reader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.column, b.column))
	})
	return &Error{Path: r.path, Mistakes: r.mistakes}
}

// at is where the first of these keys stands that is there.
func (r *reader) at(keys ...string) place {
	for _, k := range keys {
		if p, ok := r.places[k]; ok {
			return p
		}
	}
	return place{}
}

// place is where something stands.
type place struct {
	key          string
	line, column int
}

// in is a place's key with one more part.
func (p place) in(name string) string {
	if p.key == "" {
		return name
	}
	return p.key + "." + name
}

// file is the path of a file that the configuration names: one that begins with a dot
// lies beside it. Others than these and absolute ones aren't paths: what the program's
// directory is, nobody sees in a file, and no word that is a secret looks like one.
func (r *reader) file(s string) (path string, ok bool) {
	if filepath.IsAbs(s) {
		return filepath.Clean(s), true
	}
	slashed := filepath.ToSlash(s)
	if slashed == "." || slashed == ".." || strings.HasPrefix(slashed, "./") || strings.HasPrefix(slashed, "../") {
		dir, err := filepath.Abs(filepath.Dir(r.path))
		return filepath.Join(dir, s), err == nil
	}
	return "", false
}

const mendPath = "write the whole path, as in /var/lib/vbcvault, or ./NAME for one beside this file"
