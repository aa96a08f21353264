package vbc

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
