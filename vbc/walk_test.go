package vbc_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// framed is an account whose listings are framed otherwise.
func framed(change func(m map[string]any, links map[string]any)) vbctest.Config {
	return vbctest.Config{Frame: func(m map[string]any) {
		change(m, m["_links"].(map[string]any))
	}}
}

func itemsOf(m map[string]any) int {
	e, _ := m["_embedded"].(map[string]any)
	items, _ := e["recordings"].([]any)
	return len(items)
}

// Whatever a listing's frame says of its end, wrongly or not at all: everything
// is listed, nothing is said to be missing, and it ends. What can't be settled is
// said to be a contradiction.
func TestEndOfAListing(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) vbctest.Config {
		return framed(func(m, _ map[string]any) { m[name] = value })
	}
	without := func(names ...string) vbctest.Config {
		return framed(func(m, _ map[string]any) {
			for _, name := range names {
				delete(m, name)
			}
		})
	}
	ownCount := func(m, _ map[string]any) { m["total_items"] = itemsOf(m) }
	alwaysNext := func(m, links map[string]any) {
		links["next"] = map[string]any{"href": fmt.Sprintf("https://x/y?page=%d", m["page"].(int)+1)}
	}
	toItself := func(_, links map[string]any) { links["next"] = links["self"] }
	both := func(fs ...func(m, links map[string]any)) vbctest.Config {
		return framed(func(m, links map[string]any) {
			for _, f := range fs {
				f(m, links)
			}
		})
	}
	drop := func(names ...string) func(m, links map[string]any) {
		return func(m, links map[string]any) {
			for _, name := range names {
				delete(m, name)
				delete(links, name)
			}
		}
	}
	with := func(cfg vbctest.Config, change func(*vbctest.Config)) vbctest.Config {
		change(&cfg)
		return cfg
	}
	const all = 250 // at 100 a page
	for name, c := range map[string]struct {
		cfg      vbctest.Config
		n        int // of 250 if 0
		requests int
		odd      bool
	}{
		"as documented":                            {requests: 3},
		"full to the last page":                    {n: 300, requests: 3},
		"the count is the page's":                  {cfg: both(ownCount), requests: 3},
		"… and no links":                           {cfg: both(ownCount, drop("_links")), requests: 3},
		"… and no links nor pages":                 {cfg: both(ownCount, drop("_links", "total_pages")), requests: 4},
		"… no links nor pages, full":               {cfg: both(ownCount, drop("_links", "total_pages")), n: 300, requests: 4},
		"… and smaller than asked":                 {cfg: with(both(ownCount, drop("_links", "total_pages", "page_size")), func(c *vbctest.Config) { c.MaxPageSize = 50 }), requests: 6},
		"… and the next page isn't named":          {cfg: both(ownCount, drop("next", "last")), requests: 3},
		"… and only the next page is":              {cfg: both(ownCount, drop("total_pages", "last")), requests: 3},
		"… and pages count from 0, unasked from 1": {cfg: with(both(ownCount), func(c *vbctest.Config) { c.FirstPageZero, c.DefaultPageOne = true, true }), requests: 4},
		"the count is a text":                      {cfg: both(func(m, _ map[string]any) { m["total_items"] = strconv.Itoa(m["total_items"].(int)) }), requests: 3},
		"all numbers are texts": {cfg: both(func(m, _ map[string]any) {
			m["page"], m["total_pages"] = fmt.Sprint(m["page"]), fmt.Sprint(m["total_pages"])
		}), requests: 3},
		"numbers with a fraction":                {cfg: both(func(m, _ map[string]any) { m["page"], m["total_items"] = fmt.Sprintf("%d.0", m["page"]), 250.0 }), requests: 3},
		"the count is capped":                    {cfg: set("total_items", 200), requests: 3},
		"… where a page ends":                    {cfg: both(func(m, _ map[string]any) { m["total_items"], m["total_pages"] = 100, 1 }, drop("last")), requests: 3},
		"there is no count":                      {cfg: without("total_items"), requests: 3},
		"… nor links":                            {cfg: without("total_items", "_links"), requests: 3},
		"… nor a number of pages":                {cfg: without("total_items", "_links", "total_pages"), requests: 4},
		"… only links":                           {cfg: without("total_items", "total_pages"), requests: 3},
		"… nothing at all":                       {cfg: with(without("total_items", "_links", "total_pages", "page", "page_size"), func(c *vbctest.Config) { c.NullEmbedded = true }), requests: 4},
		"the count is 0":                         {cfg: set("total_items", 0), requests: 3},
		"the count is negative":                  {cfg: set("total_items", -1), requests: 3},
		"the count is nonsense":                  {cfg: set("total_items", []string{"many"}), requests: 3},
		"the count is null":                      {cfg: set("total_items", nil), requests: 3},
		"the count shrinks":                      {cfg: both(func(m, _ map[string]any) { m["total_items"] = 251 - m["page"].(int) }), requests: 3},
		"there is always a next page":            {cfg: both(alwaysNext), requests: 4},
		"… and the count is the page's":          {cfg: both(alwaysNext, ownCount, drop("total_pages", "last")), requests: 4},
		"… and it is a 404":                      {cfg: with(both(alwaysNext), func(c *vbctest.Config) { c.PastEnd = 404 }), requests: 4},
		"… and it is the last again":             {cfg: with(both(alwaysNext), func(c *vbctest.Config) { c.PastEnd = 1 }), requests: 4},
		"… and nothing counts the pages":         {cfg: with(both(alwaysNext, drop("total_pages", "last")), func(c *vbctest.Config) { c.PastEnd = 1 }), requests: 6, odd: true},
		"the next page is itself":                {cfg: both(toItself), requests: 3},
		"… and there is no count":                {cfg: both(toItself, drop("total_items", "total_pages", "last")), requests: 4},
		"the next page is the first":             {cfg: both(func(_, links map[string]any) { links["next"] = links["first"] }), requests: 3},
		"no count, and 404 behind the last page": {cfg: with(without("total_items", "_links", "total_pages"), func(c *vbctest.Config) { c.PastEnd = 404 }), requests: 4},
		"one page too many":                      {cfg: both(func(m, _ map[string]any) { m["total_pages"] = m["total_pages"].(int) + 1 }), requests: 4},
		"two pages too many":                     {cfg: both(func(m, _ map[string]any) { m["total_pages"] = m["total_pages"].(int) + 2 }), requests: 4, odd: true},
		"pages call themselves from 0 on":        {cfg: both(func(m, _ map[string]any) { m["page"] = m["page"].(int) - 1 }), requests: 4},
		"pages call themselves from 1 on":        {cfg: with(both(ownCount, func(m, _ map[string]any) { m["page"] = m["page"].(int) + 1 }), func(c *vbctest.Config) { c.FirstPageZero = true }), requests: 6},
		"a list without a name":                  {cfg: both(func(m, _ map[string]any) { nameless(m) }), requests: 3},
		"a list of another name":                 {cfg: both(func(m, _ map[string]any) { rename(m, "recordings", "data") }), requests: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.n == 0 {
				c.n = all
			}
			a, cl := start(t, c.cfg)
			a.Generate(c.n, day, time.Hour)
			l := cl.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100})
			var got []vbc.Recording
			for page, err := range l.Pages(t.Context(), again(cl, 1)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if len(got) < c.n && (l.Total() <= len(got) || !l.More()) {
					t.Errorf("after %d it says that there are %d, and more: %v", len(got), l.Total(), l.More())
				}
			}
			if numbers := slices.Compact(ids(got)); len(got) != c.n || len(numbers) != c.n {
				t.Errorf("listed %d, %d of them different; want %d", len(got), len(numbers), c.n)
			}
			if (l.Contradiction() != "") != c.odd || (l.Missing() != 0) != c.odd || l.More() {
				t.Errorf("contradiction %q, missing %d, more %v", l.Contradiction(), l.Missing(), l.More())
			}
			if n := a.Counts().ByKind[vbctest.List]; n > c.requests {
				t.Errorf("%d requests, want at most %d", n, c.requests)
			}
		})
	}
}

