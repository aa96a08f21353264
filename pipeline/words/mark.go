package words

import "strings"

// Piece is a part of a text.
type Piece struct {
	Text   string
	Marked bool // it was looked for
}

// Mark cuts texts that follow one another, such as the segments of a transcript, into
// pieces, and marks what a query looks for, also where a phrase reaches from one text
// into the next. The pieces of a text are all of it, in its order.
func (q Query) Mark(texts ...string) [][]Piece {
	type place struct {
		text int
		Word
	}
	var all []place
	for i, t := range texts {
		for w := range In(t) {
			all = append(all, place{i, w})
		}
	}
	marks := make([][][2]int, len(texts)) // from and to in bytes, in order
	reach := 0                            // the first word that no mark covers yet
	for at := range all {
		n := q.longestAt(len(all)-at, func(i int) string { return all[at+i].Folded })
		for i := max(at, reach); i < at+n; i++ {
			m := &marks[all[i].text]
			if i > at && all[i-1].text == all[i].text {
				(*m)[len(*m)-1][1] = all[i].End // with what is between the words of a phrase
			} else {
				*m = append(*m, [2]int{all[i].Start, all[i].End})
			}
		}
		reach = max(reach, at+n)
	}
	out := make([][]Piece, len(texts))
	for i, t := range texts {
		out[i] = cut(t, marks[i])
	}
	return out
}

// Matches reports whether a text has all that a query looks for.
func (q Query) Matches(text string) bool {
	folded := strings.Fields(Folded(text))
	for _, t := range q.Terms {
		found := false
		for at := range folded {
			found = found || t.at(len(folded)-at, func(i int) string { return folded[at+i] })
		}
		if !found {
			return false
		}
	}
	return true
}

// longestAt is how many words the longest term has that is at a place, 0 if none is.
func (q Query) longestAt(left int, word func(int) string) (n int) {
	for _, t := range q.Terms {
		if len(t.Words) > n && t.at(left, word) {
			n = len(t.Words)
		}
	}
	return n
}

// at reports whether a term is at a place, from which so many words are left.
func (t Term) at(left int, word func(int) string) bool {
	if len(t.Words) > left {
		return false
	}
	for i, w := range t.Words {
		has := word(i)
		if begins := t.Prefix && i == len(t.Words)-1 && strings.HasPrefix(has, w); has != w && !begins {
			return false
		}
	}
	return true
}

func cut(text string, marks [][2]int) (pieces []Piece) {
	at := 0
	for _, m := range marks {
		if m[0] > at {
			pieces = append(pieces, Piece{text[at:m[0]], false})
		}
		pieces = append(pieces, Piece{text[m[0]:m[1]], true})
		at = m[1]
	}
	if at < len(text) {
		pieces = append(pieces, Piece{text[at:], false})
	}
	return pieces
}
