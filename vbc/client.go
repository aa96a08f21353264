package vbc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
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

	Memory Memory      // of refused logins; nil = none
	Quota  SharedQuota // nil = this client has the quota for itself, as far as it knows

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
	lines     []*http.Transport
	tokens    *tokens
	beside    *tokens     // for the Provisioning API; mostly the same
	zones     atomic.Bool // times are written with +0000: VBC refuses them with Z
	pacer     *pacer
	clock     *clock
	tally     *tally
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
	if o.Quota != nil {
		c.pacer.shared = newShare(c.pacer, o.Quota)
	}
	c.clock, c.tally = &clock{}, &tally{}
	t := transport(o.Connections)
	here := func(way http.RoundTripper) http.RoundTripper { return &tallied{c.clock.watch(way), c.tally} }
	g := gated(t)
	c.lines = []*http.Transport{t, g}
	c.http = &http.Client{Transport: &elsewhere{here(t), t}, CheckRedirect: c.checkRedirect}
	c.deletes = &http.Client{Transport: here(g), CheckRedirect: c.checkRedirect}
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

// Close closes the connections that no request uses: whoever has many clients, one
// after the other, would keep those of all of them for a while. What is shared with
// others is told them before, which takes two seconds at most; then Options.Quota is
// closed, if it can be.
func (c *Client) Close() {
	c.pacer.tellAll(closeWithin)
	if s := c.pacer.shared; s != nil {
		if quota, ok := s.quota.(io.Closer); ok {
			_ = quota.Close() // nothing of it is needed any more
		}
	}
	for _, t := range c.lines {
		t.CloseIdleConnections()
	}
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

// url joins path elements to the call recording API's root.
func (c *Client) url(elem ...string) *url.URL {
	return c.base.JoinPath(append([]string{c.root}, elem...)...)
}
