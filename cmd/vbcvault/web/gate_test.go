package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// gated is the page with its gate before it, and no account: what people get to see who
// want to get in. Time passes when a test says so.
type gated struct {
	t       testing.TB
	state   *state.DB
	gate    *access.Gate
	handler http.Handler
	log     *lines
	options access.Options
	now     atomic.Int64 // Unix milliseconds
}

const theListen = "127.0.0.1:8180"

func newGate(t testing.TB, c config.Web) *gated {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "web.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	g := &gated{t: t, state: db, log: &lines{}}
	g.now.Store(time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC).UnixMilli())
	g.options = access.Options{State: db, Config: c, Listen: theListen, Now: g.time,
		Log: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	g.open()
	return g
}

// open opens the page, as when the program is started again.
func (g *gated) open() {
	g.gate = access.New(g.options)
	g.handler = g.gate.Guard(web.New(web.Options{Vaults: func() []*web.Vault { return nil }, Config: g.options.Config,
		State: g.state, Gate: g.gate, Log: g.options.Log, Version: "test", Now: g.time}).Handler())
}

func (g *gated) time() time.Time      { return time.UnixMilli(g.now.Load()).UTC() }
func (g *gated) pass(d time.Duration) { g.now.Add(d.Milliseconds()) }
func (g *gated) user(name, role string) {
	g.t.Helper()
	hash, err := access.NewPassword(passwordOf(name))
	if err == nil {
		err = g.state.AddUser(g.t.Context(), state.User{Name: name, Hash: hash, Role: role, Changed: g.time()})
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func passwordOf(name string) string { return "the password of " + name }

// browser is one without JavaScript. It keeps cookies.
type browser struct {
	g       *gated
	from    string // its address with a port
	host    string
	header  http.Header
	cookies map[string]string
}

func (g *gated) browser() *browser {
	return &browser{g: g, from: "127.0.0.1:50000", host: theListen, header: http.Header{}, cookies: map[string]string{}}
}

// ask asks for a path, with a form if it is not nil. Redirections are not followed.
func (b *browser) ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.g.t.Helper()
	r := httptest.NewRequestWithContext(b.g.t.Context(), method, "/", strings.NewReader(form.Encode()))
	u, err := url.ParseRequestURI(path)
	if err != nil {
		b.g.t.Fatal(err)
	}
	r.URL, r.RequestURI, r.Host, r.RemoteAddr = u, path, b.host, b.from
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range b.header {
		r.Header[k] = v
	}
	for k, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := httptest.NewRecorder()
	b.g.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	return b.ask(http.MethodGet, path, nil)
}

func (b *browser) signIn(name, password string) *httptest.ResponseRecorder {
	b.g.t.Helper()
	return b.ask(http.MethodPost, "/signin", url.Values{"name": {name}, "password": {password}, "next": {"/users"}})
}

// isIn reports whether somebody is signed in: who isn't is sent to the sign-in page.
func (b *browser) isIn() bool {
	b.g.t.Helper()
	w := b.get("/nowhere")
	if w.Code != http.StatusNotFound && w.Code != http.StatusSeeOther {
		b.g.t.Errorf("the page answers %d\n%s", w.Code, w.Body)
	}
	return w.Code == http.StatusNotFound
}

func mustAnswer(t testing.TB, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("%d, want %d\n%s", w.Code, status, w.Body)
	}
	for _, text := range texts {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("the answer lacks %q:\n%s", text, w.Body)
		}
	}
}

// A one-time link signs in once: whatever looks at it first uses it up no more than whoever
// comes late can use it again.
func TestOneTimeLink(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	link := func() string {
		path, err := access.NewLink(t.Context(), g.state, "terminal vera", g.time())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path, b := link(), g.browser()
	for range 3 {
		mustAnswer(t, g.browser().get(path), http.StatusOK, `<form method="post" action="`+path+`">`)
	}
	w := b.ask(http.MethodPost, path, url.Values{})
	mustAnswer(t, w, http.StatusSeeOther)
	c := w.Result().Cookies()[0]
	if c.Name != "vbcvault-8180" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || c.Domain != "" || len(c.Value) < 43 {
		t.Errorf("the cookie is %+v", c)
	}
	if !b.isIn() {
		t.Error("the link has signed nobody in")
	}
	mustAnswer(t, b.get("/users"), http.StatusOK, "terminal vera</bdi> (you)", "with a one-time link")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		mustAnswer(t, g.browser().ask(method, path, url.Values{}), http.StatusForbidden, "works once", "vbcvault web link")
	}
	old := link()
	g.pass(access.LinkLasts)
	mustAnswer(t, g.browser().ask(http.MethodPost, old, url.Values{}), http.StatusForbidden, "vbcvault web link")
	mustAnswer(t, g.browser().ask(http.MethodPost, "/link/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", url.Values{}), http.StatusForbidden)
	if text := g.log.String(); strings.Contains(text, path) || strings.Contains(text, strings.TrimPrefix(path, "/link/")) {
		t.Error("the log has the link")
	}
}

