package vbc_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// start serves a simulated account and returns a client of it.
func start(t *testing.T, cfg vbctest.Config) (*vbctest.Account, *vbc.Client) {
	t.Helper()
	a := vbctest.New(cfg)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, client(t, server.URL, nil)
}

func client(t *testing.T, url string, change func(*vbc.Options)) *vbc.Client {
	t.Helper()
	o := vbc.Options{URL: url, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"}
	if change != nil {
		change(&o)
	}
	c, err := vbc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// now has nothing against a DELETE.
func now() error { return nil }

func slot(t *testing.T, c *vbc.Client) *vbc.Slot {
	t.Helper()
	s, err := c.Slot(t.Context(), vbc.RankFetch)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// again is an Attempt that tries so many times.
func again(c *vbc.Client, times int) vbc.Attempt {
	return func(ctx context.Context, op func(context.Context, *vbc.Slot) error) (err error) {
		for range times {
			var s *vbc.Slot
			if s, err = c.Slot(ctx, vbc.RankList); err == nil {
				err = op(ctx, s)
			}
			if e := vbc.AsError(err); err == nil || e != nil && !e.Temporary() {
				return err
			}
		}
		return err
	}
}

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

func recordingOf(t *testing.T, c *vbc.Client, q vbc.Query) vbc.Recording {
	t.Helper()
	all := listAll(t, c, q)
	if len(all) == 0 {
		t.Fatal("nothing is listed")
	}
	return all[0]
}

func listAll(t *testing.T, c *vbc.Client, q vbc.Query) []vbc.Recording {
	t.Helper()
	if q.Account == "" {
		q.Account = "self"
	}
	if q.Kind == "" {
		q.Kind = vbc.Company
	}
	var all []vbc.Recording
	for page, err := range c.List(q).Pages(t.Context(), again(c, 3)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
	}
	return all
}

func TestOneSlotIsOneRequest(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(1, day, time.Hour)
	r := recordingOf(t, c, vbc.Query{})
	s := slot(t, c)
	if _, err := s.Delete(t.Context(), r, now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), r, now); err == nil {
		t.Error("a slot was good for two requests")
	}
	if n := a.Counts().ByKind[vbctest.Delete]; n != 1 {
		t.Errorf("%d DELETEs were sent", n)
	}
}

func TestRefusedPasswordIsAskedOnce(t *testing.T) {
	a, _ := start(t, vbctest.Config{})
	server := httptest.NewServer(a)
	defer server.Close()
	c := client(t, server.URL, func(o *vbc.Options) { o.Password = "wrong" })
	for range 3 {
		_, err := c.Slot(t.Context(), vbc.RankFetch)
		if _, ok := errors.AsType[*vbc.AuthError](err); !ok || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v; want an AuthError without the password", err)
		}
	}
	if n := a.Counts().Total; n != 1 {
		t.Errorf("%d requests; want one for the token and no more", n)
	}
}

// A token that expires is renewed with the refresh token, or with the password
// where that is dead.
func TestExpiredTokens(t *testing.T) {
	for _, dead := range []bool{false, true} {
		now := time.Now()
		a, c := start(t, vbctest.Config{Now: func() time.Time { return now }})
		a.Generate(1, day, time.Hour)
		listAll(t, c, vbc.Query{})
		now = now.Add(25 * time.Hour)
		if dead {
			a.RevokeRefreshTokens()
		}
		if all := listAll(t, c, vbc.Query{}); len(all) != 1 {
			t.Errorf("listed %d", len(all))
		}
		want := 2
		if dead {
			want = 3 // the password, the dead refresh token, the password
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != want {
			t.Errorf("refresh token dead %v: %d token requests, want %d", dead, n, want)
		}
	}
}

func TestTokenGoesToNoOtherHost(t *testing.T) {
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	a, c := start(t, vbctest.Config{})
	a.Add(vbctest.Recording{ID: 1, Start: day, DownloadURL: other.URL + "/x"},
		vbctest.Recording{ID: 2, Start: day.Add(time.Hour), DownloadURL: strings.Replace(other.URL, "http://", "http://user@", 1) + "/x"},
		vbctest.Recording{ID: 3, Start: day.Add(2 * time.Hour)})
	all := listAll(t, c, vbc.Query{})
	for _, r := range all[1:] {
		_, err := slot(t, c).Audio(t.Context(), r)
		if _, ok := errors.AsType[*vbc.ForeignHostError](err); !ok {
			t.Errorf("recording %d: %v; want a ForeignHostError", r.ID, err)
		}
	}
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "/accounts/") {
			return &vbctest.Fault{Status: http.StatusFound, Header: http.Header{"Location": {other.URL + "/y"}}}
		}
		return nil
	})
	_, err := slot(t, c).Exists(t.Context(), all[0])
	if _, ok := errors.AsType[*vbc.ForeignHostError](err); !ok {
		t.Errorf("redirected: %v; want a ForeignHostError", err)
	}
	if len(leaked) != 0 {
		t.Errorf("the other host was asked %d times, with %q", len(leaked), leaked)
	}
}

// Go's client turns a redirected DELETE into a GET, whose 200 would look like
// a success.
func TestRedirectedDeleteIsNoSuccess(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(1, day, time.Hour)
	r := recordingOf(t, c, vbc.Query{})
	a.Inject(func(req *http.Request) *vbctest.Fault {
		if req.Method == http.MethodDelete {
			return &vbctest.Fault{Status: http.StatusFound, Header: http.Header{"Location": {req.URL.Path}}}
		}
		return nil
	})
	if _, err := slot(t, c).Delete(t.Context(), r, now); err == nil {
		t.Error("a redirect was taken for a deletion")
	}
}

