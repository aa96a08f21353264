package web_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// claimed is somebody of whom the provider says this, in the ID token and elsewhere.
type claimed struct {
	token, info map[string]any
	subject     string
}

func (c *claimed) ID() string { return c.subject }

func (c *claimed) Userinfo([]string) ([]byte, error) {
	all := map[string]any{"sub": c.subject}
	maps.Copy(all, c.info)
	return json.Marshal(all)
}

func (c *claimed) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	b, err := json.Marshal(base)
	all := jwt.MapClaims{}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	maps.Copy(all, c.token)
	return all, err
}

// withProvider is the page with a provider of OpenID Connect, a real server. change changes
// the configuration.
func withProvider(t *testing.T, change func(*config.OIDC), middleware ...func(http.Handler) http.Handler) (*gated, *mockoidc.MockOIDC) {
	t.Helper()
	m, err := mockoidc.NewServer(nil)
	for _, f := range middleware {
		err = errors.Join(err, m.AddMiddleware(f))
	}
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err == nil {
		err = m.Start(l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Shutdown() })
	t.Setenv("VBCVAULT_TEST_OIDC", m.ClientSecret)
	o := &config.OIDC{Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: config.Secret{Env: "VBCVAULT_TEST_OIDC"}, Name: "email", Claim: "groups",
		Roles: config.ClaimRoles{{Value: "Call Auditors", Role: "auditor"}, {Value: "berlin", Role: "berlin"}, {Value: "boss", Role: "admin"}}}
	if change != nil {
		change(o)
	}
	g := newGate(t, config.Web{URL: "http://" + theListen, OIDC: o, Roles: map[string]config.WebRole{"berlin": {Role: "supervisor"}}})
	g.now.Store(time.Now().UnixMilli()) // the provider has a clock of its own
	return g, m
}

// atProvider begins a sign-in and lets the provider send the browser back: its answer is
// where to.
func (b *browser) atProvider(next string) string {
	b.g.t.Helper()
	w := b.get("/signin/oidc?next=" + url.QueryEscape(next))
	mustAnswer(b.g.t, w, http.StatusSeeOther)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		b.g.t.Fatal(err)
	}
	q := to.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 ||
		q.Get("redirect_uri") != "http://"+theListen+"/signin/oidc/callback" || !strings.Contains(q.Get("scope"), "openid") {
		b.g.t.Errorf("the provider is asked %s", to)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Get(to.String())
	if err != nil {
		b.g.t.Fatal(err)
	}
	res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != http.StatusFound {
		b.g.t.Fatalf("the provider answers %s, %v", res.Status, err)
	}
	return back.RequestURI()
}

func TestOIDC(t *testing.T) {
	g, m := withProvider(t, nil)
	b := g.browser()
	mustAnswer(t, b.get("/signin?next=/users"), http.StatusOK, `href="/signin/oidc?next=%2fusers"`)
	m.QueueUser(&claimed{subject: "8f3c", token: map[string]any{"email": "vera@example.com", "email_verified": true, "groups": []string{"boss", "staff"}}})
	back := b.atProvider("/users")
	w := b.get(back)
	if mustAnswer(t, w, http.StatusSeeOther); w.Header().Get("Location") != "/users" {
		t.Errorf("the sign-in leads to %q", w.Header().Get("Location"))
	}
	mustAnswer(t, b.get("/users"), http.StatusOK, "vera@example.com</bdi> (you)", `<td data-label="Role">admin</td>`, "organisation’s account")
	mustAnswer(t, b.get(back), http.StatusBadRequest, "begun in another window") // once
	if text := g.log.String(); strings.Contains(text, m.ClientSecret) || strings.Contains(text, back) {
		t.Error("the log has secrets")
	}

	// Somebody else with the same name is told apart.
	m.QueueUser(&claimed{subject: "other", token: map[string]any{"email": "vera@example.com", "groups": "boss"}})
	other := g.browser()
	other.get(other.atProvider("/"))
	mustAnswer(t, other.get("/users"), http.StatusOK, "<bdi>vera@example.com (")
	if n := strings.Count(other.get("/users").Body.String(), `<th scope="row"><bdi>vera@example.com`); n != 2 {
		t.Errorf("%d people, want 2", n)
	}

	// What the file says now counts: a value that gives no role any more gives none.
	changed := g.options.Config
	oidc := *changed.OIDC
	oidc.Roles = config.ClaimRoles{{Value: "boss", Role: "auditor"}}
	changed.OIDC = &oidc
	g.gate.Use(changed)
	if b.isIn() {
		t.Error("a role counts that the file does not give any more")
	}
}

