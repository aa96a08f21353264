package vbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// inMemory sends requests to a handler without a network, so that time can be
// synctest's.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.Host, in.RemoteAddr = req.URL.RequestURI(), req.URL.Host, "192.0.2.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

// account is a simulated account in memory, and clients of it.
func clientOf(t *testing.T, h http.Handler, change func(*Options)) *Client {
	t.Helper()
	o := Options{Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport, c.deletes.Transport = inMemory{h}, inMemory{h}
	return c
}

// listOnce sends one request for a listing.
func listOnce(c *Client) error { return listWith(c, 1) }

func listWith(c *Client, times int) error {
	for _, err := range c.List(Query{Kind: Company, Account: "self"}).Pages(context.Background(), attempts(c, times)) {
		return err
	}
	return nil
}

// attempts is an Attempt that tries so many times, as the pipeline does: what a
// new token may be the cause of doesn't count.
func attempts(c *Client, times int) Attempt {
	return func(ctx context.Context, op func(context.Context, *Slot) error) (err error) {
		for n := 0; n < times; {
			var s *Slot
			if s, err = c.Slot(ctx, RankList); err == nil {
				err = op(ctx, s)
			}
			e := AsError(err)
			if err == nil || e == nil || !e.Temporary() {
				return err
			}
			if !e.NewToken {
				n++
			}
		}
		return err
	}
}

func authError(err error) *AuthError {
	e, _ := errors.AsType[*AuthError](err)
	return e
}

// What expires_in says is believed where it makes sense. Nothing that it may say
// makes a loop of logins.
func TestWhateverExpiresInSays(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"-1", "0", "null", `"never"`, `"-1"`, "1e300", "99999999999999", "0.5", "1", `""`, "{}", "59", "86400", `"86400"`, "3600.0"} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := vbctest.New(vbctest.Config{ExpiresIn: says})
				a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
				c := clientOf(t, a, nil)
				for range 50 {
					if err := listOnce(c); err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Second)
				}
				if n := a.Counts().ByKind[vbctest.Token]; n != 1 {
					t.Errorf("%d token requests in 500 seconds, want 1", n)
				}
			})
		})
	}
}

// Tokens that live for a second are used as long as they live, and asked for
// once a minute.
func TestTokensOfASecond(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"", "-1", "86400"} {
		synctest.Test(t, func(t *testing.T) {
			a := vbctest.New(vbctest.Config{TokenTTL: time.Second, ExpiresIn: says})
			a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
			c := clientOf(t, a, nil)
			began, worked := time.Now(), 0
			for time.Since(began) < time.Hour {
				if listWith(c, 4) == nil {
					worked++
				}
				time.Sleep(100 * time.Millisecond)
			}
			if n := a.Counts().ByKind[vbctest.Token]; n > 2*60+6 || worked < 60 {
				t.Errorf("expires_in %q: %d token requests in an hour, %d requests went well", says, n, worked)
			}
		})
	}
}

// A new token may be unknown to the gateway for a moment: the same one is tried
// again, after a pause.
func TestNewTokenIsUnknownAtFirst(t *testing.T) {
	t.Parallel()
	for unknown := range 3 {
		synctest.Test(t, func(t *testing.T) {
			a := vbctest.New(vbctest.Config{UnknownAtFirst: unknown})
			a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
			c := clientOf(t, a, nil)
			began := time.Now()
			if err := listOnce(c); err != nil {
				t.Error(err)
			}
			if n := a.Counts().ByKind[vbctest.Token]; n != 1 || unknown > 0 && time.Since(began) < time.Second {
				t.Errorf("unknown for %d requests: %d token requests in %v", unknown, n, time.Since(began))
			}
		})
	}
}

