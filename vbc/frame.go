package vbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// frame is what surrounds the items of a page (HAL). It is read loosely: what
// it says decides when a listing is over, and nothing more.
type frame struct {
	lists  map[string]json.RawMessage // of _embedded
	none   bool                       // _embedded says that it is empty: null, [] or {}
	number int                        // what the page calls itself; unnamed = nothing
	size   int                        // how many items it may have, 0 = not said
	total  int                        // items in all, unsaid = not said
	pages  int                        // in all, by total_pages or by the links to the first and the last; 0 = not said
	paged  bool                       // it has links to other pages, so that one more would be among them
	prev   bool                       // one of them leads back, to a page before it
	next   string                     // and one on: where to, "" = there is none
}

const unsaid = -1

// parseFrame reads an answer. The error says what is wrong with it.
func parseFrame(body []byte) (f frame, err error) {
	value, err := repair(body)
	if err != nil {
		return f, fmt.Errorf("the answer is not a listing in JSON: %w", err)
	}
	var w struct {
		Embedded   json.RawMessage `json:"_embedded"`
		Links      json.RawMessage `json:"_links"`
		Page       loose           `json:"page"`
		PageSize   loose           `json:"page_size"`
		TotalItems loose           `json:"total_items"`
		TotalPages loose           `json:"total_pages"`
	}
	if json.Unmarshal(value, &w) != nil || w.Embedded == nil && w.Page == "" && w.TotalItems == "" {
		return f, errors.New("the answer is JSON, but not a listing")
	}
	f = frame{number: number(w.Page, unnamed), size: number(w.PageSize, 0), total: number(w.TotalItems, unsaid), pages: number(w.TotalPages, 0)}
	f.embedded(w.Embedded)
	f.none = f.none || w.Embedded == nil && number(w.TotalPages, unsaid) == 0
	f.links(w.Links)
	return f, nil
}

// embedded reads _embedded. A list without a name has the name "".
func (f *frame) embedded(raw json.RawMessage) {
	var list []json.RawMessage
	switch {
	case raw == nil:
		return
	case json.Unmarshal(raw, &f.lists) == nil: // null is no lists
	case json.Unmarshal(raw, &list) == nil && len(list) > 0:
		f.lists = map[string]json.RawMessage{"": raw}
	}
	f.none = len(f.lists) == 0
}

// links reads what the links say of other pages. One that leads to its own page,
// or back, says nothing of what comes.
func (f *frame) links(raw json.RawMessage) {
	var links map[string]json.RawMessage
	if json.Unmarshal(raw, &links) != nil {
		return
	}
	to := map[string]string{}
	for _, name := range []string{"first", "prev", "self", "next", "last"} {
		to[name] = href(links[name])
	}
	f.paged = to["prev"] != "" || to["first"] != "" || to["last"] != ""
	if first, last := pageOf(to["first"]), pageOf(to["last"]); first != unnamed && last >= first {
		f.pages = max(f.pages, last-first+1)
	}
	self, next, prev := pageOf(to["self"]), pageOf(to["next"]), pageOf(to["prev"])
	f.prev = to["prev"] != "" && to["prev"] != to["self"] && to["first"] != to["self"] && (self == unnamed || prev < self)
	back := next != unnamed && (self != unnamed && next <= self || self == unnamed && next < f.number)
	if to["next"] != to["self"] && !back {
		f.next = to["next"]
	}
	if to["next"] != "" && f.next == "" {
		f.paged = false // such links say nothing at all
	}
}

// href is where a link leads, "" = nowhere.
func href(raw json.RawMessage) string {
	var link struct {
		Href loose `json:"href"`
	}
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil && len(several) > 0 {
		raw = several[0]
	}
	if json.Unmarshal(raw, &link) == nil {
		return string(link.Href)
	}
	var text loose
	_ = text.UnmarshalJSON(raw) // never fails
	return string(text)
}

// pageOf is the page that an address names, unnamed if it names none.
func pageOf(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return unnamed
	}
	return number(loose(u.Query().Get("page")), unnamed)
}

// number reads a whole number from 0 on, however it is written; otherwise is
// what anything else is.
func number(text loose, otherwise int) int {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil || f < 0 || f > 1<<40 || f != math.Trunc(f) {
		return otherwise
	}
	return int(f)
}

// items takes the list of that name out of the frame. If there is none and one
// other list, that is it where guess says so, or where its items look like those
// that are wanted. ok says that there is a list, or that there are none.
func (f *frame) items(name string, guess bool, alike func(json.RawMessage) bool) (items []json.RawMessage, ok bool, err error) {
	raw, ok := f.lists[name]
	if !ok && len(f.lists) == 1 {
		for _, only := range f.lists {
			raw = only
		}
		var list []json.RawMessage
		ok = guess || alike != nil && json.Unmarshal(raw, &list) == nil && !slices.ContainsFunc(list, func(item json.RawMessage) bool { return !alike(item) })
	}
	if ok && json.Unmarshal(raw, &items) != nil {
		return nil, false, errors.New("the answer's list of items is not a list")
	}
	return items, ok || f.none && !guess, nil
}