func nameless(m map[string]any) {
	if e, ok := m["_embedded"].(map[string]any); ok {
		m["_embedded"] = e["recordings"]
	}
}

func rename(m map[string]any, from, to string) {
	if e, ok := m["_embedded"].(map[string]any); ok {
		m["_embedded"] = map[string]any{to: e[from]}
	}
}

// A walk that doesn't advance ends, and what VBC said to be still to come is
// missing.
func TestListingWithoutProgress(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m, links map[string]any){
		"as documented":    func(_, _ map[string]any) {},
		"its own count":    func(m, _ map[string]any) { m["total_items"] = itemsOf(m) },
		"no count":         func(m, _ map[string]any) { delete(m, "total_items") },
		"only a next page": func(m, _ map[string]any) { delete(m, "total_items"); delete(m, "total_pages") },
		"no ids": func(m, _ map[string]any) {
			for _, item := range m["_embedded"].(map[string]any)["recordings"].([]any) {
				delete(item.(map[string]any), "id")
				item.(map[string]any)["token"] = serial.Add(1)
			}
			delete(m, "total_items")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := framed(change)
			cfg.IgnorePage = true
			a, cl := start(t, cfg)
			a.Generate(250, day, time.Hour)
			a.Inject(func(*http.Request) *vbctest.Fault {
				if a.Counts().Total > 100 {
					return &vbctest.Fault{Status: http.StatusForbidden} // it goes on for ever
				}
				return nil
			})
			l := cl.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100})
			for _, err := range l.Pages(t.Context(), again(cl, 1)) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if n := a.Counts().ByKind[vbctest.List]; n > 8 || l.Missing() == 0 || name != "as documented" && l.Contradiction() == "" {
				t.Errorf("%d requests, missing %d, contradiction %q", n, l.Missing(), l.Contradiction())
			}
		})
	}
}