// Whoever has another name lead to the page gets nothing from it.
func TestForgedHostsAreRefused(t *testing.T) {
	t.Parallel()
	local := newGate(t, config.Web{})
	public := newGate(t, config.Web{URL: "https://calls.example.com"})
	for _, c := range []struct {
		g    *gated
		host string
		ok   bool
	}{
		{local, "127.0.0.1:8180", true}, {local, "localhost:8180", true}, {local, "LOCALHOST:8180", true}, {local, "[::1]:8180", true},
		{local, "", false}, {local, "evil.example", false}, {local, "evil.example:8180", false}, {local, "127.0.0.1", false},
		{local, "127.0.0.1:81", false}, {local, "localhost:8180.evil.example", false}, {local, "localhost:8180@evil.example", false},
		{local, "calls.example.com", false}, {local, "127.0.0.1:8180,evil.example", false}, {local, "0x7f000001:8180", false},
		{public, "calls.example.com", true}, {public, "calls.example.com:443", true}, {public, "Calls.Example.com", true},
		{public, "calls.example.com:80", false}, {public, "calls.example.com.", false}, {public, "xcalls.example.com", false},
	} {
		b := c.g.browser()
		b.host = c.host
		want := http.StatusMisdirectedRequest
		if c.ok {
			want = http.StatusOK
		}
		w := b.get("/signin")
		mustAnswer(t, w, want)
		if c.host != "" && !c.ok && strings.Contains(w.Body.String(), c.host) {
			t.Errorf("the answer repeats %q", c.host)
		}
	}
}

// What another site has a browser send changes nothing.
func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	b := g.browser()
	b.signIn("alice", passwordOf("alice"))
	for _, h := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}},
		{"Origin": {"null"}}, {"Origin": {"http://127.0.0.1:81"}}, {"Origin": {"http://localhost:8180"}},
	} {
		b.header = h
		for _, path := range []string{"/signout", "/users/end", "/signin", "/link/x"} {
			mustAnswer(t, b.ask(http.MethodPost, path, url.Values{"who": {"user:alice"}}), http.StatusForbidden)
		}
	}
	b.header = http.Header{"Origin": {"http://" + theListen}}
	if !b.isIn() {
		t.Error("another site has signed alice out")
	}
	w := b.ask(http.MethodPost, "/signout", url.Values{})
	if mustAnswer(t, w, http.StatusSeeOther); w.Header().Get("Access-Control-Allow-Origin") != "" || b.isIn() {
		t.Error("the page's own form does nothing")
	}
	b.header = http.Header{"Origin": {"https://evil.example"}}
	if w := b.ask(http.MethodOptions, "/", nil); w.Code < 300 || len(w.Header().Values("Access-Control-Allow-Origin")) > 0 {
		t.Errorf("another site is let in: %d %v", w.Code, w.Header())
	}
}

// A path means one thing, and nothing outside of the page.
func TestPathTricksAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	for _, path := range []string{
		"//signin", "/static//style.css", "/static/../signin", "/./signin", "/static/..", "/static/%2e%2e/x", "/static/..%2fx", "/static/%2E%2E%2Fgate.go",
		"/static%2fstyle.css", "/static/style.css%00", "/static/%00", "/%0d%0aSet-Cookie:x", "/static/..%5c..%5cserver.go", `/static\style.css`, "/%7f", "//evil.example/x",
	} {
		w := g.browser().get(path)
		if mustAnswer(t, w, http.StatusBadRequest, "There is no such page"); w.Header().Get("Location") != "" {
			t.Errorf("%s leads to %s", path, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/static/page.go", "/static/", "/static/signin.html"} {
		if w := g.browser().get(path); w.Code == http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := g.browser().get("/static/style.css")
	mustAnswer(t, w, http.StatusOK)
	b := g.browser()
	b.header.Set("If-None-Match", w.Header().Get("ETag"))
	mustAnswer(t, b.get("/static/style.css"), http.StatusNotModified)
	for _, next := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "/\tevil", "javascript:alert(1)", "/%0a//evil"} {
		w := g.browser().get("/signin?next=" + url.QueryEscape(next))
		if m := regexp.MustCompile(`name="next" value="([^"]*)"`).FindStringSubmatch(w.Body.String()); m != nil && m[1] != "/" && m[1] != "/%0a//evil" {
			t.Errorf("after the sign-in %q leads to %q", next, m[1])
		}
	}
}

// Every answer has the headers, whatever it is.
func TestHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []config.Web{{}, {URL: "https://calls.example.com"}} {
		g := newGate(t, c)
		b := g.browser()
		evil := g.browser()
		evil.host = "evil.example"
		for _, w := range []*httptest.ResponseRecorder{
			b.get("/signin"), b.get("/"), b.get("/static/style.css"), b.get("/static/none"), b.get("/link/x"), b.get("/a//b"), evil.get("/"), b.ask(http.MethodPost, "/signout", nil), b.ask("BREW", "/", nil),
		} {
			h := w.Header()
			csp := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
				h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Permissions-Policy") == "" || (h.Get("Strict-Transport-Security") != "") != (c.URL != "") {
				t.Errorf("%d: %v", w.Code, h)
			}
			for _, text := range []string{"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
				if !strings.Contains(csp, text) {
					t.Errorf("the policy lacks %s", text)
				}
			}
		}
	}
}

