package transcript

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/words"
)

// prefer is both of two readings, or the better one if they say the same.
func prefer(a, b []piece) []piece {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0 || !same(a, b):
		return append(a, b...)
	case better(b, a):
		return b
	}
	return a
}

// better reports whether a says more of when and by whom something was said than b.
func better(a, b []piece) bool {
	rank := func(p []piece) (n int) {
		if p[0].start.unit != nothing {
			n += 4
		}
		if !p[0].word {
			n += 2
		}
		if p[0].Speaker != "" {
			n += 1
		}
		return n
	}
	return rank(a) > rank(b) || rank(a) == rank(b) && len(a) > len(b) && !a[0].word
}

// same reports whether two readings are of the same speech: about as many words, most
// of which both have, and by nobody else.
func same(a, b []piece) bool {
	if disjoint(speakers(a), speakers(b)) {
		return false
	}
	has, n := map[string]int{}, 0
	for _, p := range a {
		for w := range words.In(p.text) {
			has[w.Folded]++
			n++
		}
	}
	of, both := 0, 0
	for _, p := range b {
		for w := range words.In(p.text) {
			of++
			if has[w.Folded]--; has[w.Folded] >= 0 {
				both++
			}
		}
	}
	few, many := min(n, of), max(n, of)
	return few*4 >= many*3 && both*5 >= few*3
}

func speakers(pieces []piece) (names []string) {
	for _, p := range pieces {
		if p.Speaker != "" && !slices.Contains(names, p.Speaker) && len(names) < 20 {
			names = append(names, p.Speaker)
		}
	}
	return names
}

func disjoint(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

const (
	longPause = 1500 // ms between words of different segments
	mostWords = 40   // of one segment that is made of words
)

// join makes segments of words that follow one another.
func join(pieces []piece) (out []piece) {
	n := 0 // words of the last one
	for _, p := range pieces {
		if p.text = strings.TrimSpace(p.text); p.text == "" {
			continue
		}
		if len(out) > 0 && p.word && follows(&out[len(out)-1], p, n) {
			last := &out[len(out)-1]
			if strings.ContainsFunc(p.text, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }) {
				last.text += " "
			}
			last.text += p.text
			if p.End != None {
				last.End = p.End
			}
			n++
			continue
		}
		out = append(out, p)
		n = 1
	}
	return out
}

// follows reports whether a word belongs to the segment before it, of n words.
func follows(last *piece, p piece, n int) bool {
	switch mark, _ := utf8.DecodeRuneInString(p.text); {
	case !last.word || last.Speaker != p.Speaker && p.Speaker != "":
		return false
	case !unicode.IsLetter(mark) && !unicode.IsNumber(mark) && utf8.RuneCountInString(p.text) == 1 && n < 2*mostWords:
		return true // it ends the sentence
	}
	end, _ := utf8.DecodeLastRuneInString(last.text)
	pause := p.Start != None && max(last.Start, last.End) != None && p.Start-max(last.Start, last.End) > longPause
	return !pause && n < mostWords && !strings.ContainsRune(".?!。？！", end)
}
