package vbc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tokens hands out the access tokens of one application. They live in memory
// only.
//
// VBC's refresh tokens are dead after one use, and the password must be asked
// for rarely: a few refused logins lock the user out. So there is one token at
// a time, one request for it at a time, and no second try with a refused
// password. What the gateway says of a token is believed slowly: a new one may
// be unknown to it for a moment, and another machine's login may end ours.
type tokens struct {
	*logins
	id, secretKey string // of the application
	beside        bool   // of a second application, for the Provisioning API

	mu      sync.Mutex // guards what follows and the fields of current
	current *token
	ever    bool  // some token has been accepted
	unused  int   // tokens since then that were refused without having worked
	gained  int   // tokens since then, whatever became of them
	early   int   // tokens in a row that worked, and were refused before their time
	fatal   error // set once, when no token can be had any more

	basic  bool // the application is named by HTTP Basic, else in the form
	proven bool // and that is right

	asked       bool // the Provisioning API has refused a token that worked
	deadRefresh bool // refresh tokens of tokens that are refused early are no good
}

// token is one access token.
type token struct {
	access  string
	refresh string
	made    time.Time
	expires time.Time // zero: unknown
	rests   time.Time // not to be used before

	worked  bool      // has been accepted at least once
	refused bool      // has been answered with 401, and that is believed
	doubts  int       // 401s since it was last accepted that aren't believed yet
	doubted time.Time // the latest of them
}

// What bounds the logins. All pauses together are a minute for credentials that
// never work, and a few minutes for those that have.
var (
	// freshPauses come between the tries with a token that has never worked.
	// The second token and those after it get fewer.
	freshPauses = []time.Duration{time.Second, 4 * time.Second, 15 * time.Second}
	// unusedPauses come before the next token, if so many never worked.
	unusedPauses = []time.Duration{0, 5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute}
	// earlyPauses do if so many in a row worked and ended before their time.
	earlyPauses = []time.Duration{0, 0, 2 * time.Second, 10 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute}
	// failedPauses do if so many requests for one failed for other causes; those
	// who ask have pauses of their own for the first.
	failedPauses = []time.Duration{0, 0, 0, 0, 5 * time.Second, 15 * time.Second, time.Minute}
)

const (
	maxUnused     = 3  // tokens that never worked, where none ever has
	maxUnusedLate = 5  // where some has: others may be logging in too
	maxGained     = 10 // tokens without one accepted request

	earlyEnds = 10 * time.Minute // a token that lives longer wasn't ended by somebody's game with ours
	stranger  = time.Minute      // a 401 of unclear origin says nothing against a token younger than this

	freeLogins = 3 // in a row; then one in each refill
	refill     = time.Minute
)

// get sees to it that there is a token that should work, asking for a new one if
// need be. held returns it.
func (s *tokens) get(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		t, err := s.usable()
		if err != nil {
			return err
		}
		if t == nil {
			break
		}
		rest := s.rest(t)
		if rest <= 0 {
			return nil
		}
		if err := wait(ctx, rest); err != nil {
			return err
		}
	}
	if err := s.space(ctx); err != nil {
		return err
	}
	if refresh := s.takeRefresh(); refresh != "" {
		t, err := s.ask(ctx, s, "refresh_token", refresh)
		refused, _ := errors.AsType[*AuthError](err)
		switch e := AsError(err); {
		case err == nil:
			s.keep(t)
			return nil
		case e != nil && e.Throttled():
			s.mu.Lock()
			s.current.refresh = refresh // wasn't looked at
			s.mu.Unlock()
			return err
		case ctx.Err() != nil:
			return err
		case refused != nil && refused.Locked:
			return s.refuse(s, refused)
		}
		// It is dead, or perhaps used up: the password it is.
		s.noteDeadRefresh()
	}
	t, err := s.logIn(ctx, s)
	if err != nil {
		return s.failed(err)
	}
	s.keep(t)
	return nil
}

