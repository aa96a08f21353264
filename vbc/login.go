package vbc

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// logins sends the requests for tokens: of all applications, since it is one
// user and one password, and what counts against them is counted here.
type logins struct {
	url                string // of the tokens
	username, password string
	http               *http.Client
	pacer              *pacer
	redact, shown      func(string) string
	secret             func(string) // registers what must never be shown
	memory             Memory
	log                *slog.Logger

	turn chan struct{} // held while a token is asked for; a channel, so that waiting can be cancelled

	mu      sync.Mutex // guards what follows
	room    float64    // logins that need no pause
	since   time.Time  // when that was reckoned; zero: never
	failing int        // requests in a row that brought neither a token nor a refusal
	fatal   error      // the user is refused
}

// Memory keeps refused logins from one run to the next. A login is told by a
// text that holds its secrets: it is for making a digest of, and not for
// keeping.
type Memory interface {
	// Refused returns the refusal of this very login, if there was one. After an error
	// nobody knows, and the login isn't tried.
	Refused(login string) (Refusal, bool, error)
	// SetRefused keeps one. It is durable on return.
	SetRefused(login string, r Refusal) error
	// Forget drops it: this login works.
	Forget(login string) error
}

// Refusal is one refused login.
type Refusal struct {
	At     time.Time
	Reason string // VBC's words, secrets removed
	Locked bool   // the user is locked, and the password may be right
}

// LockLasts is how long a refused login isn't tried again. VBC locks a user for
// 30 minutes from the last try on, whoever makes it.
const LockLasts = 35 * time.Minute

// Until is when the login may be tried again.
func (r Refusal) Until() time.Time { return r.At.Add(LockLasts) }

// forgetful is a Memory of nothing.
type forgetful struct{}

func (forgetful) Refused(string) (Refusal, bool, error) { return Refusal{}, false, nil }
func (forgetful) SetRefused(string, Refusal) error      { return nil }
func (forgetful) Forget(string) error                   { return nil }

// over returns the error that ends every login, if there is one.
func (l *logins) over() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

// gained notes that a token came.
func (l *logins) gained() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill()
	l.room--
	l.failing = 0
}

// pause is how long to wait before the next request for a token.
func (l *logins) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill()
	wait := at(failedPauses, l.failing)
	if l.room < 1 {
		wait = max(wait, time.Duration((1-l.room)*float64(refill)))
	}
	return wait
}

// refill reckons how many logins need no pause. The caller holds mu.
func (l *logins) refill() {
	now := time.Now()
	l.room = min(freeLogins, l.room+float64(now.Sub(l.since))/float64(refill))
	if l.since.IsZero() {
		l.room = freeLogins
	}
	l.since = now
}

// logIn asks for a token with the password, at most once: unless the way in
// which the application is named is refused, which comes before any password is
// looked at. Then the other way is tried, once.
func (l *logins) logIn(ctx context.Context, app *tokens) (*token, error) {
	if err := l.unrefused(app); err != nil {
		return nil, err
	}
	t, err := l.ask(ctx, app, "password", "")
	if first, ok := errors.AsType[*AuthError](err); ok && first.Cause == RefusedClient && app.otherWay() {
		t, err = l.ask(ctx, app, "password", "")
		if again, ok := errors.AsType[*AuthError](err); ok && again.Cause == RefusedClient {
			first.Reason += "; and when sent the other way (form, HTTP Basic): " + again.Reason
			err = first
		}
	}
	if err == nil {
		if err := errors.Join(l.memory.Forget(app.login()), l.memory.Forget(l.user())); err != nil {
			l.log.Warn("the record of a refused login can't be removed", "reason", err)
		}
	} else if refused, ok := errors.AsType[*AuthError](err); ok && refused.Cause == RefusedUser {
		return nil, l.refuse(app, refused)
	}
	return t, err
}

// unrefused is the error that says that VBC has refused this login before, or this user
// with whatever application, since a lock is the user's; or that this isn't known.
func (l *logins) unrefused(app *tokens) error {
	for _, login := range []string{app.login(), l.user()} {
		r, ok, err := l.memory.Refused(login)
		if err != nil {
			return &MemoryError{err}
		}
		if ok {
			return l.end(app, r, fmt.Sprintf("VBC refused this user and password at %s (%s). vbcvault does not try them again before %s, because each try locks the user for another 30 minutes",
				r.At.UTC().Format(time.RFC3339), r.Reason, r.Until().UTC().Format(time.RFC3339)))
		}
	}
	return nil
}

// MemoryError says that nobody knows whether VBC has refused a login before. It was not
// tried: that might lock the user.
type MemoryError struct{ Err error }

func (e *MemoryError) Error() string {
	return "the record of refused logins can't be read, so VBC was not asked for a token: " + e.Err.Error()
}

