package web_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// tab opens the page in a browser, as the gate lets people in: its address is whatever the
// browser reaches it by.
func (g *gated) tab(t *testing.T) *tab {
	t.Helper()
	var once sync.Once
	return (&page{t: t, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			g.options.Listen, g.options.Config.URL = r.Host, "http://"+r.Host
			g.open()
		})
		g.handler.ServeHTTP(w, r)
	})}).open(t)
}

// write types into a field, as a person does.
func (b *tab) write(field, text string) {
	b.t.Helper()
	b.click(field)
	b.do(chromedp.SendKeys(chromedp.CSS(field), text))
}

// Somebody signs in with a password in a browser, is brought to where they wanted, and
// signs out.
func TestSignInInABrowser(t *testing.T) {
	t.Parallel()
	startChromium(t)
	g := newGate(t, config.Web{})
	g.user("alice", "admin")
	b := g.tab(t)
	b.fine = func(said string) bool { return strings.Contains(said, "403 (Forbidden)") } // a wrong password
	b.visit("/users")
	b.until(`location.pathname == "/signin"`)
	b.write("#name", "Alice")
	b.write("#password", "wrong")
	b.click("main button")
	b.until(`document.querySelector("[role=alert]")?.textContent.includes("is wrong")`)
	if v := value[string](b, `document.querySelector("#name").value + "/" + document.querySelector("#password").value`); v != "Alice/" {
		t.Errorf("the form has %q", v)
	}
	value[bool](b, axe()+"; true")
	b.accessible("wrong password", `{}`)
	b.picture("signin-wrong")
	b.write("#password", passwordOf("alice"))
	b.press("\r")
	b.until(`location.pathname == "/users"`)
	if v := value[string](b, `document.cookie`); strings.Contains(v, "vbcvault") {
		t.Errorf("scripts can read the cookie %q", v)
	}
	b.click("header form button")
	b.until(`location.pathname == "/signedout"`)
	b.visit("/users")
	b.until(`location.pathname == "/signin"`)
}

// Somebody signs in by a provider in a browser: nothing of the policy stands in the way.
func TestSignInByOIDCInABrowser(t *testing.T) {
	startChromium(t)
	g, m := withProvider(t, nil)
	m.QueueUser(&claimed{subject: "8f3c", token: map[string]any{"email": "vera@example.com", "groups": []string{"boss"}}})
	b := g.tab(t)
	b.visit("/users")
	b.until(`location.pathname == "/signin"`)
	b.click(`a[href^="/signin/oidc"]`)
	b.until(`location.pathname == "/users" && document.body.textContent.includes("vera@example.com (you)")`)
	b.mu.Lock()
	asked := len(b.asked)
	b.asked = slices.DeleteFunc(b.asked, func(u string) bool { return strings.HasPrefix(u, m.Issuer()) })
	b.mu.Unlock()
	if asked == 0 {
		t.Error("nobody has asked the provider")
	}
	b.click("header form button")
	b.until(`location.pathname == "/signedout"`)
}
