package vbc

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

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
