package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// signedIn is a browser in which a new user has signed in.
func (g *gated) signedIn(name, role string) *browser {
	g.t.Helper()
	g.user(name, role)
	b := g.browser()
	w := b.signIn(name, passwordOf(name))
	if mustAnswer(g.t, w, http.StatusSeeOther); w.Header().Get("Location") != "/users" {
		g.t.Errorf("the sign-in leads to %q", w.Header().Get("Location"))
	}
	if !b.isIn() {
		g.t.Fatal("the password signs nobody in")
	}
	return b
}

// Whoever does nothing is signed out, and everybody is after a while.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	idle := g.signedIn("alice", "admin")
	g.pass(29 * time.Minute)
	if !idle.isIn() {
		t.Error("signed out too early")
	}
	g.pass(29 * time.Minute)
	if !idle.isIn() {
		t.Error("what somebody does doesn't count")
	}
	g.pass(30 * time.Minute)
	if idle.isIn() {
		t.Error("who does nothing stays signed in")
	}
	busy := g.signedIn("bob", "admin")
	for range 35 {
		g.pass(20 * time.Minute)
		if !busy.isIn() {
			t.Fatal("signed out while at work")
		}
	}
	g.pass(20 * time.Minute)
	if busy.isIn() {
		t.Error("nobody is ever signed out")
	}
	short := newGate(t, config.Web{SessionIdle: time.Minute, SessionEnds: 2 * time.Minute})
	b := short.signedIn("carol", "admin")
	short.pass(time.Minute)
	if b.isIn() {
		t.Error("session-idle counts for nothing")
	}
}

// What an administrator decides counts at once, in every browser.
func TestSessionsEndByDecision(t *testing.T) {
	t.Parallel()
	c := config.Web{Roles: map[string]config.WebRole{"berlin": {Role: "supervisor", Extensions: []string{"101"}}}}
	for name, end := range map[string]func(g *gated) error{
		"removed": func(g *gated) error { return g.state.RemoveUser(t.Context(), "alice") },
		"another password": func(g *gated) error {
			return g.state.ChangeUser(t.Context(), state.User{Name: "alice", Hash: "x", Changed: g.time()})
		},
		"another role": func(g *gated) error {
			return g.state.ChangeUser(t.Context(), state.User{Name: "alice", Role: "auditor", Changed: g.time()})
		},
		"no such role": func(g *gated) error { g.gate.Use(config.Web{}); return nil },
		"ended": func(g *gated) error {
			admin := g.signedIn("root", "admin")
			mustAnswer(t, admin.get("/users"), http.StatusOK, "alice", "berlin", "Sign out")
			mustAnswer(t, admin.ask(http.MethodPost, "/users/end", url.Values{"who": {"user:alice"}}), http.StatusSeeOther)
			mustAnswer(t, admin.get("/users?ended=1"), http.StatusOK, "They are signed out everywhere")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, c)
			one := g.signedIn("alice", "berlin")
			two := g.browser()
			two.signIn("alice", passwordOf("alice"))
			other := g.signedIn("bob", "admin")
			if err := end(g); err != nil {
				t.Fatal(err)
			}
			if one.isIn() || two.isIn() || !other.isIn() {
				t.Errorf("alice %v, alice elsewhere %v, bob %v", one.isIn(), two.isIn(), other.isIn())
			}
		})
	}
}

