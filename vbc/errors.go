package vbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Error is an answer that isn't the documented success.
type Error struct {
	Op      string // what was tried, as in "delete company recording 12"
	Status  int    // HTTP status
	Code    int    // the gateway's fault code (900802, …), or 0
	Message string // what the server said, shortened, secrets removed
	Gateway bool   // the gateway answered, not the application behind it

	// Malformed says that the status was a success and the content wasn't.
	Malformed bool

	// Host is who answered, if it isn't VBC: a server that VBC has redirected to.
	Host string
	// Provisioning says that the Provisioning API was asked.
	Provisioning bool
	// NewToken says that a token was refused that has never worked. It may not be
	// known everywhere yet; the client waits, and bounds how often.
	NewToken bool

	aside  bool   // what was asked for isn't needed by every run
	denied bool   // no token cures it
	advice string // what to do, where denials doesn't know
	again  bool   // the next request is written in another way
	body   []byte // as it came; never shown

	// Opens is when the server says that it takes requests again, by our own
	// clock and however far away that is; zero if it doesn't say.
	Opens time.Time

	until time.Time // of a 429: when to ask again, by our own clock
	named bool      // the gateway says that it is a quota
}

func (e *Error) Error() string {
	var b strings.Builder
	who := "VBC"
	if e.Host != "" {
		who = e.Host + ", to which VBC redirects,"
	}
	fmt.Fprintf(&b, "%s: %s answered %d", e.Op, who, e.Status)
	if e.Code != 0 {
		fmt.Fprintf(&b, " (fault %d)", e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Fault codes of the WSO2 gateway.
const (
	codeThrottledFirst = 900800
	codeBlocked        = 900805 // by an administrator's policy: no quota, and it doesn't pass
	codeThrottledLast  = 900807
	codeNotSubscribed  = 900908
)

// Throttled reports whether the quota was used up. Nothing else is wrong.
func (e *Error) Throttled() bool {
	switch {
	case e.Host != "":
		return false // not VBC's quota
	case e.Status == http.StatusTooManyRequests:
		return e.Code != codeBlocked
	case e.Status == http.StatusServiceUnavailable:
		return e.ofQuota() && e.Code != codeBlocked
	}
	return false
}

// ofQuota reports whether the gateway's code is one of those of quotas.
func (e *Error) ofQuota() bool {
	return e.Host == "" && e.Code >= codeThrottledFirst && e.Code <= codeThrottledLast
}

// Blocked reports whether an administrator of the gateway has blocked the
// application, the user or the address: it is no quota, and doesn't pass.
func (e *Error) Blocked() bool {
	return e.Host == "" && e.Code == codeBlocked && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// Odd reports whether the gateway's code is a quota's, and the status isn't:
// whether that passes, nobody knows.
func (e *Error) Odd() bool { return e.ofQuota() && !e.Throttled() && !e.Blocked() }

// Outage reports whether VBC, or something on the way, is out of order: nothing
// that has to do with what was asked for.
func (e *Error) Outage() bool {
	return e.Host == "" && !e.Malformed && !e.ofQuota() && (e.Status >= 500 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooEarly)
}

// Unauthorized reports whether the token was refused; the next Slot has a new one.
func (e *Error) Unauthorized() bool {
	return e.Status == http.StatusUnauthorized && e.Host == "" && !e.Denied()
}

// NotSubscribed reports whether the application isn't subscribed to the API:
// no recording can be reached.
func (e *Error) NotSubscribed() bool {
	return e.Status == http.StatusForbidden && e.Code == codeNotSubscribed
}

// AtLogin reports whether it was a token that was asked for.
func (e *Error) AtLogin() bool { return e.Op == opToken }

// NotFound reports whether the application said that there is no such thing.
// The gateway's "no such route" looks similar and says nothing of a recording.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound && !e.Gateway && e.Host == "" }

// Temporary reports whether the same request may well succeed later.
func (e *Error) Temporary() bool {
	if e.Host != "" && (e.Status == http.StatusForbidden || e.Status == http.StatusTooManyRequests) {
		return true // asked again, VBC gives another address
	}
	return e.again || e.Malformed || e.Status >= 500 || e.Status == http.StatusRequestTimeout ||
		e.Status == http.StatusTooEarly || e.Throttled() || e.Odd() || e.Unauthorized()
}

// ForeignHostError says that a URL out of VBC's data points to another host.
// The token goes to no other host, so the request was not sent.
type ForeignHostError struct {
	Op, Host string
}

func (e *ForeignHostError) Error() string {
	return fmt.Sprintf("%s: its address is on another host, %q; the token is sent only to VBC", e.Op, e.Host)
}

// AsError returns the *Error in err's chain, or nil.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

const maxFaultBody = 16 << 10 // bytes; faults are a few hundred

// check turns every answer that isn't a success into an *Error and closes its
// body. It is the only place that looks at status codes.
func check(op string, resp *http.Response, shown func(string) string) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxFaultBody))
	resp.Body.Close()
	f := parseFault(body)
	if f.text == "" {
		f.text = words(body)
	}
	e := &Error{Op: op, Status: resp.StatusCode, Code: f.code, Message: shown(f.text), Gateway: f.gateway || isForeign(body), body: body}
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
	}
	e.Opens = opens(resp.Header, f.nextAccess, time.Now())
	if e.Throttled() {
		e.until = windowOpens(resp.Header, f.nextAccess, time.Now())
		e.named = e.ofQuota() || f.nextAccess != ""
	}
	return e
}

