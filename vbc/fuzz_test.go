package vbc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// answers is a server that answers every request with the same bytes.
type answers []byte

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a))}, nil
}

// A listing of any bytes comes to an end, and shows nothing twice.
func FuzzListing(f *testing.F) {
	for _, s := range []string{
		`{"_embedded":{"recordings":[{"id":1,"start":"2026-05-12T10:15:00+0000","file_size_in_bytes":"20"}]},"page":1,"total_items":1}`,
		`{"_embedded":null,"total_items":0}`, `{"_embedded":{"recordings":null},"page":0,"total_items":3}`, `{"page":1e99}`, `[]`, `null`, ``,
		`{"_embedded":{"recordings":[{"id":"7","start":"2026-05-12T10:15:00Z","_links":{"self":{"href":"/accounts/../1/company_call_recordings/7"}}},{"id":7},3,null]},"total_items":-1}`,
		`{"_embedded":{"recordings":[{"id":9223372036854775807,"start":"9999-12-31T23:59:59+0000","duration":-1,"file_size_in_bytes":-5}]},"total_items":99}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.http = &http.Client{Transport: answers(body)}
		tries := 0
		try := func(ctx context.Context, op func(context.Context, *Slot) error) error {
			if tries++; tries > 1000 {
				t.Fatal("it doesn't end")
			}
			return op(ctx, &Slot{c: c, token: &token{access: "a"}, granted: turn{at: time.Now()}})
		}
		seen := map[string]bool{}
		for page, err := range c.List(Query{Kind: Company, Account: "self"}).Pages(t.Context(), try) {
			if err != nil {
				return
			}
			for _, r := range page {
				if r.Unreadable != "" {
					continue
				}
				y := r.Start.Year()
				if r.ID <= 0 || y < 1990 || y > 9999 || r.Size < -1 || r.Duration < -1 || !json.Valid(r.Raw) || r.Account != "" && !isNumber(r.Account) {
					t.Errorf("%+v", r)
				}
				if id := itemID(r.Raw); seen[id] {
					t.Errorf("%s is shown twice", id)
				} else {
					seen[id] = true
				}
			}
		}
	})
}

// An entry of any bytes is a recording's transcript, under an address of its
// own, or none.
func FuzzTranscripts(f *testing.F) {
	for _, s := range []string{`{"id":7}`, `{"id":"7","start":"2026-05-12T10:15:00+0000"}`, `{"id":"t-7","recording_id":7}`, `{"id":"../../token"}`, `{"id":-1}`, `{"recording_id":"7"}`,
		`{"id":"a?b","company_call_recording_id":9223372036854775807}`, `7`, `null`, `{"id":1e3}`, `{"id":"7/8"}`} {
		f.Add([]byte(s))
	}
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	base := c.url("transcription").String()
	f.Fuzz(func(t *testing.T, item []byte) {
		text, ok := parseTranscript(item)
		if !ok {
			return
		}
		address := c.url("transcription", text.ID).String()
		if rest, under := strings.CutPrefix(address, base+"/"); text.Recording <= 0 || !under || strings.ContainsAny(rest, "/?#.") {
			t.Errorf("%+v is at %s", text, address)
		}
	})
}

// Whatever is made of an answer is JSON, and JSON stays as it is; what is said of
// anything else fits into a line and shows nothing of it.
func FuzzRepair(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "\xef\xbb\xbf{}", `{"a":"\q\u12"}`, "{\"a\":\"\x01\"} \x00", `{"a":`, "<html>", "\x1f\x8b", `{}{}`, `"\`, `nul`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := repair(body)
		switch {
		case err == nil && (!json.Valid(value) || json.Valid(body) && !bytes.Equal(value, body)):
			t.Errorf("%q is read as %q", body, value)
		case err != nil && (utf8.RuneCountInString(err.Error()) > 100 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) })):
			t.Errorf("%q: %v", body, err)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2019-01-01T00:00:00+0000", "2019-01-01T00:00:00Z", "2026-05-01T01:00:00+0200", "2026-04-01T00:00:00", "yesterday", "0000-00-00T00:00:00+9999", "2019-01-01T00:00:00.5-0330"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseTime(s)
		if err != nil {
			return
		}
		again, err := ParseTime(FormatTime(at))
		if err != nil || !again.Equal(at.Truncate(time.Second)) || at.Location() != time.UTC {
			t.Errorf("%q is %v, and then %v, %v", s, at, again, err)
		}
	})
}

// Whatever an error's body is: what is said of it fits into a line, and holds
// no secret.
func FuzzFault(f *testing.F) {
	const secret = "s3cr3t-t0ken"
	for _, s := range []string{
		`{"fault":{"code":900802,"message":"Message throttled out","nextAccessTime":"2026-Nov-23 10:01:00+0000 UTC"}}`, `{"code":"900901","description":"` + secret + `"}`,
		`<am:fault xmlns:am="x"><am:code>900803</am:code><am:message>` + secret + `</am:message></am:fault>`, `{"msg":"\u0000\u202e` + secret + `"}`, `<html>`, ``, `{"fault":{"fault":{}}}`,
	} {
		f.Add(429, []byte(s))
		f.Add(404, []byte(s))
	}
	c, err := New(Options{Password: secret})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := check("op", &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, c.shown)
		if err == nil {
			if status < 200 || status > 299 {
				t.Errorf("status %d is no error", status)
			}
			return
		}
		text := err.Error()
		if strings.Contains(text, secret) || utf8.RuneCountInString(text) > 300 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
		if e := AsError(err); e.Throttled() && (e.until.Before(time.Now()) || e.until.After(time.Now().Add(61*time.Minute))) {
			t.Errorf("the window opens at %v", e.until)
		}
	})
}

func FuzzAccessTime(f *testing.F) {
	for _, s := range []string{"2026-Nov-23 10:01:00+0000 UTC", "1763892060000", "2026-11-23 10:01:00 UTC", "tomorrow", "9999-Dec-31 23:59:59-1200 XXX"} {
		f.Add(s, "", "")
		f.Add("", s, "Mon, 23 Nov 2026 10:00:00 GMT")
	}
	f.Add("", "-5", "")
	f.Add("", "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, next, after, date string) {
		now := time.Now()
		until := windowOpens(http.Header{"Retry-After": {after}, "Date": {date}}, next, now)
		if until.Before(now.Add(time.Second)) || until.After(now.Add(time.Hour)) {
			t.Errorf("the window opens in %v", until.Sub(now))
		}
	})
}
