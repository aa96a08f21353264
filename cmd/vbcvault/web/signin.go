package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

func init() {
	routes = append(routes,
		route{pattern: "GET /signin", right: everybody, do: (*Server).signInPage},
		route{pattern: "POST /signin", right: everybody, do: (*Server).signInByPassword},
		route{pattern: "GET /signin/oidc", right: everybody, do: (*Server).toProvider},
		route{pattern: "GET " + access.Callback, right: everybody, do: (*Server).fromProvider},
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
	badForm     = &problem{http.StatusBadRequest, "The form could not be read", "It was too large, or was sent in another form than the page's own.", "Go back, load the page again, and send it once more."}
	linkUsed    = &problem{http.StatusForbidden, "This link can't be used any more", "A one-time link works once, within ten minutes.",
		"Ask whoever looks after vbcvault for a new one: the command vbcvault web link prints it."}
)

// signIn is what the sign-in page shows.
type signIn struct {
	Next, Name string
	Wrong      string // what went wrong; "" = nothing yet
	Passwords  bool   // there are users with passwords
	Provider   bool   // there is one of OpenID Connect
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
		http.Redirect(w, r, nextOf(r.FormValue("next")), http.StatusSeeOther) //nolint:gosec // nextOf leads to pages of ours alone
		return nil
	}
	return s.showSignIn(w, r, http.StatusOK, signIn{Next: nextOf(r.FormValue("next"))})
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, status int, d signIn) (err error) {
	if d.Passwords, d.Provider, err = s.o.Gate.Ways(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, status, "signin", "Sign in", d)
}

// signInByPassword signs a user in. Whatever is wrong, the page is the same, so that
// nobody learns which names there are.
func (s *Server) signInByPassword(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm
	}
	d := signIn{Next: nextOf(r.PostFormValue("next")), Name: r.PostFormValue("name")}
	err := s.o.Gate.SignIn(w, r, d.Name, r.PostFormValue("password"))
	if wait, ok := errors.AsType[*access.WaitError](err); ok {
		seconds := int(wait.Until.Sub(s.now())/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		d.Wrong = "Too many passwords were wrong. Try again in " + english.Plural(seconds, "second", "") + "."
		return s.showSignIn(w, r, http.StatusTooManyRequests, d)
	}
	switch {
	case errors.Is(err, access.ErrWrong):
		d.Wrong = "The name or the password is wrong."
		return s.showSignIn(w, r, http.StatusForbidden, d)
	case errors.Is(err, access.ErrBusy):
		d.Wrong = "Too many people sign in at the moment. Try again in a few seconds."
		return s.showSignIn(w, r, http.StatusServiceUnavailable, d)
	case err != nil:
		return err
	}
	http.Redirect(w, r, d.Next, http.StatusSeeOther)
	return nil
}

// toProvider is a link and not a form: what a form may lead to is limited to the page
// itself, and browsers hold that against what it is sent on to.
func (s *Server) toProvider(w http.ResponseWriter, r *http.Request) error {
	return byProvider(s.o.Gate.BeginOIDC(w, r, nextOf(r.FormValue("next"))))
}

func (s *Server) fromProvider(w http.ResponseWriter, r *http.Request) error {
	next, err := s.o.Gate.EndOIDC(w, r)
	if err != nil {
		return byProvider(err)
	}
	http.Redirect(w, r, nextOf(next), http.StatusSeeOther) //nolint:gosec // nextOf makes it an address of this page
	return nil
}

func byProvider(err error) error {
	if e, ok := errors.AsType[*access.ProviderError](err); ok {
		return &problem{e.Status, "You could not sign in", e.Text, e.Mend}
	}
	if errors.Is(err, state.ErrNone) {
		return notFound
	}
	return err
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