// words is what an error body in no known shape says for people: all of it, if it
// is text and no page.
func words(body []byte) string {
	body = bytes.TrimSpace(body)
	if len(body) < 3 || body[0] == '<' || !utf8.Valid(body) {
		return ""
	}
	return string(body)
}

// isForeign reports whether an error body is neither the application's JSON nor
// empty: some proxy's page, which says nothing of a recording.
func isForeign(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] != '{'
}

// fault is what an error body says.
type fault struct {
	code       int
	text       string
	nextAccess string
	gateway    bool
}

type wireFault struct {
	Fault       *wireFault `json:"fault"`
	Code        loose      `json:"code"`
	Type        loose      `json:"type"`
	Message     loose      `json:"message"`
	Description loose      `json:"description"`
	NextAccess  loose      `json:"nextAccessTime"`
	Msg         loose      `json:"msg"`
	Error       loose      `json:"error"`
	ErrorText   loose      `json:"error_description"`
}

// parseFault reads an error body in each shape that WSO2 gateways are known
// to send: JSON with and without the "fault" wrapper, the code as number or
// string, and XML. A body that is none of these is the application's own.
func parseFault(body []byte) fault {
	var w wireFault
	if json.Unmarshal(body, &w) != nil {
		if w = parseXMLFault(body); w.Code == "" {
			return fault{}
		}
	}
	wrapped := w.Fault != nil
	if wrapped {
		w = *w.Fault
	}
	f := fault{text: join(string(w.Message), string(w.Description), string(w.Msg), string(w.Error), string(w.ErrorText)), nextAccess: string(w.NextAccess)}
	f.code, _ = strconv.Atoi(strings.TrimSpace(string(w.Code)))
	f.gateway = wrapped || f.code >= 900000 || w.Type == "Status report" ||
		strings.Contains(strings.ToLower(f.text), "no matching resource")
	if f.code < 900000 {
		f.code = 0 // some shapes repeat the HTTP status here
	}
	return f
}

var xmlField = regexp.MustCompile(`<(?:\w+:)?(code|type|message|description|nextAccessTime)(?:\s[^<>]*)?>([^<]*)<`)

// parseXMLFault finds the fields of <am:fault> without minding its
// namespaces, which differ between gateway versions.
func parseXMLFault(body []byte) (w wireFault) {
	for _, m := range xmlField.FindAllSubmatch(body, -1) {
		v := loose(m[2])
		switch string(m[1]) {
		case "code":
			w.Code = v
		case "type":
			w.Type = v
		case "message":
			w.Message = v
		case "description":
			w.Description = v
		case "nextAccessTime":
			w.NextAccess = v
		}
	}
	return w
}

// join puts the distinct non-empty parts into one sentence.
func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" && !strings.Contains(strings.Join(out, ": "), p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, ": ")
}

// printable leaves out what doesn't belong into a line of text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}

// windowOpens says when the gateway will take requests again, by our clock, or
// when it is worth asking: WSO2's tiers count per minute.
func windowOpens(h http.Header, nextAccess string, now time.Time) time.Time {
	const longest, fallback = time.Hour, time.Minute
	wait := fallback
	if at := opens(h, nextAccess, now); !at.IsZero() {
		wait = at.Sub(now)
	}
	return now.Add(min(max(wait, time.Second), longest))
}

// opens is when a server says that it takes requests again, zero if it doesn't.
// It names a time of its own clock, so what counts is the distance to its Date
// header.
func opens(h http.Header, nextAccess string, now time.Time) time.Time {
	server := now
	if d, err := http.ParseTime(h.Get("Date")); err == nil {
		server = d
	}
	if t, err := parseAccessTime(nextAccess); err == nil {
		return now.Add(t.Sub(server))
	}
	ra := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(ra, 64); err == nil && s >= 0 && s < 1<<30 {
		return now.Add(time.Duration(s * float64(time.Second)))
	}
	if t, err := http.ParseTime(ra); err == nil {
		return now.Add(t.Sub(server))
	}
	return time.Time{}
}

// parseAccessTime reads nextAccessTime: "2026-Nov-23 10:01:00+0000 UTC", and
// the other forms that gateway versions use.
func parseAccessTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 1e12 && ms < 1e14 {
		return time.UnixMilli(ms), nil
	}
	for _, layout := range []string{
		"2006-Jan-02 15:04:05-0700 MST", "2006-Jan-02 15:04:05-0700", "2006-Jan-02 15:04:05 MST",
		timeLayout, time.RFC3339, "2006-01-02 15:04:05-0700 MST", "2006-01-02 15:04:05 MST", time.RFC1123,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("parse nextAccessTime %.40q: unknown format", s)
}
