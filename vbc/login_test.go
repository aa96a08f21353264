package vbc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A locked user isn't asked for again with the password after a refresh token was
// refused for the lock.
func TestLockedAtARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := vbctest.New(vbctest.Config{})
		a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
		c := clientOf(t, a, nil)
		if err := listOnce(c); err != nil {
			t.Fatal(err)
		}
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.URL.Path == "/token" {
				return &vbctest.Fault{Status: http.StatusBadRequest, Body: `{"error":"invalid_grant","error_description":"17003:admin@vbc.prod"}`}
			}
			return nil
		})
		time.Sleep(25 * time.Hour)
		if err := listOnce(c); authError(err) == nil || !authError(err).Locked {
			t.Errorf("%v", err)
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 2 {
			t.Errorf("%d token requests, want the login and one refresh", n)
		}
	})
}

// The application is named in the way that VBC wants, and the user's refusal is
// never tried in the other.
func TestBasicForTheApplication(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    vbctest.Config
		expect string
		change func(*Options)
		logins int
		cause  Cause
		way    string
	}{
		"form":                      {way: "form", logins: 1, cause: nobody},
		"basic":                     {cfg: vbctest.Config{BasicOnly: true}, way: "basic", logins: 2, cause: nobody},
		"basic, known":              {cfg: vbctest.Config{BasicOnly: true}, expect: "basic", way: "basic", logins: 1, cause: nobody},
		"form again":                {expect: "basic", way: "form", logins: 2, cause: nobody},
		"refused user":              {change: func(o *Options) { o.Password = "wrong" }, logins: 1, cause: RefusedUser},
		"refused user by basic":     {cfg: vbctest.Config{BasicOnly: true}, change: func(o *Options) { o.Password = "wrong" }, logins: 2, cause: RefusedUser},
		"refused application":       {change: func(o *Options) { o.ClientSecret = "wrong" }, logins: 2, cause: RefusedClient},
		"refused application basic": {cfg: vbctest.Config{BasicOnly: true}, change: func(o *Options) { o.ClientID = "wrong" }, logins: 2, cause: RefusedClient},
	} {
		a := vbctest.New(c.cfg)
		a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
		client := clientOf(t, a, c.change)
		client.ExpectClientAuth(c.expect)
		for range 2 {
			switch e := authError(listOnce(client)); {
			case e == nil && c.cause != nobody, e != nil && e.Cause != c.cause:
				t.Errorf("%s: %v", name, e)
			}
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != c.logins || client.ClientAuth() != c.way {
			t.Errorf("%s: %d token requests, then %q", name, n, client.ClientAuth())
		}
	}
}

