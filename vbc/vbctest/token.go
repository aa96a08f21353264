package vbctest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const refreshTTL = 7 * 24 * time.Hour

// tokenStore knows which tokens are alive until when.
type tokenStore struct {
	mu      *sync.Mutex
	access  map[string]*accessToken
	refresh map[string]time.Time

	refused int       // logins in a row
	lastTry time.Time // of a login, refused or not
}

type accessToken struct {
	until   time.Time
	second  bool // of the application for the Provisioning API
	unknown int  // requests that are still refused
}

func newTokenStore() tokenStore {
	return tokenStore{mu: &sync.Mutex{}, access: map[string]*accessToken{}, refresh: map[string]time.Time{}}
}

// lockLasts counts from the last try on, whoever makes it.
const lockLasts = 30 * time.Minute

// RevokeTokens makes all access tokens invalid.
func (a *Account) RevokeTokens() {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	clear(a.auth.access)
}

// RevokeRefreshTokens makes all refresh tokens invalid.
func (a *Account) RevokeRefreshTokens() {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	clear(a.auth.refresh)
}

// serveToken is POST to the tokens' address with both grants.
func (a *Account) serveToken(w http.ResponseWriter, r *http.Request) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		gatewayError(w, http.StatusMethodNotAllowed, 405, "Method Not Allowed", "the token endpoint takes POST")
		return
	case media != "application/x-www-form-urlencoded" || r.ParseForm() != nil:
		oauthError(w, http.StatusBadRequest, "invalid_request", "Missing or malformed form")
		return
	case r.URL.RawQuery != "":
		oauthError(w, http.StatusBadRequest, "invalid_request", "Parameters belong into the body")
		return
	}
	second, known := a.application(r)
	if !known {
		w.Header().Set("WWW-Authenticate", `Basic realm="vbc.prod"`)
		oauthError(w, http.StatusUnauthorized, "invalid_client", "A valid OAuth client could not be found for client_id: "+r.PostForm.Get("client_id"))
		return
	}
	if s := r.PostForm.Get("scope"); s != "" && s != "openid" {
		oauthError(w, http.StatusBadRequest, "invalid_scope", "Unknown scope")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "password":
		user := r.PostForm.Get("username")
		if a.locked() {
			oauthError(w, http.StatusBadRequest, "invalid_grant", "17003:"+user+": User account is locked")
			return
		}
		if !strings.HasSuffix(user, "@vbc.prod") || user != a.cfg.Username || r.PostForm.Get("password") != a.cfg.Password {
			a.countRefused()
			oauthError(w, http.StatusBadRequest, "invalid_grant", "Authentication failed for "+user)
			return
		}
		a.forgiveRefused()
	case "refresh_token":
		if !a.useRefresh(r.PostForm.Get("refresh_token")) {
			oauthError(w, http.StatusBadRequest, "invalid_grant", "Persisted access token data not found")
			return
		}
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type")
		return
	}
	access, refresh := a.issue(second)
	expires := cmp.Or(a.cfg.ExpiresIn, strconv.Itoa(int(a.cfg.TokenTTL.Seconds())))
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "scope": "openid", "token_type": "Bearer", "expires_in": json.RawMessage(expires),
	})
}

// application reports which application a request for a token names, in the way
// that is wanted and in no other.
func (a *Account) application(r *http.Request) (second, known bool) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	} else if r.PostForm.Has("client_secret") {
		return false, false // two ways at once
	}
	switch {
	case basic != a.cfg.BasicOnly:
		return false, false
	case a.cfg.ProvisioningClientID != "" && id == a.cfg.ProvisioningClientID && secret == a.cfg.ProvisioningClientSecret:
		return true, true
	}
	return false, id == a.cfg.ClientID && secret == a.cfg.ClientSecret
}