// usable returns the current token if it may be used, now or after its rest.
func (s *tokens) usable() (*token, error) {
	if err := s.logins.over(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch t := s.current; {
	case s.fatal != nil:
		return nil, s.fatal
	case t == nil, t.refused, !t.expires.IsZero() && !time.Now().Before(t.expires):
		return nil, nil
	default:
		return t, nil
	}
}

// held returns the current token if it may be used now.
func (s *tokens) held() (*token, error) {
	t, err := s.usable()
	if t != nil && s.rest(t) > 0 {
		return nil, nil
	}
	return t, err
}

// rest is how long a token isn't to be used yet.
func (s *tokens) rest(t *token) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(t.rests)
}

// keep makes a token the current one.
func (s *tokens) keep(t *token) {
	s.logins.gained()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = t
	s.gained++
}

// takeRefresh returns the refresh token to use, once; "" if there is none. A
// login elsewhere that ends our token may end its refresh token too; where that
// was seen once, it isn't tried again.
func (s *tokens) takeRefresh() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.deadRefresh && s.current.refused {
		return ""
	}
	refresh := s.current.refresh
	s.current.refresh = ""
	return refresh
}

func (s *tokens) noteDeadRefresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadRefresh = s.deadRefresh || s.current.refused
}

// space waits before a new token is asked for, if the last ones did no good, or
// if there were many of them.
func (s *tokens) space(ctx context.Context) error {
	s.mu.Lock()
	if s.current != nil && !s.current.refused {
		s.early = 0 // it lived as long as it should
	}
	pause := max(at(unusedPauses, s.unused), at(earlyPauses, s.early))
	early, unused, gained := s.early, s.unused, s.gained
	s.mu.Unlock()
	if gained >= maxGained {
		return s.end(&AuthError{Cause: RefusedToken, Reason: "VBC gave ten tokens in a row, but accepted no request with any of them"})
	}
	pause = max(pause, s.logins.pause())
	if pause <= 0 {
		return nil
	}
	if pause >= 10*time.Second {
		pause += time.Duration(time.Now().UnixNano() % int64(pause/5)) // so that two machines don't keep step
	}
	if early > 1 || unused > 0 {
		level := slog.LevelInfo
		if early == 2 || early < 2 && unused == 1 {
			level = slog.LevelWarn // each time would be too often
		}
		s.log.Log(ctx, level, "VBC refuses tokens soon after it gave them; waiting before the next login. Check whether another program logs in as the same user, or with the same client id",
			"wait", pause.Round(time.Second).String())
	}
	return wait(ctx, pause)
}

// failed is what the caller gets to hear of a request for a token that brought
// none. What refuses the application or the user ends it for good.
func (s *tokens) failed(err error) error {
	refused, ok := errors.AsType[*AuthError](err)
	if !ok || s.logins.over() != nil { // which is for every application
		return err
	}
	return s.end(refused)
}

// end says that no token can be had any more. What is about the second
// application concerns nothing but the Provisioning API.
func (s *tokens) end(why *AuthError) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fatal = why
	if s.beside {
		s.fatal = &Error{Op: "get a token for the Provisioning API", Status: http.StatusUnauthorized, Provisioning: true, denied: true,
			Message: why.Error(), advice: "VBC_PROVISIONING_CLIENT_ID and VBC_PROVISIONING_CLIENT_SECRET must be those of an application that is subscribed to the Provisioning API"}
	}
	return s.fatal
}

// login is what tells this login from others. It is secret.
func (s *tokens) login() string {
	return strings.Join([]string{s.username, s.password, s.id, s.secretKey, s.url}, "\x00")
}

// otherWay changes how the application is named, unless that is known.
func (s *tokens) otherWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.proven {
		s.basic = !s.basic
	}
	return !s.proven
}

// expect begins with a way of naming the application that worked earlier.
func (s *tokens) expect(way string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.proven {
		s.basic = way == wayBasic
	}
}

// way is how the application is named, "" if that isn't known.
func (s *tokens) way() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.proven:
		return ""
	case s.basic:
		return wayBasic
	}
	return wayForm
}

const (
	wayForm  = "form"
	wayBasic = "basic"
)

// at is the n-th pause, or the last.
func at(pauses []time.Duration, n int) time.Duration { return pauses[min(n, len(pauses)-1)] }

// wait waits.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// login appends the suffix that VBC's user names need.
func login(username string) string {
	if strings.Contains(username, "@") {
		return username
	}
	return username + "@vbc.prod"
}
