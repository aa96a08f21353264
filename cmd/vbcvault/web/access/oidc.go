package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// Callback is the path at which the provider sends people back.
const Callback = "/signin/oidc/callback"

// ProviderError says why somebody could not sign in by the provider, to them. What is
// behind it is in the log alone.
type ProviderError struct {
	Status int
	Text   string
	Mend   string
}

func (e *ProviderError) Error() string { return e.Text }

var (
	errAway = &ProviderError{http.StatusServiceUnavailable, "The sign-in service of your organisation does not answer as it should.", "Try again in a minute."}
	errOver = &ProviderError{http.StatusBadRequest, "The sign-in took too long, or was begun in another window.", "Begin again on the sign-in page."}
	errNot  = &ProviderError{http.StatusForbidden, "The sign-in service of your organisation did not sign you in.", "Begin again on the sign-in page, or ask whoever looks after that service."}
	errRole = &ProviderError{http.StatusForbidden, "You have signed in, but nobody has given you a role here.",
		"Ask whoever looks after vbcvault for one: the configuration says which groups may open the page."}
)

// provider is a provider of OpenID Connect. It is asked where its addresses are when
// somebody wants to sign in, so that the page doesn't depend on it.
type provider struct {
	config.OIDC
	redirect string
	client   *http.Client
	now      func() time.Time

	mu    sync.Mutex // held while the provider is asked
	found *oidc.Provider
}

// answersWithin is how long a provider may take for each request.
const answersWithin = 10 * time.Second

func newProvider(c config.OIDC, url string, now func() time.Time) *provider {
	return &provider{OIDC: c, redirect: strings.TrimSuffix(url, "/") + Callback, client: &http.Client{Timeout: answersWithin}, now: now}
}

// find asks the provider where its addresses are, until it has said so.
func (p *provider) find(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the provider for its addresses: %w", err)
	}
	p.found = found
	return found, nil
}

func (p *provider) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// flow is how the provider is asked. The secret is fetched each time, so that a new one
// counts at once.
func (p *provider) flow(ctx context.Context, at *oidc.Provider, withSecret bool) (*oauth2.Config, error) {
	scopes := p.Scopes
	if scopes == nil {
		scopes = []string{"profile", "email"}
	}
	c := &oauth2.Config{ClientID: p.ClientID, Endpoint: at.Endpoint(), RedirectURL: p.redirect, Scopes: append([]string{oidc.ScopeOpenID}, scopes...)}
	if !withSecret || p.ClientSecret.IsZero() {
		return c, nil
	}
	var err error
	if c.ClientSecret, err = p.ClientSecret.Resolve(ctx); err != nil {
		return nil, fmt.Errorf("web.oidc.client-secret: %w", err)
	}
	return c, nil
}

// begun is a sign-in that has begun. It is kept in the browser that has begun it, and no
// other browser can end it.
type begun struct {
	State, Nonce, Verifier, Next string
	Ends                         time.Time
}

// signInLasts is how long a sign-in at the provider may take.
const signInLasts = 10 * time.Minute

// BeginOIDC sends somebody to the provider, and back to next in the end.
func (g *Gate) BeginOIDC(w http.ResponseWriter, r *http.Request, next string) error {
	set := g.using.Load()
	if set.provider == nil {
		return state.ErrNone
	}
	ctx := set.provider.with(r.Context())
	at, err := set.provider.find(ctx)
	var flow *oauth2.Config
	if err == nil {
		flow, err = set.provider.flow(ctx, at, false)
	}
	if err != nil {
		g.log.Error("nobody can sign in by OIDC", "reason", err)
		return errAway
	}
	if len(next) > 2000 {
		next = "/" // it has to fit into a cookie
	}
	b := begun{Verifier: oauth2.GenerateVerifier(), Next: next, Ends: g.now().Add(signInLasts)}
	b.State, _ = secret()
	b.Nonce, _ = secret()
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	g.setBegun(w, set, base64.RawURLEncoding.EncodeToString(text))
	http.Redirect(w, r, flow.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), http.StatusSeeOther)
	return nil
}

