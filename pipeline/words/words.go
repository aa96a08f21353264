// Package words says what a word is: in a transcript that is indexed, in what
// somebody looks for, and where a found word is marked. All three ask here, so that
// what is found is also what is marked, whatever database keeps the index.
//
// A word is a run of letters, marks and digits. It is compared without regard to case,
// accents and the width of its letters: "Crème" is "creme". Scripts that put no spaces
// between words have each of their characters count as a word of its own, so that a
// part of such a text is found as a phrase.
package words

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Word is one word of a text.
type Word struct {
	Start, End int    // in bytes
	Folded     string // as words are compared: letters, marks and digits only, never ""
}

// longest is how many characters of a word are compared. What is longer is no word of
// any language, and is found by its beginning.
const longest = 64

// In yields the words of a text, in their order.
func In(text string) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		start := -1 // of the word that the scan is in
		for i, c := range text {
			switch {
			case start >= 0 && !goesOn(text, start, c):
				if !send(text, start, i, yield) {
					return
				}
				start = -1
				if begins(c) {
					start = i
				}
			case start < 0 && begins(c):
				start = i
			}
		}
		if start >= 0 {
			send(text, start, len(text), yield)
		}
	}
}

// begins reports whether a word may begin with a character.
func begins(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }

// goesOn reports whether a word that began at start has c as its next character.
// Invisible characters, such as soft hyphens, are in words but don't count.
func goesOn(text string, start int, c rune) bool {
	if c >= utf8.RuneSelf && (unicode.Is(unicode.M, c) || unicode.Is(unicode.Cf, c)) {
		return true
	}
	return begins(c) && !standsAlone(text[start:]) && (c < utf8.RuneSelf || !unicode.In(c, unspaced...))
}

// standsAlone reports whether a word begins with a character that is one by itself.
func standsAlone(word string) bool {
	c, _ := utf8.DecodeRuneInString(word)
	return c >= utf8.RuneSelf && unicode.In(c, unspaced...)
}

// unspaced are the scripts that put no spaces between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

func send(text string, start, end int, yield func(Word) bool) bool {
	folded := fold(text[start:end])
	return folded == "" || yield(Word{start, end, folded})
}

// fold writes a word as it is compared.
func fold(word string) string {
	if plain(word) {
		return strings.ToLower(word[:min(len(word), longest)])
	}
	var b strings.Builder
	n := 0
	for _, c := range norm.NFKD.String(cases.Fold().String(word)) {
		accent := unicode.Is(unicode.Mn, c) && unicode.Is(unicode.Inherited, c)
		if accent || !begins(c) && !unicode.Is(unicode.M, c) {
			continue
		}
		if n++; n > longest {
			break
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func plain(word string) bool {
	for i := range len(word) {
		if word[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Folded are the words of a text as they are compared, with a space between them.
func Folded(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for w := range In(text) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Folded)
	}
	return b.String()
}
