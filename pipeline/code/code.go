// Package code lists the short stable words by which programs know why a
// recording failed, why one stays at VBC, why a command ended before its end,
// and what is wrong with VBC's listings. Beside each code there is a text for
// people, which says more and may change from version to version; advice,
// acknowledgements and metrics go by the code.
//
// A code is never renamed, and never gets another meaning: manifests keep
// them, and somebody's scripts compare them. A new one is added to its table
// here, and nowhere else.
package code

import "strings"

// Entry is what is to be said of one code.
type Entry struct {
	Code    string
	Meaning string
	Advice  string // what to do about it; "" = what there is to do depends on more than the code
}

// About is what is to be said of a code of one of the tables, the zero Entry if
// it isn't there. Failures of transcripts, and answers of VBC, stand for their
// kind: see TranscriptPrefix and OfStatus.
func About(table []Entry, code string) Entry {
	for _, e := range table {
		if e.Code == code || e.stands(code) {
			return e
		}
	}
	return Entry{}
}

// stands reports whether an entry that ends in * stands for a code.
func (e Entry) stands(code string) bool {
	prefix, family := strings.CutSuffix(e.Code, "*")
	return family && strings.HasPrefix(code, prefix)
}