func (g *Gate) setBegun(w http.ResponseWriter, s *settings, value string) {
	c := &http.Cookie{Name: g.cookie(s) + "-oidc", Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure, MaxAge: int(signInLasts.Seconds())}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// takeBegun takes what the browser has begun; it can be used once.
func (g *Gate) takeBegun(w http.ResponseWriter, r *http.Request, s *settings) (b begun, ok bool) {
	c, err := r.Cookie(g.cookie(s) + "-oidc")
	if err != nil {
		return b, false
	}
	g.setBegun(w, s, "")
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(text, &b) != nil || b.State == "" || b.Nonce == "" || b.Verifier == "" {
		return b, false
	}
	return b, g.now().Before(b.Ends)
}

// EndOIDC signs in whoever the provider sends back, and says where they wanted to go. The
// error is a *ProviderError if that can't be.
func (g *Gate) EndOIDC(w http.ResponseWriter, r *http.Request) (next string, err error) {
	set := g.using.Load()
	p := set.provider
	if p == nil {
		return "", state.ErrNone
	}
	b, ok := g.takeBegun(w, r, set)
	q := r.URL.Query()
	said, issuer := q.Get("error"), q.Get("iss")
	switch {
	case !ok, subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.State)) != 1, issuer != "" && issuer != p.Issuer:
		g.log.Warn("a sign-in by OIDC was refused: this browser has not begun it, or too long ago", "from", g.From(r))
		return "", errOver
	case said != "":
		g.log.Warn("a sign-in by OIDC was refused by the provider", "said", plain(said, 100), "from", g.From(r))
		return "", errNot
	}
	ctx := p.with(r.Context())
	c, err := p.claims(ctx, q.Get("code"), b)
	if err != nil {
		g.log.Error("a sign-in by OIDC failed", "reason", plain(err.Error(), 500), "from", g.From(r))
		if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response != nil && e.Response.StatusCode < 500 {
			return "", errNot // the code is no good
		}
		return "", errAway
	}
	role, value, why := p.roleOf(c)
	if why != "" {
		g.log.Warn("a sign-in by OIDC was refused: "+why, "claim", p.Claim, "subject", plain(c.subject(), 200), "from", g.From(r))
		return "", errRole
	}
	return b.Next, g.begin(w, r, &state.Session{Person: "oidc:" + p.Issuer + " " + c.subject(), Name: p.nameOf(c), Way: state.OIDC, Role: role, Claim: value}, "")
}

// claims are what the provider says of whoever has signed in, proven: its signature, that
// it is for us, and that it answers what this browser has begun.
func (p *provider) claims(ctx context.Context, code string, b begun) (claims, error) {
	at, err := p.find(ctx)
	if err != nil {
		return nil, err
	}
	flow, err := p.flow(ctx, at, true)
	if err != nil {
		return nil, err
	}
	token, err := flow.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return nil, withoutBody(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, errors.New("the provider has sent no ID token")
	}
	id, err := at.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(b.Nonce)) != 1 {
		return nil, errors.New("the ID token: its nonce is not the one that was sent")
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return nil, fmt.Errorf("the ID token: %w", err)
	}
	if id.Subject == "" {
		return nil, errors.New("the ID token: it names no subject")
	}
	if c.has(p.Claim) || at.UserInfoEndpoint() == "" {
		return c, nil
	}
	return c, p.more(ctx, at, flow, token, c)
}

// more adds what the provider says elsewhere, as some do about groups.
func (p *provider) more(ctx context.Context, at *oidc.Provider, flow *oauth2.Config, token *oauth2.Token, c claims) error {
	info, err := at.UserInfo(ctx, flow.TokenSource(ctx, token))
	if err != nil {
		return fmt.Errorf("ask the provider for more than the ID token has: %w", err)
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("what the provider says of somebody: %w", err)
	}
	if more.subject() != c.subject() {
		return errors.New("the provider has answered about somebody else")
	}
	for k, v := range more {
		if _, has := c[k]; !has {
			c[k] = v
		}
	}
	return nil
}

// withoutBody leaves out what the provider has answered besides an error's name: it may
// repeat what it was sent.
func withoutBody(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		e.Body, e.ErrorDescription = nil, ""
		if e.ErrorCode == "" && e.Response != nil {
			e.ErrorCode = e.Response.Status
		}
	}
	return err
}