// filled reports whether there is anything in _embedded.
func (f *frame) filled() bool {
	for _, raw := range f.lists {
		if text := string(bytes.Join(bytes.Fields(raw), nil)); text != "[]" && text != "{}" && text != "null" {
			return true
		}
	}
	return false
}

// has reports whether an item is an object with one of these fields.
func has(item json.RawMessage, names ...string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(item, &fields) != nil {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return fields[name] != nil })
}

// repair finds the JSON in an answer. A byte order mark before it, white space
// and remains behind it cost no safety. Only what can't be read otherwise is
// changed: control characters and backslashes in texts, which must be escaped in
// JSON, are escaped, so that they are read as they came.
func repair(body []byte) (json.RawMessage, error) {
	if json.Valid(body) {
		return body, nil
	}
	mark := len(body)
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	mark -= len(body)
	value, err := firstValue(body)
	if err == nil {
		return value, nil
	}
	if value, err := firstValue(escape(body)); err == nil {
		return value, nil
	}
	return nil, err.in(body, mark)
}

// misread says where an answer stops being JSON.
type misread struct {
	at      int // so many bytes were fine, or the first that isn't is the last of them
	another bool
}

// firstValue is the JSON value with which a text begins. What follows must not
// be JSON too: nobody knows what it would be there for.
func firstValue(text []byte) (json.RawMessage, *misread) {
	var value json.RawMessage
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&value); err != nil {
		at := len(text)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
			at = int(min(max(syntax.Offset, 0), int64(len(text))))
		}
		return nil, &misread{at: at}
	}
	rest := bytes.Trim(text[d.InputOffset():], " \t\r\n\x00")
	if len(rest) > 0 && (rest[0] == '{' || rest[0] == '[') {
		return nil, &misread{at: int(d.InputOffset()) + 1, another: true}
	}
	return value, nil
}

// in puts it into words. It shows nothing of the text, which may be anybody's
// number or name. before is how many bytes came before it.
func (m *misread) in(text []byte, before int) error {
	begin := bytes.TrimSpace(text[:min(len(text), 512)])
	switch {
	case len(begin) == 0:
		return errors.New("it is empty")
	case begin[0] == '<':
		return errWebPage
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		return errors.New("it is compressed, which was not requested")
	case m.another:
		return fmt.Errorf("more of it follows at byte %d", m.at+before)
	case m.at >= len(text) && cutOff(text):
		return fmt.Errorf("it breaks off after %d bytes", len(text)+before)
	}
	return fmt.Errorf("at byte %d of %d there is %s", m.at+before, len(text)+before, kindOf(text[max(0, m.at-1):]))
}

var errWebPage = errors.New("it looks like a web page, perhaps from a proxy or a sign-in page")

// cutOff reports whether a text is JSON as far as it goes.
func cutOff(text []byte) bool {
	var value json.RawMessage
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&value)
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// kindOf says what kind of character a text begins with.
func kindOf(text []byte) string {
	c, _ := utf8.DecodeRune(text)
	switch {
	case len(text) == 0:
		return "nothing more"
	case c < ' ' || c == 0x7f:
		return fmt.Sprintf("a control character (0x%02x)", c)
	case c >= utf8.RuneSelf:
		return "a character that is not ASCII"
	case unicode.IsLetter(c):
		return "a letter"
	case unicode.IsDigit(c):
		return "a digit"
	}
	return strconv.QuoteRune(c)
}

// escape escapes what must not be in a text of JSON as it is: control
// characters, and backslashes that begin nothing.
func escape(text []byte) []byte {
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c < ' ':
			fmt.Fprintf(&out, `\u%04x`, c)
			continue
		case quoted && c == '\\':
			if !escapes(text[i+1:]) {
				out.WriteByte('\\')
				break
			}
			out.WriteByte(c)
			i++
			c = text[i]
		}
		out.WriteByte(c)
	}
	return out.Bytes()
}

// escapes reports whether a backslash may stand before a text.
func escapes(text []byte) bool {
	if len(text) == 0 || !bytes.ContainsRune([]byte(`"\/bfnrtu`), rune(text[0])) {
		return false
	}
	if text[0] != 'u' {
		return true
	}
	_, err := strconv.ParseUint(string(text[1:min(len(text), 5)]), 16, 16)
	return err == nil && len(text) >= 5
}
