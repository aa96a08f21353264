package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// sight is a page as somebody sees it.
type sight struct {
	name  string // of its picture
	path  string
	then  func(*tab)                     // what somebody does there before it is looked at
	fails bool                           // the answer is an error, which the browser says on the console
	on    func(testing.TB) *page         // with what is needed to see it; nil = shown
	at    func(testing.TB, *page) string // the path, where that has to be made first
}

// sights are the pages that are looked at, by the pattern of their route. Each GET route
// has at least one, or says in unseen why there is nothing to see.
var sights = map[string][]sight{
	"GET /call/{account}/{kind}/{owner}/{id}/{nth}": {
		{name: "call", path: firstCall + "?words=order"},
		{name: "call-held", path: firstCall, on: held},
		{name: "call-deleted", path: firstCall, on: func(t testing.TB) *page {
			return newPage(t, pageOptions{Recordings: someRecordings()[:1], Archive: deleting(1)})
		}},
		{name: "call-failed", path: firstCall, on: as(failed)},
		{name: "call-cold", path: firstCall, on: cold},
		{name: "call-damaged", path: firstCall, on: as(damaged)},
		{name: "call-erased", path: firstCall, on: as(erased)},
		{name: "call-hostile", path: "/call/acme/company/-/666/0", on: hostilePage},
	},
	"GET /{$}": {
		{name: "search", path: "/"},
		{name: "search-none", path: "/?number=999999999"},
		{name: "search-wrong", path: "/?min=long", fails: true},
		{name: "search-hostile", path: "/", on: hostilePage},
	},
	"GET /holds": {{name: "holds", path: "/holds", on: held}},
	"GET /holds/new": {
		{name: "hold-new", path: "/holds/new?account=acme&id=193228"},
		{name: "hold-preview", path: "/holds/new?account=acme&id=193228", then: func(b *tab) {
			b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "Case 4711"))
			b.click(`main form button.primary`)
			b.until(`document.querySelector("main form input[name=token]") && document.readyState === "complete"`)
		}},
	},
	"GET /holds/{account}/{hold}": {{name: "hold", on: held, at: func(t testing.TB, p *page) string {
		holds, err := p.Manifest["acme"].Holds(t.Context())
		if err != nil || len(holds) == 0 {
			t.Fatal(holds, err)
		}
		return "/holds/acme/" + holds[0].Digest.String()
	}}},
	"GET /users":    {{name: "users", path: "/users"}, {name: "users-many", path: "/users?ended=1", on: peopled}},
	"GET /signin":   {{name: "signin", path: "/signin", on: stranger}, {name: "signin-all", path: "/signin?next=/users", on: manyWays}},
	"GET /accounts": {{name: "accounts", path: "/accounts"}},
	"GET /accounts/{account}": {
		{name: "account", path: "/accounts/acme"},
		{name: "account-audited", at: func(_ testing.TB, p *page) string { return p.audited("acme").Request.URL.Path }, on: handed},
	},
	"GET /call/{account}/{kind}/{owner}/{id}/{nth}/download": {{name: "download", path: firstCall + "/download"}},
	"GET /handover/{id}": {{name: "handover", on: handed, at: func(_ testing.TB, p *page) string {
		return p.handOver("Smith v. Acme", picks(6)...).Request.URL.Path
	}}},
	"GET /listenings": {
		{name: "listenings", path: "/listenings", on: listenedTo},
		{name: "listenings-none", path: "/listenings?who=nobody", on: listenedTo},
		{name: "listenings-wrong", path: "/listenings?id=x", fails: true},
	},
	"GET /signedout": {{name: "signedout", path: "/signedout", on: stranger}},
	"GET /link/{token}": {{name: "link", on: stranger, at: func(t testing.TB, p *page) string {
		path, err := access.NewLink(t.Context(), p.State, "vera", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}}},
	"/": {{name: "problem", path: "/nothing/here", fails: true}},
}

