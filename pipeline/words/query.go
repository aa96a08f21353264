package words

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Query is what somebody looks for in transcripts: all of its terms.
type Query struct {
	Terms []Term
	// Ignored is what was typed and has no letter and no digit, as in "-" or "?".
	Ignored []string
}

// Term is one word, or several that follow one another.
type Term struct {
	Words  []string // as they are compared
	Prefix bool     // the last one is only the beginning of a word
}

// Error says why a text can't be looked for. It is in plain words, for whoever typed it.
type Error struct{ Reason, Hint string }

func (e *Error) Error() string { return e.Reason }

const (
	MostWords = 32 // of a query
	// shortestPrefix keeps a beginning from being that of nearly every word.
	shortestPrefix = 3
)

// Parse reads what somebody has typed: words, phrases in double quotes, and beginnings
// of words with a * behind them. It never fails because of how something is written; it
// is an *Error if nothing is left to look for, or if that would be too much. No text at
// all, or spaces alone, is a query without terms.
func Parse(text string) (q Query, err error) {
	n := 0
	for _, piece := range split(text) {
		t := Term{Prefix: strings.HasSuffix(piece, "*")}
		for w := range In(piece) {
			t.Words = append(t.Words, w.Folded)
		}
		if len(t.Words) == 0 {
			q.Ignored = append(q.Ignored, piece)
			continue
		}
		last := t.Words[len(t.Words)-1]
		if t.Prefix && utf8.RuneCountInString(last) < shortestPrefix && !standsAlone(last) {
			return Query{}, &Error{fmt.Sprintf("%q is too short: nearly every word begins so", last+"*"),
				fmt.Sprintf("write at least %d letters before the *", shortestPrefix)}
		}
		if n += len(t.Words); n > MostWords {
			return Query{}, &Error{fmt.Sprintf("these are too many words: the limit is %d", MostWords), "use fewer words"}
		}
		if !slices.ContainsFunc(q.Terms, func(o Term) bool { return o.Prefix == t.Prefix && slices.Equal(o.Words, t.Words) }) {
			q.Terms = append(q.Terms, t)
		}
	}
	if len(q.Terms) == 0 && strings.TrimSpace(text) != "" {
		return Query{}, &Error{fmt.Sprintf("there is no word in %q: it has no letter and no digit", short(text)), "write a word that was said"}
	}
	return q, nil
}

// short is a text as errors quote it.
func short(text string) string {
	if r := []rune(strings.ToValidUTF8(text, "\uFFFD")); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

// split cuts a text at its spaces, save within double quotes. A quote that isn't
// closed reaches to the end. A * directly behind a phrase belongs to it.
func split(text string) (pieces []string) {
	text = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "\u00a0", " ").Replace(text)
	for i, part := range strings.Split(text, `"`) {
		quoted := i%2 == 1
		switch {
		case !quoted && i > 0 && strings.HasPrefix(part, "*") && len(pieces) > 0:
			pieces[len(pieces)-1] += "*"
			part = part[1:]
			fallthrough
		case !quoted:
			pieces = append(pieces, strings.Fields(part)...)
		case strings.TrimSpace(part) != "":
			pieces = append(pieces, strings.TrimSpace(part))
		}
	}
	return pieces
}