// locked reports whether the user is locked; the question itself makes it last.
func (a *Account) locked() bool {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	now := a.cfg.Now()
	if a.cfg.LockAfter == 0 || a.auth.refused < a.cfg.LockAfter {
		return false
	}
	if now.Sub(a.auth.lastTry) >= lockLasts {
		a.auth.refused = 0
		return false
	}
	a.auth.lastTry = now
	return true
}

func (a *Account) countRefused() {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	a.auth.refused++
	a.auth.lastTry = a.cfg.Now()
}

func (a *Account) forgiveRefused() {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	a.auth.refused = 0
}

// Unlock is what an administrator does for a locked user.
func (a *Account) Unlock() { a.forgiveRefused() }

// Locked reports whether the user is locked now.
func (a *Account) Locked() bool {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	return a.cfg.LockAfter > 0 && a.auth.refused >= a.cfg.LockAfter && a.cfg.Now().Sub(a.auth.lastTry) < lockLasts
}

// TokensOnlyAt says which host, as requests name it, gives tokens; it does
// nothing else.
func (a *Account) TokensOnlyAt(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokenHost = host
}

// here reports whether a host, as requests name it, serves that kind of request.
func (a *Account) here(kind RequestKind, host string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tokenHost == "" || (kind == Token) == (host == a.tokenHost)
}

// useRefresh spends a refresh token.
func (a *Account) useRefresh(t string) bool {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	until, ok := a.auth.refresh[t]
	delete(a.auth.refresh, t)
	return ok && a.cfg.Now().Before(until)
}

func (a *Account) issue(second bool) (access, refresh string) {
	access, refresh = "at-"+rand.Text(), "rt-"+rand.Text()
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	if a.cfg.SingleToken {
		clear(a.auth.access)
		clear(a.auth.refresh)
	}
	a.auth.access[access] = &accessToken{until: a.cfg.Now().Add(a.cfg.TokenTTL), second: second, unknown: a.cfg.UnknownAtFirst}
	a.auth.refresh[refresh] = a.cfg.Now().Add(refreshTTL)
	return access, refresh
}

// authorized checks the request's token, and answers where it is no good.
func (a *Account) authorized(w http.ResponseWriter, r *http.Request, kind RequestKind) bool {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || bearer == "" {
		fault(w, http.StatusUnauthorized, 900902, "Missing Credentials", "Required OAuth credentials not provided")
		return false
	}
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	t, known := a.auth.access[bearer]
	if known && t.unknown > 0 {
		t.unknown--
		known = false
	}
	switch {
	case !known:
		fault(w, http.StatusUnauthorized, 900901, "Invalid Credentials", "Access failure for API: /call_recording, version: v1. Make sure you have given the correct access token")
	case !a.cfg.Now().Before(t.until):
		fault(w, http.StatusUnauthorized, 900903, "Access Token Expired", "Access failure for API: /call_recording, version: v1. The access token has expired")
	case a.cfg.ProvisioningClientID != "" && t.second != kind.provisioning():
		fault(w, http.StatusForbidden, 900908, "Resource forbidden", "User is NOT authorized to access the Resource. API Subscription validation failed.")
	default:
		return true
	}
	return false
}

// Denial is a refusal that no other token cures.
type Denial struct {
	Status int
	Body   string
}

// Denials that were seen live.
var (
	MissingUserData = Denial{http.StatusUnauthorized, `{"msg":"missing user data","status":401}`}
	NoClaims        = Denial{http.StatusUnauthorized, `{"msg":"failed to get claims","status":401}`}
	NoSearchRight   = Denial{http.StatusForbidden, `{"msg":"User is not authorized to search CCR recordings for this account","status":403}`}
	NoHMACToken     = Denial{http.StatusForbidden, `{"message":"Missing HMAC token"}`}
)

// denied answers where that kind of request is denied.
func (a *Account) denied(w http.ResponseWriter, kind RequestKind) bool {
	d, ok := a.cfg.Denials[kind]
	if ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(d.Status)
		_, _ = io.WriteString(w, d.Body)
	}
	return ok
}