// unseen are the routes that answer with something else than a page.
var unseen = map[string]string{
	"GET /signin/oidc": "the way to a provider", "GET /signin/oidc/callback": "the way back",
	"GET /listenings/export":                                     "a file",
	"GET /handover/{id}/recordings.zip":                          "a ZIP",
	"GET /call/{account}/{kind}/{owner}/{id}/{nth}/waveform.svg": "a drawing",
	"GET /static/{file}":                                         "the style sheet and the script",
	"GET /call/{account}/{kind}/{owner}/{id}/{nth}/audio":        "audio",
	"GET /accounts/{account}/report":                             "a file",
}

// shown is one page with six calls, for all sights that need no more.
func shown(t testing.TB) *page {
	return newPage(t, pageOptions{Recordings: someRecordings()})
}

// held is a page with a call under a hold.
func held(t testing.TB) *page {
	p := shown(t)
	if _, err := p.Manifest["acme"].AddHold(t.Context(), manifest.Hold{IDs: []int64{193228}, Reason: "Case 4711: the customer says that nobody called back", By: "vera"}); err != nil {
		t.Fatal(err)
	}
	return p
}

// handed is a page whose receipts vouch for most of its calls, and not for all.
func handed(t testing.TB) *page {
	return newPage(t, pageOptions{Recordings: someRecordings(), Archive: deleting(4)})
}

// stranger is a page that nobody has signed in to yet.
func stranger(t testing.TB) *page {
	p := newPage(t, pageOptions{Recordings: someRecordings()[:1]})
	p.Handler = p.Server.Handler()
	return p
}

