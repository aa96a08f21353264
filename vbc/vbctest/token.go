package vbctest

import (
	"crypto/rand"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

const refreshTTL = 7 * 24 * time.Hour

// tokenStore knows which tokens are alive until when.
type tokenStore struct {
	mu      *sync.Mutex
	access  map[string]time.Time
	refresh map[string]time.Time
}

func newTokenStore() tokenStore {
	return tokenStore{mu: &sync.Mutex{}, access: map[string]time.Time{}, refresh: map[string]time.Time{}}
}

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

// serveToken is POST /token with both grants.
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
	case r.PostForm.Get("client_id") != a.cfg.ClientID || r.PostForm.Get("client_secret") != a.cfg.ClientSecret:
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
		if !strings.HasSuffix(user, "@vbc.prod") || user != a.cfg.Username || r.PostForm.Get("password") != a.cfg.Password {
			oauthError(w, http.StatusBadRequest, "invalid_grant", "Authentication failed for "+user)
			return
		}
	case "refresh_token":
		if !a.useRefresh(r.PostForm.Get("refresh_token")) {
			oauthError(w, http.StatusBadRequest, "invalid_grant", "Persisted access token data not found")
			return
		}
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type")
		return
	}
	access, refresh := a.issue()
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "scope": "openid", "token_type": "Bearer", "expires_in": int(a.cfg.TokenTTL.Seconds()),
	})
}

// useRefresh spends a refresh token.
func (a *Account) useRefresh(t string) bool {
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	until, ok := a.auth.refresh[t]
	delete(a.auth.refresh, t)
	return ok && a.cfg.Now().Before(until)
}

func (a *Account) issue() (access, refresh string) {
	access, refresh = "at-"+rand.Text(), "rt-"+rand.Text()
	a.auth.mu.Lock()
	defer a.auth.mu.Unlock()
	a.auth.access[access] = a.cfg.Now().Add(a.cfg.TokenTTL)
	a.auth.refresh[refresh] = a.cfg.Now().Add(refreshTTL)
	return access, refresh
}

// authorized checks the request's token, and answers where it is no good.
func (a *Account) authorized(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		fault(w, http.StatusUnauthorized, 900902, "Missing Credentials", "Required OAuth credentials not provided")
		return false
	}
	a.auth.mu.Lock()
	until, known := a.auth.access[token]
	a.auth.mu.Unlock()
	switch {
	case !known:
		fault(w, http.StatusUnauthorized, 900901, "Invalid Credentials", "Access failure for API: /call_recording, version: v1. Make sure you have given the correct access token")
	case !a.cfg.Now().Before(until):
		fault(w, http.StatusUnauthorized, 900903, "Access Token Expired", "Access failure for API: /call_recording, version: v1. The access token has expired")
	default:
		return true
	}
	return false
}
