package vbc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultURL  = "https://api.vonage.com"
	DefaultRoot = "/t/vbc.prod/call_recording/v1/api"

	// ResellerTokenURL is where some resellers' tenants get their tokens.
	ResellerTokenURL = "https://apimanager.auth.prod.vonagenetworks.net/t/vbc.prod/oauth2/token" //nolint:gosec // an address, no secret

	defaultStall = time.Minute
)

// Options says how to reach an account. URL, Root, StallTimeout and Logger
// have defaults; the credentials are required.
type Options struct {
	URL      string // scheme and host of the API; the token goes nowhere else
	TokenURL string // where tokens are; password and secrets go nowhere else. "" = /token at URL
	Root     string // path of the call recording API

	Username, Password     string // of a VBC integration user
	ClientID, ClientSecret string // of an application of the developer portal

	// Of a second application, where the first isn't subscribed to the
	// Provisioning API; "" = the first.
	ProvisioningClientID, ProvisioningClientSecret string

	Memory Memory // of refused logins; nil = none

	Interval     time.Duration // at least so much time between two requests; 0 = learn from 429s
	Connections  int           // kept open between requests; 0 = 8
	StallTimeout time.Duration // give up on an answer that stands still for so long
	UserAgent    string
	Logger       *slog.Logger

	InsecureHTTP bool // allow http to other hosts than this one
}

// Client talks to one VBC account's API. Its methods may be called concurrently.
type Client struct {
	base      *url.URL
	root      string // path of the call recording API, no slash at the end
	userAgent string
	stall     time.Duration
	http      *http.Client
	deletes   *http.Client // whose connections can be gated
	tokens    *tokens
	beside    *tokens     // for the Provisioning API; mostly the same
	zones     atomic.Bool // times are written with +0000: VBC refuses them with Z
	pacer     *pacer
	clock     *clock
	pageSizes sync.Map // of each kind of listing, see pageSizes

	mu      sync.Mutex
	secrets []string
}

// New checks the options and makes a client. It sends nothing.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if o.Root == "" {
		o.Root = DefaultRoot
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = defaultStall
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Connections == 0 {
		o.Connections = 8
	}
	base, err := parseBase(o.URL, o.InsecureHTTP)
	if err != nil {
		return nil, err
	}
	tokenURL, err := parseTokenURL(o.TokenURL, base, o.InsecureHTTP)
	if err != nil {
		return nil, err
	}
	if (o.ProvisioningClientID == "") != (o.ProvisioningClientSecret == "") {
		return nil, errors.New("only one of client id and secret is given for the Provisioning API")
	}
	if o.Memory == nil {
		o.Memory = forgetful{}
	}
	if !strings.HasPrefix(o.Root, "/") {
		return nil, fmt.Errorf("API root %q: it must start with a slash, as in %s", o.Root, DefaultRoot)
	}
	c := &Client{
		base: base, root: strings.TrimRight(o.Root, "/"), userAgent: o.UserAgent, stall: o.StallTimeout,
		pacer: newPacer(o.Interval, o.Logger), secrets: []string{o.Password, o.ClientSecret, o.ProvisioningClientSecret, basicAuth(o.ClientID, o.ClientSecret), basicAuth(o.ProvisioningClientID, o.ProvisioningClientSecret)},
	}
	c.clock = &clock{}
	t := transport(o.Connections)
	c.http = &http.Client{Transport: &elsewhere{c.clock.watch(t), t}, CheckRedirect: c.checkRedirect}
	c.deletes = &http.Client{Transport: c.clock.watch(gated(t)), CheckRedirect: c.checkRedirect}
	l := &logins{
		url: tokenURL, username: login(o.Username), password: o.Password, http: c.http, pacer: c.pacer,
		redact: c.redact, shown: c.shown, secret: c.secret, memory: o.Memory, log: o.Logger, turn: make(chan struct{}, 1),
	}
	c.tokens = &tokens{logins: l, id: o.ClientID, secretKey: o.ClientSecret}
	c.beside = c.tokens
	if o.ProvisioningClientID != "" {
		c.beside = &tokens{logins: l, id: o.ProvisioningClientID, secretKey: o.ProvisioningClientSecret, beside: true}
	}
	return c, nil
}