var serial atomic.Int64

// A list that nobody can find is no empty list.
func TestListingWithoutItsList(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"of another name":        `{"_embedded":{"things":[{"id":1,"name":"x"}]},"page":1}`,
		"counted as none":        `{"_embedded":{"things":[{"id":1,"name":"x"}]},"page":1,"total_items":0}`,
		"beside the frame":       `{"recordings":[{"id":1,"start":"2026-05-12T10:15:00Z"}],"page":1}`,
		"two of them":            `{"_embedded":{"a":[{"id":1}],"b":[]},"page":1,"total_items":0}`,
		"not a list":             `{"_embedded":{"recordings":{"id":1}},"page":1,"total_items":0}`,
		"pages without a count":  `{"_embedded":null,"page":1,"total_pages":3}`,
		"pages and a count of 0": `{"_embedded":null,"page":1,"total_items":0,"total_pages":3}`,
	} {
		a, c := start(t, vbctest.Config{})
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.URL.Path == "/token" {
				return nil
			}
			return &vbctest.Fault{Status: 200, Body: body}
		})
		n := 0
		var last error
		for page, err := range c.List(vbc.Query{Kind: vbc.Company, Account: "self"}).Pages(t.Context(), again(c, 2)) {
			n, last = n+len(page), err
		}
		if e := vbc.AsError(last); n > 0 || e == nil || !e.Temporary() {
			t.Errorf("%s: %d listed, %v; want a temporary error", name, n, last)
		}
	}
	for _, body := range []string{`{"_embedded":[],"page":1}`, `{"_embedded":{},"page":"1"}`, `{"_embedded":null,"page":1}`, `{"page":1,"total_items":"0"}`, `{"_embedded":{"recordings":[]}}`} {
		a, c := start(t, vbctest.Config{})
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.URL.Path == "/token" {
				return nil
			}
			return &vbctest.Fault{Status: 200, Body: body}
		})
		if got := listAll(t, c, vbc.Query{}); len(got) != 0 || a.Counts().ByKind[vbctest.List] > 2 {
			t.Errorf("%s: %d listed in %d requests", body, len(got), a.Counts().ByKind[vbctest.List])
		}
	}
}