// manyWays is a page to which people sign in with passwords and by a provider.
func manyWays(t testing.TB) *page {
	p := newPage(t, pageOptions{Recordings: someRecordings()[:1], Config: config.Web{URL: "https://calls.example.com", OIDC: &config.OIDC{Issuer: "https://login.example.com", ClientID: "x", Claim: "groups"}}})
	p.Handler = p.Server.Handler()
	if err := p.State.AddUser(t.Context(), state.User{Name: "alice", Hash: "x", Role: "auditor", Changed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return p
}

// peopled is a page to which several people have signed in, one of them with a name that
// does what it can.
func peopled(t testing.TB) *page {
	p := newPage(t, pageOptions{Recordings: someRecordings()[:1]})
	for i, s := range []state.Session{
		{Person: "link:terminal vera", Name: "terminal vera", Way: state.Link, Role: "admin"},
		{Person: "oidc:https://login.example.com 8f3c", Name: "vera@example.com", Way: state.OIDC, Role: "auditor"},
		{Person: "oidc:https://login.example.com x", Name: hostile, Way: state.OIDC, Role: "supervisor"},
	} {
		s.Digest, s.Began = []byte{byte(i)}, time.Now()
		if err := p.State.Begin(t.Context(), &s, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.State.AddUser(t.Context(), state.User{Name: "alice", Hash: "x", Role: "auditor", Changed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return p
}

// Each route is looked at, or says why not.
func TestEveryPageIsLookedAt(t *testing.T) {
	t.Parallel()
	patterns := append(web.Patterns(), "/")
	for _, p := range patterns {
		if (strings.HasPrefix(p, "GET ") || p == "/") && sights[p] == nil && unseen[p] == "" {
			t.Errorf("%s: nobody looks at it; add it to sights", p)
		}
	}
	for p := range sights {
		if !slices.Contains(patterns, p) {
			t.Errorf("%s is looked at, and there is no such route", p)
		}
	}
	for p := range unseen {
		if !slices.Contains(patterns, p) {
			t.Errorf("%s has no page, and there is no such route", p)
		}
	}
}

// axe is the program that looks for what keeps people from using a page.
var axe = sync.OnceValue(func() string {
	packed, err := os.ReadFile("testdata/axe/axe.min.js.gz")
	if err == nil {
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(packed)); err == nil {
			packed, err = io.ReadAll(r)
		}
	}
	if err != nil {
		panic(err)
	}
	return string(packed)
})

// finding is something that axe has found.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible has axe look at what is shown. All that it knows is asked, best practices
// included.
func (b *tab) accessible(what, options string) {
	b.t.Helper()
	for _, f := range value[[]finding](b, `(async () => { const r = await axe.run(document, `+options+`); return r.violations; })()`) {
		for _, n := range f.Nodes {
			b.t.Errorf("%s: %s: %s\n%s\n%s", what, f.ID, f.Help, cut(n.HTML), n.Summary)
		}
	}
}

// The widths at which pages are looked at: a telephone, a tablet, a desk.
var widths = []int64{360, 768, 1280}

// Everybody can use every page, in both colours; it fits on a telephone; and it does
// nothing that its policy forbids. With VBCVAULT_PICTURES=DIR there are pictures.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	startChromium(t)
	common := sync.OnceValue(func() *page { return shown(t) })
	for _, pattern := range slices.Sorted(func(yield func(string) bool) {
		for p := range sights {
			if !yield(p) {
				return
			}
		}
	}) {
		for _, s := range sights[pattern] {
			t.Run(s.name, func(t *testing.T) {
				on := common
				if s.on != nil {
					on = func() *page { return s.on(t) }
				}
				p := on()
				if s.at != nil {
					s.path = s.at(t, p)
				}
				p.open(t).look(s)
			})
		}
	}
}

// look looks at one page in all ways.
func (b *tab) look(s sight) {
	b.t.Helper()
	b.fine = func(said string) bool { return strings.HasPrefix(said, "network: ") && s.fails }
	b.colours("light")
	b.wide(widths[len(widths)-1])
	b.visit(s.path)
	if s.then != nil {
		s.then(b)
	}
	value[bool](b, axe()+"; true")
	b.accessible(s.name+", light", `{}`)
	for _, w := range widths {
		b.wide(w)
		if over := value[[]string](b, overflows); len(over) > 0 {
			b.t.Errorf("%s: %d pixels are too few for %q", s.name, w, over)
		}
		b.picture(fmt.Sprintf("%s-%d-light", s.name, w))
	}
	b.colours("dark")
	b.accessible(s.name+", dark", `{runOnly: ["color-contrast", "link-in-text-block"]}`)
	b.picture(fmt.Sprintf("%s-%d-dark", s.name, widths[len(widths)-1]))
	b.wide(widths[0])
	b.accessible(s.name+", dark, on a telephone", `{runOnly: ["color-contrast", "target-size"]}`)
	b.picture(fmt.Sprintf("%s-%d-dark", s.name, widths[0]))
}

// overflows are what is wider than the window, if anything is.
const overflows = `document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
	[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		.map(e => e.tagName + "." + e.className + " " + (e.textContent || "").trim().slice(0, 40)).slice(0, 5)`

// hostile is text that does whatever it can to a page: script, markup, directions of
// writing, no end.
var hostile = "<script>document.title='owned'</script>\"><img src=x onerror=alert(1)>\u202e\u2066 ' OR 1=1 -- " +
	strings.Repeat("\u0336W", 300) + strings.Repeat("﷽", 200) + strings.Repeat("endless", 1500)

// hostilePage is a page with one call, all of whose texts are hostile.
func hostilePage(t testing.TB) *page {
	start := someRecordings()[0].Start
	return newPage(t, pageOptions{Viewer: "<b>vera\u202e", Recordings: []vbctest.Recording{{
		ID: 666, Start: start, Transcript: "Hello. " + hostile + "\n" + hostile,
		Extra: map[string]any{"cnam": hostile, "caller_id": hostile, "dnis": hostile, "extensions": []string{hostile, "101"}, "call_direction": hostile, hostile: hostile, "nested": map[string]any{"a": []any{hostile, 1e300, nil}}},
	}}})
}

// Whatever VBC says, it is text: it runs nothing, moves nothing, and stands in its place.
func TestHostileTextIsText(t *testing.T) {
	t.Parallel()
	b := hostilePage(t).open(t)
	b.visit("/call/acme/company/-/666/0?words=%3Cscript%3E&t=%3Cb%3E")
	if title := value[string](b, `document.title`); !regexp.MustCompile(`^Call of 12 May 2025, 10:15:00 · vbcvault$`).MatchString(title) {
		t.Errorf("the title is %q", title)
	}
	if n := value[int](b, `document.querySelectorAll("main script, main img[onerror], b b").length`); n > 0 {
		t.Errorf("%d elements are made of text", n)
	}
	if n := value[int](b, `[...document.querySelectorAll("main *")].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && /[\u202a-\u202e\u2066-\u2069]/.test(n.data))).length`); n > 0 {
		t.Errorf("%d texts turn the direction of writing", n)
	}
}
