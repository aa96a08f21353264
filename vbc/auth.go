package vbc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// tokens hands out access tokens. They live in memory only.
//
// VBC's refresh tokens are dead after one use, and the password must be asked
// for rarely: a wrong one locks the user out. So there is one token at a time,
// one request for it at a time, and no second try with a refused password.
type tokens struct {
	oauth    oauth2.Config
	username string
	password string
	http     *http.Client
	pacer    *pacer
	redact   func(string) string
	secret   func(string) // registers what must never be shown

	turn chan struct{} // held while a token is asked for; a channel, so that waiting can be cancelled

	mu      sync.Mutex // guards what follows and the fields of current
	current *token
	unused  int   // tokens in a row that were refused on first use
	fatal   error // set once, when no token can be had any more
}

// token is one access token.
type token struct {
	access  string
	refresh string
	expires time.Time // zero: unknown
	worked  bool      // has been accepted at least once
	refused bool      // has been answered with 401
}

// tokenTimeout bounds a token request, its answer included.
const tokenTimeout = 2 * time.Minute

// expiryMargin keeps a token from expiring on its way to the server.
const expiryMargin = 30 * time.Second

// get returns a token that should work, asking for a new one if need be.
func (s *tokens) get(ctx context.Context) (*token, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	t, refresh, err := s.held()
	if t != nil || err != nil {
		return t, err
	}
	if refresh != "" {
		t, err = s.request(ctx, func(ctx context.Context) (*oauth2.Token, error) {
			return s.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
		})
		if e := AsError(err); err == nil || e != nil && e.Throttled() {
			return t, err
		}
		s.forgetRefresh() // dead, or perhaps used up: the password it is
	}
	t, err = s.request(ctx, func(ctx context.Context) (*oauth2.Token, error) {
		return s.oauth.PasswordCredentialsToken(ctx, s.username, s.password)
	})
	if e := AsError(err); e != nil && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
		return nil, s.giveUp(&AuthError{Reason: e.Error()})
	}
	return t, err
}

// held returns the current token if it is good, else the refresh token to use.
func (s *tokens) held() (t *token, refresh string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch t = s.current; {
	case s.fatal != nil:
		return nil, "", s.fatal
	case t == nil:
		return nil, "", nil
	case !t.refused && (t.expires.IsZero() || time.Now().Before(t.expires)):
		return t, "", nil
	}
	return nil, t.refresh, nil
}

func (s *tokens) forgetRefresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.refresh = ""
}

func (s *tokens) giveUp(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fatal = err
	return err
}

// request sends one token request and keeps the token that it brings.
func (s *tokens) request(ctx context.Context, send func(context.Context) (*oauth2.Token, error)) (*token, error) {
	granted, err := s.pacer.wait(ctx, RankToken)
	if err != nil {
		return nil, err
	}
	defer s.pacer.ended()
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	got, err := send(context.WithValue(ctx, oauth2.HTTPClient, s.http))
	if err != nil {
		return nil, s.explain(err, granted)
	}
	t := &token{access: got.AccessToken, refresh: got.RefreshToken}
	s.secret(t.access)
	s.secret(t.refresh)
	if !got.Expiry.IsZero() {
		life := time.Until(got.Expiry)
		t.expires = got.Expiry.Add(-min(expiryMargin, life/10))
	}
	s.mu.Lock()
	s.current = t
	s.mu.Unlock()
	return t, nil
}

// explain makes an *Error of what oauth2 returned, whose own text may repeat
// the answer's body.
func (s *tokens) explain(err error, granted time.Time) error {
	const op = "get a token"
	var re *oauth2.RetrieveError
	if !errors.As(err, &re) {
		return fmt.Errorf("%s: %w", op, &redacted{s.redact(err.Error()), err})
	}
	f := parseFault(re.Body)
	e := &Error{Op: op, Status: re.Response.StatusCode, Code: f.code, Gateway: f.gateway, Message: s.redact(clean(f.text)), Malformed: re.Response.StatusCode < 300}
	e.Opens = opens(re.Response.Header, f.nextAccess, time.Now())
	if e.Throttled() {
		e.until = windowOpens(re.Response.Header, f.nextAccess, time.Now())
		s.pacer.refused(granted, e.until)
	}
	return e
}

// report tells what became of a request that carried t. A 401 is fatal only
// when two tokens, obtained one after the other, were refused on first use
// without a success between: an expired or revoked token is no such thing.
func (s *tokens) report(t *token, authorized bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case authorized:
		t.worked, s.unused = true, 0
	case t.refused: // another request has told already
	default:
		t.refused = true
		if t.worked {
			return
		}
		if s.unused++; s.unused >= 2 {
			s.fatal = &AuthError{Reason: "two new access tokens in a row were refused (401)"}
		}
	}
}

// login appends the suffix that VBC's user names need.
func login(username string) string {
	if strings.Contains(username, "@") {
		return username
	}
	return username + "@vbc.prod"
}