// Where no token ever works, a few are enough: the login works, and the API
// refuses its token. That is no refused password.
func TestTokensThatNeverWork(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"fault":{"code":900901,"message":"Invalid Credentials"}}`, "", "<html>", `{"msg":"who are you?","status":401}`} {
		synctest.Test(t, func(t *testing.T) {
			a := vbctest.New(vbctest.Config{})
			a.Inject(func(r *http.Request) *vbctest.Fault {
				if r.URL.Path != "/token" {
					return &vbctest.Fault{Status: http.StatusUnauthorized, Body: body}
				}
				return nil
			})
			var kept memory
			c := clientOf(t, a, func(o *Options) { o.Memory = &kept })
			began := time.Now()
			err := listWith(c, 4)
			if e := authError(err); e == nil || e.Cause != RefusedToken || !strings.Contains(err.Error(), "the login works") {
				t.Errorf("%q: %v", body, err)
			}
			if n := a.Counts(); n.ByKind[vbctest.Token] != 3 || n.Total > 12 || time.Since(began) > 2*time.Minute {
				t.Errorf("%q: %v in %v", body, n.ByKind, time.Since(began))
			}
			if len(kept.refused) != 0 {
				t.Error("that is remembered as a refused password")
			}
			if err := listOnce(c); authError(err) == nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Two machines whose logins end each other's tokens both come to their end, with
// few logins.
func TestTwoMachinesEndEachOthersTokens(t *testing.T) {
	t.Parallel()
	for _, pace := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second} {
		t.Run(pace.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := vbctest.New(vbctest.Config{SingleToken: true, Latency: pace / 3})
				a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
				began := time.Now()
				var wg sync.WaitGroup
				for machine := range 2 {
					c := clientOf(t, a, nil)
					for range 4 {
						wg.Go(func() {
							for range 75 {
								if err := listWith(c, 4); err != nil {
									t.Errorf("machine %d: %v", machine, err)
									return
								}
								time.Sleep(pace)
							}
						})
					}
				}
				wg.Wait()
				most := 2 * (4 + int(time.Since(began)/time.Minute) + 1)
				if n := a.Counts().ByKind[vbctest.Token]; n > most {
					t.Errorf("%d token requests in %v, at most %d would do", n, time.Since(began), most)
				}
				t.Logf("%d token requests in %v", a.Counts().ByKind[vbctest.Token], time.Since(began))
			})
		})
	}
}

// One request that is always answered with 401, among others that go well, is no
// reason to log in again and again.
func TestOneRequestIsAlwaysRefused(t *testing.T) {
	t.Parallel()
	for body, most := range map[string]int{`{"msg":"not yours","status":401}`: 2, "": 2, `{"fault":{"code":900901,"message":"Invalid Credentials"}}`: 5} {
		synctest.Test(t, func(t *testing.T) {
			a := vbctest.New(vbctest.Config{})
			a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
			a.Inject(func(r *http.Request) *vbctest.Fault {
				if strings.Contains(r.URL.Path, "/audio/") {
					return &vbctest.Fault{Status: http.StatusUnauthorized, Body: body}
				}
				return nil
			})
			c := clientOf(t, a, nil)
			ask := func() error {
				return attempts(c, 4)(t.Context(), func(ctx context.Context, s *Slot) error {
					_, err := s.Audio(ctx, Recording{ID: 1, DownloadURL: DefaultRoot + "/audio/recording/1"})
					return err
				})
			}
			for range 3 {
				if err := listOnce(c); err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				if err := ask(); err == nil || authError(err) != nil && strings.Contains(body, "not yours") {
					t.Errorf("%q: %v", body, err)
				}
				if strings.Contains(body, "900901") {
					return // a gateway that calls its own tokens invalid: that ends
				}
			}
			if n := a.Counts().ByKind[vbctest.Token]; n > most {
				t.Errorf("%q: %d token requests", body, n)
			}
		})
	}
}

// The Provisioning API's refusal of a token that is good for the other one costs
// one login, and nothing else.
func TestProvisioningRefusesAGoodToken(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a := vbctest.New(vbctest.Config{})
			a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
			a.Inject(func(r *http.Request) *vbctest.Fault {
				if strings.Contains(r.URL.Path, "/provisioning/") {
					return &vbctest.Fault{Status: http.StatusUnauthorized, Body: `{"fault":{"code":900901,"message":"Invalid Credentials"}}`}
				}
				return nil
			})
			c := clientOf(t, a, nil)
			for n := range 5 {
				if n > 0 || first {
					if err := listOnce(c); err != nil {
						t.Fatal(err)
					}
				}
				err := attempts(c, 4)(t.Context(), func(ctx context.Context, s *Slot) error { _, err := s.AccountNumber(ctx, "self"); return err })
				if e := AsError(err); e == nil || !e.Provisioning {
					t.Errorf("%v", err)
				}
			}
			if n := a.Counts().ByKind[vbctest.Token]; n > 2 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

// memory is a Memory as a program has it.
type memory struct{ refused map[string]Refusal }

func (m *memory) Refused(login string) (Refusal, bool) {
	r, ok := m.refused[login]
	return r, ok && time.Now().Before(r.Until())
}

func (m *memory) SetRefused(login string, r Refusal) error {
	if m.refused == nil {
		m.refused = map[string]Refusal{}
	}
	m.refused[login] = r
	return nil
}

func (m *memory) Forget(login string) error { delete(m.refused, login); return nil }

// A refused login isn't sent again before the lock is over, whichever client does
// it; another password is.
func TestRefusedLoginIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := vbctest.New(vbctest.Config{LockAfter: 1})
		a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
		var kept memory
		with := func(password string) error {
			return listOnce(clientOf(t, a, func(o *Options) { o.Memory, o.Password = &kept, password }))
		}
		for range 3 {
			err := with("wrong")
			if e := authError(err); e == nil || e.Cause != RefusedUser || e.Until.IsZero() || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%v", err)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 1 {
			t.Errorf("%d logins in half an hour", n)
		}
		time.Sleep(10 * time.Minute)
		if a.Locked() {
			t.Error("the user is still locked")
		}
		if err := with("correct horse"); err != nil {
			t.Errorf("another password: %v", err)
		}
		if err := with("wrong"); authError(err) == nil {
			t.Errorf("%v", err)
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 3 {
			t.Errorf("%d logins; after 35 minutes one more is right", n)
		}
		// The right password of a locked user: VBC says that it is locked.
		err := with("correct horse")
		if e := authError(err); e == nil || !e.Locked {
			t.Errorf("%v", err)
		}
		time.Sleep(LockLasts)
		if err := with("correct horse"); err != nil || len(kept.refused) != 1 {
			t.Errorf("%v; a login that works is remembered as refused: %d", err, len(kept.refused))
		}
	})
}

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

// Times are written as VBC takes them; where it refuses the usual form, the other
// one for the rest of the run.
func TestTimesInQueries(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		cfg     vbctest.Config
		refused int
		ends    string
	}{"both": {ends: "Z"}, "Z only": {cfg: vbctest.Config{RefuseOffset: true}, ends: "Z"}, "in other words": {refused: 1, ends: "+0000"}, "+0000 only": {cfg: vbctest.Config{RefuseZ: true}, refused: 1, ends: "+0000"}} {
		a := vbctest.New(c.cfg)
		a.Generate(30, day, time.Hour)
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if name == "in other words" && strings.Contains(r.URL.RawQuery, "Z&") {
				return &vbctest.Fault{Status: 400, Body: `Invalid datetime format`}
			}
			return nil
		})
		client := clientOf(t, a, nil)
		q := Query{Kind: Company, Account: "self", Since: day.Add(-10 * time.Hour), Before: day.Add(-time.Hour), PageSize: 4}
		for range 2 {
			n := 0
			for page, err := range client.List(q).Pages(t.Context(), attempts(client, 2)) {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				n += len(page)
			}
			if n != 10 {
				t.Errorf("%s: %d listed", name, n)
			}
			if err := attempts(client, 2)(t.Context(), func(ctx context.Context, s *Slot) error { _, err := s.StartExport(ctx, q); return err }); err != nil {
				t.Errorf("%s: export: %v", name, err)
			}
		}
		refused, last := 0, ""
		for _, r := range a.Log() {
			if r.Status == http.StatusBadRequest {
				refused++
			}
			if r.Kind == vbctest.List {
				last = r.Query.Get("start:gte")
			}
		}
		if refused != c.refused || !strings.HasSuffix(last, c.ends) {
			t.Errorf("%s: %d refused, last %q", name, refused, last)
		}
		if jobs := a.Jobs(); len(jobs) != 2 || len(jobs[1].Recordings()) != 10 {
			t.Errorf("%s: %d jobs", name, len(jobs))
		}
	}
	// An export first.
	a := vbctest.New(vbctest.Config{RefuseZ: true})
	client := clientOf(t, a, nil)
	if err := attempts(client, 2)(t.Context(), func(ctx context.Context, s *Slot) error {
		_, err := s.StartExport(ctx, Query{Kind: Company, Account: "self", Since: day})
		return err
	}); err != nil {
		t.Error(err)
	}
	// A 400 that is about something else changes nothing.
	a = vbctest.New(vbctest.Config{RejectPageSizeAbove: 5})
	client = clientOf(t, a, nil)
	for _, err := range client.List(Query{Kind: Company, Account: "self", Since: day}).Pages(t.Context(), attempts(client, 2)) {
		if e := AsError(err); e != nil && e.Temporary() {
			t.Errorf("%v", err)
		}
	}
	if client.zones.Load() {
		t.Error("a refused page size has changed how times are written")
	}
}

// redirects is a client of an account whose audio comes from elsewhere.
func redirects(t *testing.T, location func(hop int) string) (c *Client, seen func() []*http.Request) {
	t.Helper()
	var mu sync.Mutex
	var requests []*http.Request
	c = clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/token" {
			_, _ = io.WriteString(w, `{"access_token":"at-1","expires_in":86400}`)
			return
		}
		requests = append(requests, r)
		w.Header().Set("Set-Cookie", "session=1")
		if to := location(len(requests) - 1); to != "" {
			w.Header()["Location"] = []string{to}
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = io.WriteString(w, "ID3 the audio")
	}), nil)
	return c, func() []*http.Request { mu.Lock(); defer mu.Unlock(); return requests }
}

// A download that is redirected to another host is followed there, without
// anything of ours; nothing else is.
func TestRedirectedDownload(t *testing.T) {
	t.Parallel()
	const api, signed = "https://api.vonage.com", "?X-Amz-Signature=pr3signed"
	for name, c := range map[string]struct {
		to      []string
		fine    bool
		foreign bool // ends with a ForeignHostError
	}{
		"https":                {to: []string{"https://bucket.example/a" + signed}, fine: true},
		"a subdomain":          {to: []string{"https://files.api.vonage.com/a" + signed}, fine: true},
		"another port":         {to: []string{api + ":8443/a" + signed}, fine: true},
		"within":               {to: []string{"/b", "c"}, fine: true},
		"two hosts":            {to: []string{"https://one.example/a" + signed, "https://two.example/b" + signed}, fine: true},
		"and back":             {to: []string{"https://one.example/a" + signed, api + "/b"}, fine: true},
		"five":                 {to: []string{"https://x.example/1", "https://x.example/2", "https://x.example/3", "https://x.example/4", "https://x.example/5"}, fine: true},
		"too many":             {to: []string{"https://x.example/1" + signed, "https://x.example/2" + signed, "https://x.example/3", "https://x.example/4", "https://x.example/5", "https://x.example/6" + signed}},
		"plain http":           {to: []string{"http://bucket.example/a" + signed}, foreign: true},
		"plain http, later":    {to: []string{"https://bucket.example/a" + signed, "http://bucket.example/b" + signed}, foreign: true},
		"this machine":         {to: []string{"http://127.0.0.1:9/a" + signed}, foreign: true},
		"a password in it":     {to: []string{"https://user:pr3signed@bucket.example/a"}, foreign: true},
		"another scheme":       {to: []string{"file:///etc/passwd"}, foreign: true},
		"nothing like a place": {to: []string{"https://bucket.example/%zz" + signed}},
	} {
		client, seen := redirects(t, func(hop int) string {
			if hop < len(c.to) {
				return c.to[hop]
			}
			return ""
		})
		s, err := client.Slot(t.Context(), RankFetch)
		if err != nil {
			t.Fatal(err)
		}
		audio, err := s.Audio(t.Context(), Recording{ID: 1, DownloadURL: DefaultRoot + "/audio/recording/1"})
		if err == nil {
			body, _ := io.ReadAll(audio)
			audio.Close()
			if !c.fine || string(body) != "ID3 the audio" {
				t.Errorf("%s: %q", name, body)
			}
		} else if _, foreign := errors.AsType[*ForeignHostError](err); c.fine || foreign != c.foreign || strings.Contains(err.Error(), "pr3signed") {
			t.Errorf("%s: %v", name, err)
		}
		left := false
		for i, r := range seen() {
			left = left || r.URL.Host != "api.vonage.com"
			if (r.Header.Get("Authorization") == "") != left || r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
				t.Errorf("%s: request %d to %s had %v", name, i, r.URL.Host, r.Header)
			}
		}
	}
	// Only downloads leave.
	client, seen := redirects(t, func(int) string { return "https://bucket.example/a" })
	if _, ok := errors.AsType[*ForeignHostError](listOnce(client)); !ok || len(seen()) != 1 {
		t.Error("a listing went elsewhere")
	}
	s, _ := client.Slot(t.Context(), RankFetch)
	_, _, err := s.Transcript(t.Context(), Transcript{Recording: 1, ID: "1"})
	if _, ok := errors.AsType[*ForeignHostError](err); !ok {
		t.Errorf("a transcript: %v", err)
	}
}

// What another host answers says nothing of VBC: not of the token, the quota, or
// whether the recording exists.
func TestAnswersFromElsewhere(t *testing.T) {
	t.Parallel()
	for status, temporary := range map[int]bool{401: false, 403: true, 404: false, 429: true, 503: true, 500: true} {
		client, _ := redirects(t, func(hop int) string {
			return "https://bucket.example/a?X-Amz-Signature=pr3signed"
		})
		inner := client.http.Transport
		client.http.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host != "bucket.example" {
				return inner.RoundTrip(req)
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
				Body: io.NopCloser(strings.NewReader(`{"fault":{"code":900802,"message":"missing user data at https://bucket.example/a?X-Amz-Signature=pr3signed"}}`))}, nil
		})
		s, err := client.Slot(t.Context(), RankFetch)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Audio(t.Context(), Recording{ID: 1, DownloadURL: "/audio"})
		e := AsError(err)
		if e == nil || e.Host != "bucket.example" || e.Unauthorized() || e.NotFound() || e.Throttled() || e.Denied() || e.Temporary() != temporary || strings.Contains(err.Error(), "pr3signed") {
			t.Errorf("%d: %v", status, err)
		}
		if q := client.Quota(); q.Throttled != 0 || !client.tokens.ever {
			t.Errorf("%d: it was taken for VBC's", status)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

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