func (e *MemoryError) Unwrap() error { return e.Err }

// user is what tells this user and password from others. It is secret.
func (l *logins) user() string { return l.username + "\x00" + l.password }

// refuse says that VBC refuses the user, and sees to it that later runs know.
func (l *logins) refuse(app *tokens, why *AuthError) error {
	r := Refusal{At: time.Now(), Reason: why.Reason, Locked: why.Locked}
	login := app.login()
	if r.Locked {
		login = l.user()
	}
	if err := l.memory.SetRefused(login, r); err != nil {
		l.log.Warn("a refused login can't be recorded, so the next run tries it again; fix the password before the next run", "reason", err)
	}
	return l.end(app, r, why.Reason)
}

// end says that the user is refused, whatever the application: unless it is the
// second one that does it, since with the first this user has logged in.
func (l *logins) end(app *tokens, r Refusal, reason string) error {
	err := &AuthError{Cause: RefusedUser, Reason: reason, Locked: r.Locked, Until: r.Until()}
	if app.beside && !r.Locked {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = err
	return err
}

// tokenTimeout bounds a token request, its answer included.
const tokenTimeout = 2 * time.Minute

// expiryMargin keeps a token from expiring on its way to the server.
const expiryMargin = 30 * time.Second

const maxTokenBody = 1 << 20 // bytes

const opToken = "get a token"

// ask sends one request for a token. An *AuthError says who is refused; after a
// refresh token was refused, it says nothing of the user.
func (l *logins) ask(ctx context.Context, app *tokens, grant, refresh string) (*token, error) {
	granted, err := l.pacer.wait(ctx, RankToken)
	if err != nil {
		return nil, err
	}
	if grant == "password" && l.pacer.shared != nil { // while it waited, another machine may have tried it
		if err := l.unrefused(app); err != nil {
			l.pacer.giveBack(granted)
			return nil, err
		}
	}
	defer l.pacer.ended(granted)
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	t, err := l.send(ctx, app, grant, refresh, granted)
	if err == nil {
		app.mu.Lock()
		app.proven = true
		app.mu.Unlock()
	} else if _, refused := errors.AsType[*AuthError](err); !refused {
		l.mu.Lock()
		l.failing++
		l.mu.Unlock()
	}
	return t, err
}

func (l *logins) send(ctx context.Context, app *tokens, grant, refresh string, granted turn) (*token, error) {
	form := url.Values{"grant_type": {grant}}
	if grant == "password" {
		form.Set("username", l.username)
		form.Set("password", l.password)
		form.Set("scope", "openid")
	} else {
		form.Set("refresh_token", refresh)
	}
	app.mu.Lock()
	basic := app.basic
	app.mu.Unlock()
	if !basic {
		form.Set("client_id", app.id)
		form.Set("client_secret", app.secretKey)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opToken, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic {
		// As they are. RFC 6749 wants them encoded as in a form first, which WSO2 doesn't
		// undo; there they are letters and digits, and it makes no difference.
		req.SetBasicAuth(app.id, app.secretKey)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, l.network(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody))
	if err != nil {
		return nil, l.network(err)
	}
	var w wireToken
	_ = json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &w) // or there is no token in it
	if access := string(w.Access); resp.StatusCode < 300 && access != "" && sendable(access) {
		return l.token(w), nil
	}
	return nil, l.refusal(resp, body, string(w.Error), granted)
}

// basicAuth is what names an application in HTTP Basic, as a secret.
func basicAuth(id, secret string) string {
	if secret == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
}

// network is networkError of a request for a token.
func (l *logins) network(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("%s: %w", opToken, &redacted{err, l.redact(err.Error())})
}

// redacted is an error whose text holds no secrets.
type redacted struct {
	error
	text string
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.error }

type wireToken struct {
	Access    loose `json:"access_token"`
	Refresh   loose `json:"refresh_token"`
	ExpiresIn loose `json:"expires_in"`
	Error     loose `json:"error"`
}

// sendable reports whether a text can be sent as a token.
func sendable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (l *logins) token(w wireToken) *token {
	t := &token{access: string(w.Access), refresh: string(w.Refresh), made: time.Now()}
	l.secret(t.access)
	l.secret(t.refresh)
	if life := lifetime(string(w.ExpiresIn)); life > 0 {
		t.expires = t.made.Add(life - min(expiryMargin, life/10))
	}
	return t
}

// lifetime reads expires_in; 0 is unknown. That is what it is where it is missing
// or no number, where it says "never" (WSO2: -1) or something absurd, and where
// it is so short that believing it would mean to log in all the time: such a
// token is used until it is refused.
func lifetime(s string) time.Duration {
	const shortest, longest = 60, 10 * 365 * 24 * 3600 // seconds
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(n >= shortest && n <= longest) {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}