// What isn't quite JSON is read where that costs no safety, and what VBC wrote
// of each recording stays as it was as far as it is JSON.
func TestLooseFrames(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]byte) []byte{
		"byte order mark":    func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
		"white space":        func(b []byte) []byte { return append(append([]byte("\r\n \t"), b...), " \r\n\n"...) },
		"remains behind":     func(b []byte) []byte { return append(slices.Clone(b), "\n<!-- server 7 -->"...) },
		"NULs behind":        func(b []byte) []byte { return append(slices.Clone(b), 0, 0) },
		"control characters": func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"CALLER 1`), []byte("\"CALLER\x01\t\n1")) },
		"stray backslashes":  func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"CALLER 1`), []byte(`"C:\CALLER\u12 1`)) },
	} {
		a, c := start(t, vbctest.Config{Rewrite: change})
		a.Generate(150, day, time.Hour)
		all := listAll(t, c, vbc.Query{PageSize: 100})
		if len(all) != 150 || all[0].Unreadable != "" {
			t.Errorf("%s: listed %d", name, len(all))
		}
		for _, r := range all {
			if name == "control characters" && strings.HasPrefix(r.CNAM, "CALLER\x01") && r.CNAM[:9] != "CALLER\x01\t\n" ||
				name == "stray backslashes" && strings.HasPrefix(r.CNAM, "C") && strings.HasSuffix(r.CNAM, " 1") && r.CNAM != `C:\CALLER\u12 1` {
				t.Errorf("%s: %q", name, r.CNAM)
			}
		}
	}
}

// An error says where an answer stops being JSON and what is there, and nothing
// of what it holds.
func TestErrorsSayWhereJSONBreaks(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"page":1,"x":+17325550100}`:          "at byte 15 of 27 there is '+'",
		`{"page":1,"cnam":Alice}`:              "at byte 18 of 23 there is a letter",
		"{\"page\":\x02}":                      "at byte 9 of 10 there is a control character (0x02)",
		`{"page":1,"cnam":"Ali`:                "it breaks off after 21 bytes",
		"<!DOCTYPE html><p>Sign in, Alice":     "it looks like a web page",
		"\x1f\x8b\x08\x00":                     "it is compressed",
		"":                                     "it is empty",
		`{"page":1,"total_items":0}{"page":2}`: "more of it follows at byte 27",
		"\xef\xbb\xbf{\"page\":é}":             "at byte 12 of 14 there is a character that is not ASCII",
	} {
		a, c := start(t, vbctest.Config{})
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.URL.Path == "/token" {
				return nil
			}
			return &vbctest.Fault{Status: 200, Body: body}
		})
		var last error
		for _, err := range c.List(vbc.Query{Kind: vbc.Company, Account: "self"}).Pages(t.Context(), again(c, 1)) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), want) || strings.Contains(last.Error(), "Ali") || strings.Contains(last.Error(), "555") {
			t.Errorf("%q: %v; want %q", body, last, want)
		}
	}
}

// A user without a number, no users at all, and a list that can't be found: each
// is an error, after those that could be read.
func TestUsersThatCantBeNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   vbctest.Config
		users int
		want  string // "" = no error
	}{
		"as documented": {vbctest.Config{}, 3, ""},
		"a UUID": {framed(func(m, _ map[string]any) {
			m["_embedded"].(map[string]any)["data"].([]any)[1].(map[string]any)["id"] = "5f0c-11"
		}), 2, "1 of 3 users"},
		"no id": {framed(func(m, _ map[string]any) {
			delete(m["_embedded"].(map[string]any)["data"].([]any)[1].(map[string]any), "id")
		}), 2, "1 of 3 users"},
		"none": {framed(func(m, _ map[string]any) { m["_embedded"], m["total_items"], m["total_pages"] = nil, 0, 0 }), 0, "no users"},
		"none, uncounted": {framed(func(m, _ map[string]any) {
			m["_embedded"] = map[string]any{"data": []any{}}
			delete(m, "total_items")
			delete(m, "total_pages")
		}), 0, "no users"},
		"another name":           {framed(func(m, _ map[string]any) { rename(m, "data", "users") }), 3, ""},
		"a list of other things": {framed(func(m, _ map[string]any) { m["_embedded"] = map[string]any{"accounts": []any{map[string]any{"id": 1}}} }), 0, "no list of data"},
		"not in the frame": {framed(func(m, _ map[string]any) {
			m["users"] = []any{}
			delete(m, "_embedded")
			delete(m, "total_items")
			delete(m, "total_pages")
		}), 0, "no list of data"},
		"more is said to come": {vbctest.Config{IgnorePage: true, Frame: func(m map[string]any) { m["total_pages"] = 5 }}, 3, "contain nothing new"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Users = []int64{1, 2}
			_, cl := start(t, c.cfg)
			var got []string
			var last error
			for id, err := range cl.Users(t.Context(), "self", again(cl, 1)) {
				if last = err; err == nil {
					got = append(got, id)
				}
			}
			if len(got) != c.users || (last == nil) != (c.want == "") || last != nil && !strings.Contains(last.Error(), c.want) {
				t.Errorf("%v, %v; want %d and %q", got, last, c.users, c.want)
			}
		})
	}
}