// transport is the standard one (HTTPS_PROXY, SSL_CERT_FILE), with as many
// idle connections as there are workers, and without transparent gzip: what
// is stored must be what was sent.
func transport(connections int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = connections
	t.DisableCompression = true
	t.ResponseHeaderTimeout = time.Minute
	return t
}

// clock compares the server's clock with ours, by the Date of each answer.
type clock struct {
	mu      sync.Mutex
	offsets []time.Duration // the latest two
}

// watched is a way to the server whose answers the clock looks at.
type watched struct {
	http.RoundTripper
	clock *clock
}

func (c *clock) watch(r http.RoundTripper) http.RoundTripper { return &watched{r, c} }

func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(req)
	if err == nil {
		// What a cache kept has the time at which it was made.
		if date, e := http.ParseTime(resp.Header.Get("Date")); e == nil && resp.Header.Get("Age") == "" {
			w.clock.note(time.Since(date).Truncate(time.Second))
		}
	}
	return resp, err
}

func (c *clock) note(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offsets = append(c.offsets[max(0, len(c.offsets)-1):], offset)
}

// ClockOffset says by how much this machine's clock is ahead of the server's,
// to a second or so; 0 as long as no answer has told. One odd answer among others
// tells nothing.
func (c *Client) ClockOffset() (offset time.Duration) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	for i, o := range c.clock.offsets {
		if i == 0 || o.Abs() < offset.Abs() {
			offset = o
		}
	}
	return offset
}

// secret registers a text that must never be shown.
func (c *Client) secret(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets = append(c.secrets, s)
}

// redact removes every secret from a text, whoever wrote it, and however texts of
// that kind write it.
func (c *Client) redact(s string) string {
	c.mu.Lock()
	secrets := slices.Clone(c.secrets)
	c.mu.Unlock()
	slices.SortStableFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		quoted, _ := json.Marshal(secret) // never fails
		inQuotes := strconv.Quote(secret)
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), string(quoted[1 : len(quoted)-1]), inQuotes[1 : len(inQuotes)-1],
		} {
			s = strings.ReplaceAll(s, form, "[secret]")
		}
	}
	return s
}

// shown makes a server's text fit for a log line, without secrets: also those
// that what can't be printed has broken up, and before anything is cut off.
func (c *Client) shown(s string) string {
	return shorten(c.redact(printable(c.redact(s))))
}

// Quota says what is known of the request quota.
func (c *Client) Quota() Quota { return c.pacer.quota() }

// Expect begins with a pace that VBC has taught an earlier client, until it
// teaches another. 0 is none.
func (c *Client) Expect(pace time.Duration) { c.pacer.expect(pace) }

// ExpectQuota begins with the knowledge that there is a quota, though not at which
// pace it is used up.
func (c *Client) ExpectQuota() { c.pacer.name() }

// ExpectClientAuth begins with the way of naming the application that worked in
// an earlier run, as ClientAuth said it; "" is none.
func (c *Client) ExpectClientAuth(way string) { c.tokens.expect(way) }

// ClientAuth is how VBC wants the application to be named: "form", "basic", or
// "" if that isn't known.
func (c *Client) ClientAuth() string { return c.tokens.way() }

// Login gets a token, unless there is one that is good. Errors are Slot's.
func (c *Client) Login(ctx context.Context) error {
	return c.tokens.get(ctx)
}

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
	granted time.Time
	used    atomic.Bool
}

// Granted is when the permission was given: whatever justifies the request
// must be newer.
func (s *Slot) Granted() time.Time { return s.granted }

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
	defer s.c.pacer.ended()
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
		return tokens.report(s.token, sighting{at: s.granted, provisioning: provisioning})
	case e.Unauthorized():
		return tokens.report(s.token, sighting{at: s.granted, provisioning: provisioning, err: e})
	}
	return nil
}

// url joins path elements to the call recording API's root.
func (c *Client) url(elem ...string) *url.URL {
	return c.base.JoinPath(append([]string{c.root}, elem...)...)
}

// networkError keeps the cause and leaves out the address, which net/url's
// errors repeat in full.
func networkError(op string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("%s: %w", op, err)
}
