package vbc

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// A recording's JSON is read more often than anything else, and of its members few are
// wanted: so they are found in one pass. Package json, which would take several times as
// long, says before whether it is JSON, and reads what is rare in it. What it makes of
// such an object is made of it here alike, see FuzzParseRecording.

// object reports whether a text is a JSON object, or null, which is one without members.
func object(text []byte) bool {
	if !json.Valid(text) {
		return false
	}
	begin := text[skipSpace(text, 0)]
	return begin == '{' || begin == 'n'
}

// members yields the members of an object, also those of which several have one name; of
// anything else in JSON, and of nothing, none.
func members(text []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		at := skipSpace(text, 0)
		if at == len(text) || text[at] != '{' {
			return
		}
		for at = skipSpace(text, at+1); text[at] != '}'; at = skipComma(text, at) {
			end := skipValue(text, at)
			name := text[at:end]
			at = skipSpace(text, skipSpace(text, end)+1) // behind the colon
			end = skipValue(text, at)
			if !yield(unquoted(name), text[at:end]) {
				return
			}
			at = end
		}
	}
}

// elements yields the elements of an array in valid JSON.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := skipSpace(array, 1); array[at] != ']'; {
			end := skipValue(array, at)
			if !yield(array[at:end]) {
				return
			}
			at = skipComma(array, end)
		}
	}
}

// is reports whether a member has a name, as package json sees it.
func is(member []byte, name string) bool {
	return string(member) == name || strings.EqualFold(string(member), name)
}

// skipSpace is where white space ends that begins at a place in valid JSON.
func skipSpace(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[at]) >= 0 {
		at++
	}
	return at
}

// skipComma is where, behind a value, the next begins or its object or array ends.
func skipComma(text []byte, at int) int {
	if at = skipSpace(text, at); text[at] == ',' {
		at = skipSpace(text, at+1)
	}
	return at
}

// skipValue is where a value ends that begins at a place in valid JSON.
func skipValue(text []byte, at int) int {
	for depth := 0; ; {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ' ', '\t', '\r', '\n', ',', ':': // within one
			at++
		default: // a number, true, false or null
			for at < len(text) && bytes.IndexByte([]byte(" \t\r\n,:]}"), text[at]) < 0 {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}

func skipString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// unquoted is what a string says.
func unquoted(text []byte) []byte {
	inside := text[1 : len(text)-1]
	for _, c := range inside {
		if c == '\\' || c >= utf8.RuneSelf { // which may be no UTF-8
			var s string
			_ = json.Unmarshal(text, &s) // never fails
			return []byte(s)
		}
	}
	return inside
}