// Of several values the first in the file counts; names that nobody vouches for are not
// taken; what a claim may look like.
func TestOIDCRoles(t *testing.T) {
	for name, c := range map[string]struct {
		claim       string
		token, info map[string]any
		role, as    string // "" = refused
		says        string
	}{
		"several":        {token: map[string]any{"groups": []string{"boss", "berlin", "Call Auditors"}, "email": "a@example.com"}, role: "auditor", as: "a@example.com"},
		"a text":         {token: map[string]any{"groups": "berlin", "email": "a@example.com"}, role: "berlin", as: "a@example.com"},
		"nested":         {claim: "realm_access.roles", token: map[string]any{"realm_access": map[string]any{"roles": []string{"boss"}}}, role: "admin", as: "sub-1"},
		"with dots":      {claim: "https://example.com/roles", token: map[string]any{"https://example.com/roles": []string{"boss"}}, role: "admin", as: "sub-1"},
		"elsewhere":      {info: map[string]any{"groups": []string{"berlin"}, "email": "b@example.com"}, role: "berlin", as: "b@example.com"},
		"unverified":     {token: map[string]any{"groups": "boss", "email": "ceo@example.com", "email_verified": false}, role: "admin", as: "sub-1"},
		"hostile name":   {token: map[string]any{"groups": "boss", "email": "<b>x</b>\u202e\n" + strings.Repeat("y", 500)}, role: "admin", as: "&lt;b&gt;x&lt;/b&gt;y"},
		"no value":       {token: map[string]any{"groups": []string{"staff"}}, says: "web.oidc.roles has none of its values"},
		"other case":     {token: map[string]any{"groups": []string{"Boss"}}, says: "web.oidc.roles has none of its values"},
		"no claim":       {token: map[string]any{"email": "a@example.com"}, says: "the provider sends no such claim"},
		"too many":       {token: map[string]any{"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.example/x"}}}, says: "_claim_names"},
		"an object":      {token: map[string]any{"groups": map[string]any{"boss": true}}, says: "web.oidc.roles has none of its values"},
		"somebody else":  {info: map[string]any{"sub": "other", "groups": "boss"}, says: "somebody else"},
		"another client": {token: map[string]any{"aud": []string{"other"}, "groups": "boss"}, says: "audience"},
		"another issuer": {token: map[string]any{"iss": "https://evil.example", "groups": "boss"}, says: "issued by a different provider"},
		"too old":        {token: map[string]any{"exp": 1, "groups": "boss"}, says: "expired"},
		"another nonce":  {token: map[string]any{"nonce": "x", "groups": "boss"}, says: "nonce"},
		"no nonce":       {token: map[string]any{"nonce": "", "groups": "boss"}, says: "nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			g, m := withProvider(t, func(o *config.OIDC) {
				if c.claim != "" {
					o.Claim = c.claim
				}
			})
			m.QueueUser(&claimed{subject: "sub-1", token: c.token, info: c.info})
			b := g.browser()
			w := b.get(b.atProvider("/"))
			if c.role == "" {
				if w.Code < 400 || b.isIn() {
					t.Errorf("signed in: %d\n%s", w.Code, w.Body)
				}
				mustAnswer(t, w, w.Code, "You could not sign in")
				if !strings.Contains(g.log.String(), c.says) {
					t.Errorf("the log doesn't say %q:\n%s", c.says, g.log)
				}
				return
			}
			people, err := g.gate.People(t.Context())
			if err != nil || len(people) != 1 || people[0].Role != c.role {
				t.Fatalf("%v, %+v", err, people)
			}
			admin := g.signedIn("root", "admin")
			mustAnswer(t, admin.get("/users"), http.StatusOK, `<th scope="row"><bdi>`+c.as)
		})
	}
}

// Nobody can have somebody else end a sign-in, or begin one for them.
func TestOIDCIsEndedByWhoHasBegunIt(t *testing.T) {
	g, m := withProvider(t, nil)
	boss := &claimed{subject: "boss", token: map[string]any{"groups": "boss"}}
	m.QueueUser(boss)
	mine := g.browser()
	back := mine.atProvider("/")
	mustAnswer(t, g.browser().get(back), http.StatusBadRequest) // who has begun nothing
	m.QueueUser(boss)
	victim := g.browser()
	victim.atProvider("/")
	if mustAnswer(t, victim.get(back), http.StatusBadRequest); victim.isIn() { // who has begun something else
		t.Error("somebody is signed in as somebody else")
	}
	late := g.browser()
	m.QueueUser(boss)
	path := late.atProvider("/")
	g.pass(10 * time.Minute)
	mustAnswer(t, late.get(path), http.StatusBadRequest)
	g.pass(-10 * time.Minute)
	for _, path := range []string{"/signin/oidc/callback", "/signin/oidc/callback?code=x&state=", "/signin/oidc/callback?error=access_denied"} {
		mustAnswer(t, g.browser().get(path), http.StatusBadRequest)
	}
	refused := g.browser()
	to, err := url.Parse(refused.atProvider("/"))
	if err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, refused.get("/signin/oidc/callback?error=access_denied&state="+to.Query().Get("state")), http.StatusForbidden, "did not sign you in")
	other := g.browser()
	if to, err = url.Parse(other.atProvider("/")); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, other.get("/signin/oidc/callback?code=x&iss=https://evil.example&state="+to.Query().Get("state")), http.StatusBadRequest)
	for _, next := range []string{"//evil.example", "https://evil.example"} {
		m.QueueUser(boss)
		b := g.browser()
		if w := b.get(b.atProvider(next)); w.Header().Get("Location") != "/" {
			t.Errorf("the sign-in leads to %q", w.Header().Get("Location"))
		}
	}
}

// A provider that doesn't answer keeps nobody from the page, and is asked again.
func TestOIDCProviderIsAway(t *testing.T) {
	var away atomic.Bool
	g, m := withProvider(t, nil, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away.Load() {
				http.Error(w, "down", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	away.Store(true)
	mustAnswer(t, g.browser().get("/signin/oidc"), http.StatusServiceUnavailable, "does not answer", "Try again")
	if !strings.Contains(g.log.String(), "nobody can sign in by OIDC") {
		t.Error("the log doesn't say so")
	}
	g.signedIn("alice", "admin")
	away.Store(false)
	m.QueueUser(&claimed{subject: "1", token: map[string]any{"groups": "boss"}})
	b := g.browser()
	back := b.atProvider("/")
	away.Store(true)
	mustAnswer(t, b.get(back), http.StatusServiceUnavailable, "You could not sign in")
	away.Store(false)
	m.QueueUser(&claimed{subject: "1", token: map[string]any{"groups": "boss"}})
	again := g.browser()
	if again.get(again.atProvider("/")); !again.isIn() {
		t.Error("a provider that answers again signs nobody in")
	}
}