// What is sent is small.
func TestLargeFormsAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	w := g.browser().ask(http.MethodPost, "/signin", url.Values{"name": {"alice"}, "password": {strings.Repeat("x", 2<<20)}})
	mustAnswer(t, w, http.StatusBadRequest, "The form could not be read")
}

// The log says who asks for what page, and has nothing that they ask for in words.
func TestLogHasNoQueries(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	b := g.browser()
	b.get("/signin?next=/search%3Fnumber=17325550100")
	b.get("/calls/17325550100?q=17325550100")
	b.signIn("my secret passphrase", "17325550100 again")
	b.signIn("alice", "not "+passwordOf("alice"))
	b.signIn("alice", passwordOf("alice"))
	b.get("/users?x=17325550100")
	text := g.log.String()
	for _, secret := range append([]string{"17325550100", "secret", passwordOf("alice")}, b.cookies["vbcvault-8180"]) {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
	for _, says := range []string{`msg="somebody has signed in" user=alice role=admin by=password from=127.0.0.1`, `page="GET /users"`, "status=403", "user=unknown",
		`level=WARN msg="a sign-in was refused: the name or the password is wrong" user=alice`} {
		if !strings.Contains(text, says) {
			t.Errorf("the log doesn't say %s:\n%s", says, text)
		}
	}
}

// Of a proxy that is named, and of no other, it is believed who is asking.
func TestOnlyNamedProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{URL: "https://calls.example.com", Proxies: []string{"10.0.0.0/24", "fd00::1"}})
	for i, c := range []struct {
		peer, forwarded, want string
	}{
		{"10.0.0.5:1", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.5:1", "198.51.100.1, 203.0.113.9", "203.0.113.9"},           // what the client has written itself
		{"10.0.0.5:1", "198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"}, // two proxies of ours
		{"10.0.0.5:1", "203.0.113.9, evil", "10.0.0.5"},
		{"10.0.0.5:1", "", "10.0.0.5"},
		{"10.0.0.5:1", "2001:db8::7", "2001:db8::7"},
		{"[fd00::1]:1", "203.0.113.9", "203.0.113.9"},
		{"[::ffff:10.0.0.5]:1", "203.0.113.9", "203.0.113.9"},
		{"10.0.1.5:1", "203.0.113.9", "10.0.1.5"}, // not named
		{"127.0.0.1:1", "203.0.113.9", "127.0.0.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := g.gate.From(r); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	for _, c := range []struct {
		peer, host, forwarded string
		status                int
	}{
		{"10.0.0.5:1", "backend:8180", "calls.example.com", http.StatusOK},
		{"10.0.0.5:1", "calls.example.com", "", http.StatusOK},
		{"10.0.0.5:1", "calls.example.com", "evil.example", http.StatusMisdirectedRequest},
		{"127.0.0.1:1", "evil.example", "calls.example.com", http.StatusMisdirectedRequest},
		{"203.0.113.9:1", "calls.example.com", "", http.StatusForbidden}, // past the proxy, and not encrypted
	} {
		b := g.browser()
		b.from, b.host = c.peer, c.host
		if c.forwarded != "" {
			b.header.Set("X-Forwarded-Host", c.forwarded)
		}
		mustAnswer(t, b.get("/signin"), c.status)
	}
	b := g.browser()
	b.from, b.host = "10.0.0.5:1", "calls.example.com"
	g.user("alice", "admin")
	w := b.signIn("alice", passwordOf("alice"))
	if c := w.Result().Cookies()[0]; c.Name != "__Host-vbcvault" || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %+v", c)
	}
}

// A page that can't be made leaves no secret in the log: the path of a one-time link is
// one.
func TestTroubleWithALinkLogsNoSecret(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	path, err := access.NewLink(t.Context(), g.state, "root", g.time())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.state.Close(); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, g.browser().get(path), http.StatusInternalServerError)
	if text := g.log.String(); strings.Contains(text, strings.TrimPrefix(path, "/link/")) || !strings.Contains(text, "a page could not be made") {
		t.Errorf("the log says: %s", text)
	}
}
