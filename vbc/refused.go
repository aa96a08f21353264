package vbc

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Cause says who is refused.
type Cause int

const (
	RefusedUser   Cause = iota // the user or the password; trying again may lock the user
	RefusedClient              // the application: its id, its secret, or what it may do
	RefusedLogin               // the request for a token, and nobody says why
	RefusedToken               // tokens are given, and the API accepts none of them

	nobody Cause = -1
)

// AuthError says that VBC refuses the credentials. Trying again with the same
// ones can't help, and may lock the user out.
type AuthError struct {
	Cause  Cause
	Reason string
	Locked bool      // VBC says that the user is locked
	Until  time.Time // of RefusedUser: the same login isn't tried before; zero = not said
}

func (e *AuthError) Error() string {
	switch e.Cause {
	case RefusedClient:
		return "VBC refuses the credentials of the application (client id and secret): " + e.Reason
	case RefusedToken:
		return "the login works, but the API refuses its token: " + e.Reason
	case RefusedLogin:
		return "VBC refuses the login: " + e.Reason
	}
	return "VBC refuses the credentials: " + e.Reason
}

// refusal makes an error of an answer without a token: an *AuthError where it
// refuses somebody, else an *Error.
func (l *logins) refusal(resp *http.Response, body []byte, code string, granted turn) error {
	f := parseFault(body)
	if f.text == "" {
		f.text = words(body)
	}
	e := &Error{Op: opToken, Status: resp.StatusCode, Code: f.code, Gateway: f.gateway || isForeign(body), Message: l.shown(f.text),
		Malformed: resp.StatusCode < 300, body: body[:min(len(body), maxFaultBody)]}
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
		if e.Malformed {
			e.Message = "the answer has no access token"
		}
	}
	page := f.code == 0 && bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
	if cause := whoIsRefused(e, code, resp.Header.Get("WWW-Authenticate"), page); cause != nobody {
		return &AuthError{Cause: cause, Reason: e.Error(), Locked: !page && e.locked()}
	}
	e.Opens = opens(resp.Header, f.nextAccess, time.Now())
	if e.Throttled() {
		e.until = windowOpens(resp.Header, f.nextAccess, time.Now())
		l.pacer.refused(granted, e.until)
	}
	return e
}

var (
	saysLocked  = regexp.MustCompile(`(?i)\b(17003|lockout|locked out)\b|\b(user|account)\b.*\block(ed)?\b|\blocked\b.*\b(user|account)\b`)
	namesLocked = regexp.MustCompile(`(?i)\block(ed)?\b`)
	saysUser    = regexp.MustCompile(`(?i)\b(17002|password|user ?name|user|account|resource owner)\b`)
	saysClient  = regexp.MustCompile(`(?i)(\bclient|consumer key|\bapplication\b)`)
)

// whoIsRefused says whom an answer without a token refuses. A refused user must
// not be tried again, so whatever doesn't say whom it means, means the user; but
// what isn't VBC's own word (page: a proxy's) means nobody in particular.
//
// RFC 6749 has invalid_client for the application and invalid_grant for the user;
// servers look at the application first. A lock is one in whatever it is wrapped.
func whoIsRefused(e *Error, code, challenge string, page bool) Cause {
	text := e.Message + " " + string(e.body)
	refusing := e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	switch {
	case !page && e.locked():
		return RefusedUser
	case e.Throttled(), e.Odd(), e.Blocked(), !refusing && (!e.Malformed || code == ""):
		return nobody
	case code == "invalid_client", code == "unauthorized_client", code == "unsupported_grant_type", code == "invalid_scope":
		return RefusedClient
	case code == "invalid_grant", !page && saysUser.MatchString(text):
		return RefusedUser
	case !page && saysClient.MatchString(text), e.Code == codeMissingCredentials:
		return RefusedClient
	case e.Status == http.StatusUnauthorized && strings.HasPrefix(strings.ToLower(challenge), "basic"):
		return RefusedClient // only an application answers such a challenge here
	case e.Status == http.StatusForbidden, page && e.Status == http.StatusBadRequest:
		return RefusedLogin
	}
	return RefusedUser
}

// locked reports whether an answer says that the user is locked, in whatever it is
// wrapped; what is no refusal must say it plainly, since other things are locked too.
func (e *Error) locked() bool {
	text := e.Message + " " + string(e.body)
	return saysLocked.MatchString(text) || e.Status >= 400 && e.Status < 500 && namesLocked.MatchString(text)
}

// Fault codes of the WSO2 gateway that are about a token: it is unknown, not
// there, expired, or not active.
const (
	codeInvalidCredentials = 900901
	codeMissingCredentials = 900902
	codeExpired            = 900903
	codeInactive           = 900904
)

// aboutToken reports whether a 401 says that it is the token that is refused.
// Others may come from the application behind the gateway.
func (e *Error) aboutToken() bool {
	return slices.Contains([]int{codeInvalidCredentials, codeMissingCredentials, codeExpired, codeInactive}, e.Code)
}

// denials are what VBC says where no other token helps, and what to do then.
// A text counts in an answer 401 or 403, in any case.
var denials = []struct {
	code         int
	text         string
	provisioning string // what to do where the Provisioning API says it; "" = the same
	advice       string
}{
	{code: codeNotSubscribed, advice: "subscribe your application to the Call Recording API in the developer portal, then run again",
		provisioning: "subscribe your application to the Provisioning API, or set VBC_PROVISIONING_CLIENT_ID and VBC_PROVISIONING_CLIENT_SECRET to those of one that is"},
	{text: "missing user data", advice: "the integration user lacks a permission: make it an account administrator in the VBC admin portal, then run again"},
	{text: "failed to get claims", advice: "VBC doesn't know whose token this is: VBC_USERNAME must be an integration user of this account (an administrator without single sign-on), and VBC_API_ROOT must be that of its region"},
	{text: "not authorized to search ccr recordings", advice: "in the VBC admin portal, give the integration user the permission for Company Call Recording; address and password are correct"},
	{text: "missing hmac token", advice: "this is the gateway of another region: set VBC_API_ROOT to the path of your region (India: /t/vbc.prod/call_recording_india/api), or VBC_API_URL to its address"},
}

// Denied reports whether VBC has said something that no token cures: a right or
// a subscription is missing, or the address is another region's.
func (e *Error) Denied() bool { return e.denied || e.Advice() != "" }

// Aside reports whether it was something that a run can do without that was asked
// for: the Provisioning API, an export, a transcript.
func (e *Error) Aside() bool { return e.aside || e.Provisioning }

// Advice says what to do about it; "" if that isn't known.
func (e *Error) Advice() string {
	if e.advice != "" || e.Host != "" || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return e.advice
	}
	text := strings.ToLower(e.Message + " " + string(e.body))
	for _, d := range denials {
		if d.code != 0 && d.code == e.Code || d.text != "" && strings.Contains(text, d.text) {
			if e.Provisioning && d.provisioning != "" {
				return d.provisioning
			}
			return d.advice
		}
	}
	return ""
}
