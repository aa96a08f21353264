package manifest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// TextErased is in place of a run's filter from an erasure on, and of what other
// texts have quoted of the call: that there was something is left.
const TextErased = "erased"

// shortest is how many bytes a text needs to tell of anybody. What is shorter may be
// part of any word.
const shortest = 3

// Quotes are the texts by which a call is known: numbers and names of those who
// spoke, and of the file. Longer ones come first, since others may be part of them.
func (r Row) Quotes() (texts []string) {
	callers := []string{r.CallerID, r.DNIS}
	for _, s := range r.Said {
		callers = append(callers, s.CallerID)
	}
	for _, text := range append(callers, Digits(r.CallerID), Digits(r.DNIS), r.CNAM, r.FileName, r.CallID) {
		if text = strings.TrimSpace(text); len(text) >= shortest && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	slices.SortStableFunc(texts, func(a, b string) int { return len(b) - len(a) })
	return texts
}

// WithoutFilter is what a run has written down of its options, without what it was
// narrowed to: earlier versions wrote out to which caller.
func WithoutFilter(options []byte) []byte {
	return edited(options, func(name string, value json.RawMessage) json.RawMessage {
		switch name {
		case "Filter":
			return nil
		case "filter":
			return written(TextErased)
		}
		return value
	})
}

// WithoutQuotes is what a run has written down of its end, without texts that it quotes.
func WithoutQuotes(summary []byte, texts []string) []byte {
	without := func(text string) string {
		for _, t := range texts {
			text = strings.ReplaceAll(text, t, TextErased)
		}
		return text
	}
	return edited(summary, func(name string, value json.RawMessage) json.RawMessage {
		var text string
		var all []string
		switch {
		case name == "stopped" && json.Unmarshal(value, &text) == nil:
			return written(without(text))
		case name == "problems" && json.Unmarshal(value, &all) == nil && all != nil:
			for i := range all {
				all[i] = without(all[i])
			}
			return written(all)
		}
		return value
	})
}

// InJSON are the forms that a text may have within a text of JSON.
func InJSON(text string) [][]byte {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // a text: can't fail
	}
	inner := func(quoted []byte) []byte {
		return bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(quoted), []byte(`"`)), []byte(`"`))
	}
	return [][]byte{inner(written(text)), inner(plain.Bytes())}
}

func written(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts: can't fail
	}
	return b
}

// edited is an object of JSON with other members' values, nil for none. What is none stays
// as it is.
func edited(object []byte, edit func(name string, value json.RawMessage) json.RawMessage) []byte {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') || !json.Valid(object) {
		return object
	}
	var members [][]byte
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return object
		}
		text, _ := name.(string)
		if value = edit(text, value); value != nil {
			members = append(members, slices.Concat(written(text), []byte(":"), value))
		}
	}
	return slices.Concat([]byte("{"), bytes.Join(members, []byte(",")), []byte("}"))
}
