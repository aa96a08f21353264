package vbc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"
)

// Slot waits for the permission to send one request, and for a token that is
// good for it. Whoever gets one uses it or releases it. The error is an
// *AuthError if no token is to be had, an *Error or a network error if asking
// for one failed, or the cause of ctx's end.
func (c *Client) Slot(ctx context.Context, rank Rank) (*Slot, error) {
	for {
		if err := c.Login(ctx); err != nil {
			return nil, err
		}
		granted, err := c.pacer.wait(ctx, rank)
		if err != nil {
			return nil, err
		}
		t, err := c.tokens.held()
		if err == nil && t != nil {
			return &Slot{c: c, token: t, granted: granted}, nil
		}
		// The wait has outlasted the token. A new one takes this turn.
		c.pacer.giveBack(granted)
		if err != nil {
			return nil, err
		}
	}
}

// Slot is the permission to send one request now. It carries the token that
// the request will use. Using it twice is an error.
type Slot struct {
	c       *Client
	token   *token
	granted turn
	used    atomic.Bool
}

// Granted is when the permission was given: whatever justifies the request
// must be newer.
func (s *Slot) Granted() time.Time { return s.granted.at }

// Release gives the turn to somebody else, if it wasn't used.
func (s *Slot) Release() {
	if !s.used.Swap(true) {
		s.c.pacer.giveBack(s.granted)
	}
}

var errSlotUsed = errors.New("slot is used up: every request needs a slot of its own")

// do sends the slot's request and checks the answer. On nil the caller closes
// the answer's body, which fails when it stands still for too long.
func (s *Slot) do(ctx context.Context, op, method string, u *url.URL) (*http.Response, error) {
	return s.send(ctx, op, method, u, nil)
}

// send is do with a body in JSON.
func (s *Slot) send(ctx context.Context, op, method string, u *url.URL, body []byte) (*http.Response, error) {
	if s.used.Swap(true) {
		return nil, fmt.Errorf("%s: %w", op, errSlotUsed)
	}
	provisioning := s.c.isProvisioning(u)
	if provisioning && s.c.beside != s.c.tokens {
		if err := s.change(ctx); err != nil {
			return nil, err
		}
	}
	defer func() { s.c.pacer.ended(s.granted) }()
	if !s.c.sameHost(u) {
		return nil, &ForeignHostError{Op: op, Host: u.Host}
	}
	u, withZ := s.c.rewriteTimes(u)
	ctx, watch := watchdog(ctx, s.c.stall)
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		watch.stop()
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token.access)
	req.Header.Set("Accept-Encoding", "identity")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.c.userAgent != "" {
		req.Header.Set("User-Agent", s.c.userAgent)
	}
	client := s.c.http
	if method == http.MethodDelete {
		client = s.c.deletes
	}
	resp, err := client.Do(req)
	if err != nil {
		err = watch.explain(err)
		watch.stop()
		if foreign, ok := errors.AsType[*ForeignHostError](err); ok {
			return nil, &ForeignHostError{Op: op, Host: foreign.Host}
		}
		return nil, redirectError(op, err)
	}
	resp.Body = watch.wrap(resp.Body)
	err = check(op, resp, s.c.shown)
	if e := AsError(err); e != nil {
		e.Provisioning, e.aside = provisioning, isAside.MatchString(u.Path)
		if at := resp.Request.URL; !s.c.sameHost(at) {
			e.Host, e.Code, e.Gateway = at.Host, 0, true
			e.Message, e.body = http.StatusText(e.Status), nil // its own may repeat the address, which is a secret
		}
		e.again = (withZ || bodyWithZ.Match(body)) && s.c.refusesTimes(e)
	}
	if over := s.learn(err, provisioning); over != nil {
		err = over
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// isAside matches the paths of exports and transcripts.
var isAside = regexp.MustCompile(`/(export|jobs/[^/]*|bulkDownload/.*|transcriptions?(/.*)?)$`)

// change takes a token of the second application in place of the first's. Where
// it has to ask for one, that takes this turn.
func (s *Slot) change(ctx context.Context) (err error) {
	for {
		if s.token, err = s.c.beside.held(); s.token != nil {
			return nil
		}
		s.c.pacer.giveBack(s.granted)
		if err != nil {
			return err
		}
		s.c.beside.expect(s.c.tokens.way()) // the same server, as far as is known
		if err = s.c.beside.get(ctx); err != nil {
			return err
		}
		if s.granted, err = s.c.pacer.wait(ctx, RankList); err != nil {
			return err
		}
	}
}

// learn tells the pacer and the tokens what the answer says about them. An
// error is what ends everything.
func (s *Slot) learn(err error, provisioning bool) error {
	tokens := s.c.tokens
	if provisioning {
		tokens = s.c.beside
	}
	e := AsError(err)
	if e != nil && e.Throttled() {
		if e.named {
			s.c.pacer.name()
		}
		s.c.pacer.refused(s.granted, e.until)
		return nil
	}
	s.c.pacer.accepted(s.granted)
	switch {
	case e == nil, e.NotFound(), e.Host != "":
		return tokens.report(s.token, sighting{at: s.granted.at, provisioning: provisioning})
	case e.Unauthorized():
		return tokens.report(s.token, sighting{at: s.granted.at, provisioning: provisioning, err: e})
	}
	return nil
}

// networkError keeps the cause and leaves out the address, which net/url's
// errors repeat in full.
func networkError(op string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("%s: %w", op, err)
}
