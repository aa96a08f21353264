package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

func init() {
	routes = append(routes,
		route{pattern: "GET /signin", right: everybody, do: (*Server).signInPage},
		route{pattern: "GET /link/{token}", right: everybody, do: (*Server).linkPage},
		route{pattern: "POST /link/{token}", right: everybody, do: (*Server).useLink},
		route{pattern: "POST /signout", right: everybody, do: (*Server).signOut},
		route{pattern: "GET /signedout", right: everybody, do: (*Server).signedOut},
	)
}

// askWho sends whoever isn't signed in to where they can, and from there to where they
// wanted. What isn't a page in a browser is only refused.
func (s *Server) askWho(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.fail(w, r, notSignedIn)
		return
	}
	to := "/signin"
	if next := r.URL.RequestURI(); next != "/" {
		to += "?" + url.Values{"next": {next}}.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

var (
	notSignedIn = &problem{http.StatusUnauthorized, "You are not signed in", "The page shows calls to people who have signed in.", "Open the page in a browser and sign in."}
	linkUsed    = &problem{http.StatusForbidden, "This link can't be used any more", "A one-time link works once, within ten minutes.",
		"Ask whoever looks after vbcvault for a new one: the command vbcvault web link prints it."}
)

// signIn is what the sign-in page shows.
type signIn struct {
	Next, Name string
	Wrong      string // what went wrong; "" = nothing yet
	Passwords  bool   // there are users with passwords
	OIDC       string // what the provider is called; "" = there is none
}

// nextOf is where somebody wants to go: a page of ours, and nothing that a browser could
// take for another site.
func nextOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") ||
		strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }) {
		return "/"
	}
	return text
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) error {
	if access.From(r.Context()) != nil {
		http.Redirect(w, r, nextOf(r.FormValue("next")), http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, http.StatusOK, "signin", "Sign in", signIn{Next: nextOf(r.FormValue("next"))})
}

func (s *Server) linkPage(w http.ResponseWriter, r *http.Request) error {
	has, err := s.o.Gate.HasLink(r.Context(), r.PathValue("token"))
	if err == nil && !has {
		err = linkUsed
	}
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "link", "Sign in", r.PathValue("token"))
}

func (s *Server) useLink(w http.ResponseWriter, r *http.Request) error {
	err := s.o.Gate.UseLink(w, r, r.PathValue("token"))
	if errors.Is(err, access.ErrUsed) {
		return linkUsed
	}
	if err == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	return err
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Gate.SignOut(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/signedout", http.StatusSeeOther)
	return nil
}

func (s *Server) signedOut(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, "signedout", "You are signed out", nil)
}