func TestDeleteTakesNoWebPageForAnAnswer(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(1, day, time.Hour)
	r := recordingOf(t, c, vbc.Query{})
	a.Inject(func(*http.Request) *vbctest.Fault {
		return &vbctest.Fault{Status: 200, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: "<html>Log in to the hotel's network"}
	})
	if _, err := slot(t, c).Delete(t.Context(), r, now); err == nil {
		t.Error("a web page was taken for a deletion")
	}
}

// "No such recording" and "no such route" both are 404.
func TestNotFoundIsTheApplicationsWordOnly(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(1, day, time.Hour)
	r := recordingOf(t, c, vbc.Query{})
	r.ID = 5
	if e := vbc.AsError(deleted(slot(t, c).Delete(t.Context(), r, now))); e == nil || !e.NotFound() {
		t.Errorf("no such recording: %v", e)
	}
	server := httptest.NewServer(a)
	defer server.Close()
	lost := client(t, server.URL, func(o *vbc.Options) { o.Root = "/t/vbc.prod/nowhere" })
	if e := vbc.AsError(deleted(slot(t, lost).Delete(t.Context(), r, now))); e == nil || e.Status != 404 || e.NotFound() {
		t.Errorf("no such route: %v; want a 404 that says nothing of the recording", e)
	}
}

func TestStalledBodyFails(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"a","expires_in":86400}`))
			return
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("ID3"))
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	c := client(t, server.URL, func(o *vbc.Options) { o.StallTimeout = 50 * time.Millisecond })
	audio, err := slot(t, c).Audio(t.Context(), vbc.Recording{ID: 1, Kind: vbc.Company, DownloadURL: server.URL + "/a"})
	if err != nil {
		t.Fatal(err)
	}
	defer audio.Close()
	for err == nil {
		_, err = audio.Read(make([]byte, 100))
	}
	if !errors.Is(err, vbc.ErrStalled) {
		t.Errorf("%v; want ErrStalled", err)
	}
}

func TestServersTextRepeatsNoSecret(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(1, day, time.Hour)
	listAll(t, c, vbc.Query{})
	a.Inject(func(r *http.Request) *vbctest.Fault {
		return &vbctest.Fault{Status: 500, Body: `{"msg":"bad ` + r.Header.Get("Authorization") + ` for correct horse\u001b[31m"}`}
	})
	_, err := slot(t, c).AccountNumber(t.Context(), "self")
	if s := err.Error(); strings.Contains(s, "at-") || strings.Contains(s, "correct horse") || strings.Contains(s, "\x1b") {
		t.Errorf("%q", s)
	}
}

// Nor a part of one, where a long text is cut short, nor one that is written as
// forms, addresses, JSON and XML write it.
func TestServersTextRepeatsNoPartOfASecret(t *testing.T) {
	t.Parallel()
	const password = `pa"ss wo/rd&<long&secret>`
	inJSON, _ := json.Marshal(password)
	for name, text := range map[string]string{
		"as it is": password, "form": url.QueryEscape(password), "address": url.PathEscape(password),
		"JSON": strings.Trim(string(inJSON), `"`), "XML": html.EscapeString(password), "simple JSON": `pa\"ss wo/rd&<long&secret>`,
	} {
		for before := 150; before < 200; before += 7 {
			a := vbctest.New(vbctest.Config{})
			server := httptest.NewServer(a)
			defer server.Close()
			a.Inject(func(*http.Request) *vbctest.Fault {
				return &vbctest.Fault{Status: 400, Body: strings.Repeat("x", before) + " " + text + " is wrong"}
			})
			c := client(t, server.URL, func(o *vbc.Options) { o.Password = password })
			if err := c.Login(t.Context()); err == nil || strings.Contains(err.Error(), " pa") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, url := range []string{"http://api.vonage.com", "ftp://x", "https://", "https://user@api.vonage.com", "https://api.vonage.com/t", "::"} {
		if _, err := vbc.New(vbc.Options{URL: url}); err == nil {
			t.Errorf("%q is accepted", url)
		}
	}
	for _, url := range []string{"", "https://api.vonage.com", "https://proxy.example.com:8443/", "http://127.0.0.1:80", "http://localhost"} {
		if _, err := vbc.New(vbc.Options{URL: url}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// deleted drops the status.
func deleted(_ int, err error) error { return err }

// Plain http goes to this host, and elsewhere only for those who insist.
func TestPlainHTTP(t *testing.T) {
	for url, fine := range map[string]bool{"http://127.0.0.1:9": true, "http://localhost": true, "http://192.0.2.1": false, "https://192.0.2.1": true} {
		for _, insist := range []bool{false, true} {
			if _, err := vbc.New(vbc.Options{URL: url, InsecureHTTP: insist}); (err == nil) != (fine || insist) {
				t.Errorf("%s, insisting %v: %v", url, insist, err)
			}
		}
	}
}

// The clock is compared with the answers' own, and not with what a cache on
// the way has kept for a day.
func TestClockOffset(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		off  time.Duration // of VBC's clock
		age  string
		want time.Duration // of ours
	}{
		"right": {}, "behind": {off: time.Hour, want: -time.Hour}, "ahead": {off: -time.Hour, want: time.Hour},
		"cached": {off: -24 * time.Hour, age: "86400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := vbctest.New(vbctest.Config{Now: func() time.Time { return time.Now().Add(c.off) }})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.age != "" {
					w.Header().Set("Age", c.age)
				}
				a.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			me := client(t, server.URL, nil)
			if err := me.Login(t.Context()); err != nil {
				t.Fatal(err)
			}
			if off := me.ClockOffset() - c.want; off.Abs() > time.Minute {
				t.Errorf("off by %v, want %v", me.ClockOffset(), c.want)
			}
		})
	}
}