// A user who is removed while the password is being compared doesn't get in.
func TestRemovedWhileSigningIn(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	u, err := g.state.User(t.Context(), "alice")
	if err == nil {
		err = g.state.RemoveUser(t.Context(), "alice")
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &state.Session{Digest: []byte("digest"), Person: "user:alice", Name: "alice", Way: state.Password, Role: u.Role, Began: g.time()}
	if err := g.state.Begin(t.Context(), s, u.Hash, nil); err == nil {
		t.Error("somebody who is gone is signed in")
	}
}

// Only a token that we have given out is one, and each sign-in has its own.
func TestForgedCookiesAreNobodys(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	b := g.browser()
	b.cookies["vbcvault-8180"] = "chosen-by-somebody-else-000000000000000000000"
	b.signIn("alice", passwordOf("alice"))
	first := b.cookies["vbcvault-8180"]
	if strings.HasPrefix(first, "chosen") || !b.isIn() {
		t.Error("a session has the token that the browser came with")
	}
	b.signIn("alice", passwordOf("alice"))
	second := b.cookies["vbcvault-8180"]
	old := g.browser()
	if old.cookies["vbcvault-8180"] = first; second == first || old.isIn() {
		t.Error("the token from before the sign-in counts still")
	}
	for _, c := range []string{"", "x", second[:42], second + "x", strings.ToUpper(second), strings.Repeat("x", 5000), "' OR 1=1 --"} {
		forged := g.browser()
		if forged.cookies["vbcvault-8180"] = c; forged.isIn() {
			t.Errorf("%q is somebody's", c)
		}
	}
	forged := g.browser()
	if forged.cookies["__Host-vbcvault"] = second; forged.isIn() {
		t.Error("a cookie of another name counts")
	}
	mustAnswer(t, b.ask(http.MethodPost, "/signout", url.Values{}), http.StatusSeeOther)
	again := g.browser()
	if again.cookies["vbcvault-8180"] = second; again.isIn() {
		t.Error("a token counts after the sign-out")
	}
}

// Nobody gets to a page that the role doesn't have, and nobody without a sign-in learns
// which pages there are.
func TestRightsAreAskedFor(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	b := g.signedIn("alice", "supervisor")
	mustAnswer(t, b.get("/users"), http.StatusForbidden, "You may not do this")
	mustAnswer(t, b.ask(http.MethodPost, "/users/end", url.Values{"who": {"user:alice"}}), http.StatusForbidden)
	if !b.isIn() {
		t.Error("a supervisor has ended sessions")
	}
	for _, path := range []string{"/users", "/nowhere", "/call/acme/company/-/1/0"} {
		w := g.browser().get(path)
		if mustAnswer(t, w, http.StatusSeeOther); w.Header().Get("Location") != "/signin?next="+url.QueryEscape(path) {
			t.Errorf("%s leads to %s", path, w.Header().Get("Location"))
		}
		player := g.browser()
		player.header.Set("Accept", "*/*")
		mustAnswer(t, player.get(path), http.StatusUnauthorized)
		mustAnswer(t, g.browser().ask(http.MethodPost, path, url.Values{}), http.StatusUnauthorized)
	}
}

// Guessing gets slow, however it is done, and whether there is such a user or not.
func TestBruteForceIsSlowed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alice", "nobody"} {
		g := newGate(t, config.Web{})
		g.user("alice", "admin")
		compared, tries := 0, 0
		for i := range 100 {
			if i%7 == 0 {
				g.open() // what was wrong before counts after a restart too
			}
			b := g.browser()
			b.from = []string{"127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"}[i%3]
			w := b.signIn(name, "wrong")
			tries++
			switch w.Code {
			case http.StatusForbidden:
				compared++
			case http.StatusTooManyRequests:
				if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Try again in") {
					t.Error("nobody says when to try again")
				}
			default:
				t.Fatalf("%d\n%s", w.Code, w.Body)
			}
			g.pass(6 * time.Second)
		}
		if compared > 25 {
			t.Errorf("%s: of %d passwords %d were compared", name, tries, compared)
		}
		g.pass(time.Minute)
		b := g.browser()
		b.from = "127.0.0.9:1"
		if name == "alice" {
			mustAnswer(t, b.signIn(name, passwordOf(name)), http.StatusSeeOther) // nobody is locked out for long
		}
	}
}

// Passwords that are tried at once are counted before they are compared.
func TestGuessesAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	codes := make(chan int, 40)
	for range cap(codes) {
		go func() { codes <- g.browser().signIn("alice", "wrong").Code }()
	}
	compared := 0
	for range cap(codes) {
		if <-codes == http.StatusForbidden {
			compared++
		}
	}
	if compared > 5 {
		t.Errorf("%d passwords were compared at once", compared)
	}
}

// Strangers can't keep a user from signing in from where they always do.
func TestStrangersLockNobodyOut(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	home := g.browser()
	home.from = "127.0.0.7:1"
	mustAnswer(t, home.signIn("alice", passwordOf("alice")), http.StatusSeeOther)
	for range 30 {
		g.browser().signIn("alice", "wrong")
		g.pass(time.Second)
	}
	mustAnswer(t, g.browser().signIn("alice", passwordOf("alice")), http.StatusTooManyRequests)
	again := g.browser()
	again.from = home.from
	mustAnswer(t, again.signIn("alice", passwordOf("alice")), http.StatusSeeOther)
}

// What is over leaves nothing behind.
func TestStateIsTidied(t *testing.T) {
	t.Parallel()
	g := newGate(t, config.Web{})
	g.signedIn("alice", "admin")
	if _, err := access.NewLink(t.Context(), g.state, "vera", g.time()); err != nil {
		t.Fatal(err)
	}
	g.browser().signIn("alice", "wrong")
	tidy := func() map[string]int {
		t.Helper()
		if err := g.gate.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := g.state.Count(t.Context(), "session", "link", "failure", "known")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := tidy(); n["session"] != 1 || n["link"] != 1 || n["failure"] == 0 || n["known"] != 1 {
		t.Errorf("what is needed still is gone: %v", n)
	}
	g.pass(48 * time.Hour)
	if n := tidy(); n["session"]+n["link"]+n["failure"] != 0 || n["known"] != 1 {
		t.Errorf("%v", n)
	}
	g.pass(91 * 24 * time.Hour)
	if n := tidy(); n["known"] != 0 {
		t.Errorf("%v", n)
	}
}