// What is sent as HTTP Basic is a secret too.
func TestBasicIsSecret(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"can't read `+r.Header.Get("Authorization")+`"}`)
	}), func(o *Options) { o.ClientSecret = "s3cret" })
	c.ExpectClientAuth("basic")
	if err := c.Login(t.Context()); err == nil || !strings.Contains(err.Error(), "[secret]") || strings.Contains(err.Error(), basicAuth("client", "s3cret")) {
		t.Errorf("%v", err)
	}
}

// Whom an answer refuses decides whether the password may be sent again.
func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status          int
		body, challenge string
		want            Cause
	}{
		{400, `{"error":"invalid_grant","error_description":"Authentication failed for admin"}`, "", RefusedUser},
		{401, `{"error":"invalid_grant","error_description":"17003"}`, "Basic realm=x", RefusedUser},
		{400, `{"error":"invalid_grant"}`, "", RefusedUser},
		{200, `{"error":"invalid_grant","error_description":"no"}`, "", RefusedUser},
		{403, `{"error":"access_denied","error_description":"User account is locked"}`, "", RefusedUser},
		{500, `{"error":"server_error","error_description":"17003 - account locked"}`, "", RefusedUser},
		{401, `{"error":"invalid_client","error_description":"17003: locked"}`, "", RefusedUser},
		{400, `17003: the user is locked`, "", RefusedUser},
		{400, `{"code":17003,"message":"Authentication failed"}`, "", RefusedUser},
		{400, `{"errors":[{"message":"wrong password"}]}`, "", RefusedUser},
		{423, ``, "", RefusedUser},
		{429, `{"message":"too many refused logins: locked out"}`, "", RefusedUser},
		{500, `{"message":"database is locked"}`, "", nobody},
		{401, ``, "", RefusedUser},
		{400, `{}`, "", RefusedUser},
		{401, `<html>401`, "", RefusedUser},
		{401, `{"error":"invalid_client"}`, "", RefusedClient},
		{400, `{"error":"invalid_client","error_description":"no"}`, "", RefusedClient},
		{401, `{"error":"unauthorized"}`, `Basic realm="wso2"`, RefusedClient},
		{400, `{"error":"invalid_request","error_description":"Missing client credentials"}`, "", RefusedClient},
		{401, `{"fault":{"code":900902,"message":"Missing Credentials"}}`, "", RefusedClient},
		{400, `{"error":"unauthorized_client"}`, "", RefusedClient},
		{400, `{"error":"unsupported_grant_type"}`, "", RefusedClient},
		{403, `<html>Forbidden`, "", RefusedLogin},
		{400, `<html>your access is locked by policy`, "", RefusedLogin},
		{403, `{"fault":{"code":900805,"message":"Message blocked"}}`, "", nobody},
		{404, ``, "", nobody},
		{503, `<html>`, "", nobody},
		{429, `{"fault":{"code":900802,"message":"Message throttled out"}}`, "", nobody},
		{302, ``, "", nobody},
		{200, `<html>`, "", nobody},
		{200, `{}`, "", nobody},
	} {
		requests := 0
		client := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests++
			if c.challenge != "" {
				w.Header().Set("WWW-Authenticate", c.challenge)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}), nil)
		err := client.Login(t.Context())
		got := nobody
		if e := authError(err); e != nil {
			got = e.Cause
		}
		if err == nil || got != c.want || (c.want != RefusedClient) != (requests == 1) {
			t.Errorf("%d %q %q: %v (%d), want %d; %d requests", c.status, c.body, c.challenge, err, got, c.want, requests)
		}
	}
}

// Tokens come from where they are, and neither the password nor the secret goes
// anywhere else, nor the token there.
func TestTokensElsewhere(t *testing.T) {
	t.Parallel()
	a := vbctest.New(vbctest.Config{TokenPath: "/t/vbc.prod/oauth2/token", BasicOnly: true})
	a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
	a.TokensOnlyAt("tokens.example.com")
	var wrong []string
	watch := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		_, _, basic := r.BasicAuth()
		if token := r.Host == "tokens.example.com"; token != (len(body) > 0) || token != basic || token == strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") {
			wrong = append(wrong, r.Host+r.URL.Path)
		}
		a.ServeHTTP(w, r)
	})
	c := clientOf(t, watch, func(o *Options) { o.TokenURL = "https://tokens.example.com/t/vbc.prod/oauth2/token" })
	c.ExpectClientAuth("basic")
	if err := listOnce(c); err != nil || len(wrong) > 0 {
		t.Errorf("%v; %v", err, wrong)
	}
	for address, fine := range map[string]bool{
		"https://x.example": true, "https://x.example/": true, "https://x.example:8443/a/token": true, "http://127.0.0.1:1/t": true,
		"http://x.example/token": false, "https://u:p4ss@x.example/token": false, "https://x.example/token?a=b": false, "x.example/token": false, "https:///token": false, "ftp://x.example": false, "::p4ss": false,
	} {
		_, err := New(Options{TokenURL: address})
		if (err == nil) != fine || err != nil && strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%q: %v", address, err)
		}
		if _, err := New(Options{URL: address}); err != nil && strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%q as the API's: %v", address, err)
		}
	}
	c, err := New(Options{TokenURL: "https://x.example"})
	if err != nil || c.tokens.url != "https://x.example/token" {
		t.Errorf("%v, %v", c, err)
	}
}

// A second application is asked for where the Provisioning API is, and its refusal
// is that API's alone.
func TestApplicationForProvisioning(t *testing.T) {
	t.Parallel()
	cfg := vbctest.Config{ProvisioningClientID: "second", ProvisioningClientSecret: "its secret"}
	ask := func(c *Client) (number string, err error) {
		err = attempts(c, 4)(t.Context(), func(ctx context.Context, s *Slot) error { number, err = s.AccountNumber(ctx, "self"); return err })
		return number, err
	}
	with := func(secret string) func(*Options) {
		return func(o *Options) { o.ProvisioningClientID, o.ProvisioningClientSecret = "second", secret }
	}
	a := vbctest.New(cfg)
	a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
	c := clientOf(t, a, with("its secret"))
	for range 2 {
		number, err := ask(c)
		if err != nil || number != "549825" || listOnce(c) != nil {
			t.Errorf("%s, %v", number, err)
		}
	}
	if n := a.Counts().ByKind[vbctest.Token]; n != 2 {
		t.Errorf("%d token requests, want one for each application", n)
	}
	c = clientOf(t, a, with("wrong"))
	_, err := ask(c)
	if e := AsError(err); e == nil || !e.Provisioning || !e.Denied() || e.Temporary() || !strings.Contains(e.Advice(), "VBC_PROVISIONING_CLIENT_ID") {
		t.Errorf("%v", err)
	}
	if err := listOnce(c); err != nil {
		t.Errorf("the other API: %v", err)
	}
	// Without one, VBC says that the application isn't subscribed.
	_, err = ask(clientOf(t, a, nil))
	if e := AsError(err); e == nil || !strings.Contains(e.Advice(), "VBC_PROVISIONING_CLIENT_ID") {
		t.Errorf("%v", err)
	}
	// A user who has logged in with the first is not refused as a whole by the second,
	// and what that refuses isn't sent again either.
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if r.URL.Path == "/token" && r.ParseForm() == nil && r.PostForm.Get("client_id") == "second" {
			return &vbctest.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"Authentication failed for admin"}`}
		}
		return nil
	})
	a.ResetCounts()
	var kept memory
	for range 2 {
		c = clientOf(t, a, func(o *Options) { with("its secret")(o); o.Memory = &kept })
		for range 2 {
			_, err = ask(c)
			if e := AsError(err); e == nil || !e.Provisioning || !e.Denied() || listOnce(c) != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if n := a.Counts().ByKind[vbctest.Token]; n != 3 || len(kept.refused) != 1 {
		t.Errorf("%d token requests; want the first application's two, and one refused", n)
	}
	if _, err := New(Options{ProvisioningClientID: "alone"}); err == nil {
		t.Error("an id without a secret is taken")
	}
}

// What VBC says that no token cures costs no login, and has advice.
func TestDenials(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]vbctest.Denial{"data": vbctest.MissingUserData, "claims": vbctest.NoClaims, "right": vbctest.NoSearchRight, "hmac": vbctest.NoHMACToken,
		"elsewhere": {Status: 401, Body: `{"errors":[{"text":"missing user data"}]}`}, "text": {Status: 403, Body: "Missing HMAC token"},
		"wrapped": {Status: 401, Body: `{"fault":{"code":900901,"message":"x","description":"Missing User Data for it"}}`}} {
		a := vbctest.New(vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.List: d}})
		c := clientOf(t, a, nil)
		for range 3 {
			e := AsError(listOnce(c))
			if e == nil || !e.Denied() || e.Temporary() || e.Advice() == "" {
				t.Errorf("%s: %v", name, e)
			}
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 1 {
			t.Errorf("%s: %d logins", name, n)
		}
	}
	if e := (&Error{Status: 403, Message: "Your plan ended"}); e.Denied() || e.Temporary() || !strings.Contains(e.Error(), "Your plan ended") {
		t.Errorf("%v", e)
	}
}

// A login that can't be reached is tried ever more rarely.
func TestUnreachableLoginIsSpaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tried := 0
		c := clientOf(t, http.NotFoundHandler(), nil)
		c.http.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			tried++
			return nil, fmt.Errorf("dial %s: no route for correct horse", req.URL.Host)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for ctx.Err() == nil {
			err := c.Login(ctx)
			if err != nil && strings.Contains(err.Error(), "correct horse") || authError(err) != nil {
				t.Fatalf("%v", err)
			}
		}
		if tried > 70 || tried < 10 {
			t.Errorf("%d requests in an hour", tried)
		}
	})
}

// The text that a login is told by holds what makes it another login.
func TestLoginIsToldByAllOfIt(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, change := range []func(*Options){nil, func(o *Options) { o.Username = "b" }, func(o *Options) { o.Password = "b" }, func(o *Options) { o.ClientID = "b" },
		func(o *Options) { o.ClientSecret = "b" }, func(o *Options) { o.TokenURL = "https://b.example" }} {
		seen[clientOf(t, http.NotFoundHandler(), change).tokens.login()] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d of 6 logins are told apart", len(seen))
	}
	if _, err := url.Parse(ResellerTokenURL); err != nil {
		t.Error(err)
	}
}
