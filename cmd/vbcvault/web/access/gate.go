package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// Options are what a gate is made of.
type Options struct {
	State  *state.DB
	Config config.Web
	Listen string // the address at which the page is answered, as in 127.0.0.1:8180
	TLS    bool   // the page itself encrypts
	Log    *slog.Logger
	Now    func() time.Time // nil = time.Now
}

// Gate is what stands before the page: it says who asks, and lets nobody in who hasn't
// signed in. Its methods may be called concurrently.
type Gate struct {
	state   *state.DB
	log     *slog.Logger
	now     func() time.Time
	listen  string
	tls     bool
	hashing chan struct{} // so many passwords are hashed at once
	using   atomic.Pointer[settings]
}

// settings are what the configuration says.
type settings struct {
	config.Web
	hosts   map[string]bool
	proxies proxies
	secure  bool // browsers reach the page by https
	idle    time.Duration
	ends    time.Duration

	provider *provider // nil = there is none
}

// New makes a gate; it asks nobody anything.
func New(o Options) *Gate {
	g := &Gate{state: o.State, log: o.Log, now: o.Now, listen: o.Listen, tls: o.TLS, hashing: make(chan struct{}, 2)}
	if g.now == nil {
		g.now = time.Now
	}
	g.Use(o.Config)
	return g
}

// Use has the gate go by another configuration from now on.
func (g *Gate) Use(c config.Web) {
	s := &settings{Web: c, proxies: proxiesOf(c.Proxies), idle: cmp.Or(c.SessionIdle, 30*time.Minute), ends: cmp.Or(c.SessionEnds, 12*time.Hour)}
	s.hosts, s.secure = hostsOf(g.listen, c.URL), g.tls || isHTTPS(c.URL)
	if c.OIDC != nil {
		s.provider = newProvider(*c.OIDC, c.URL, g.now)
	}
	g.using.Store(s)
}

// secret makes a secret of 256 bits, and what is kept of it.
func secret() (text string, digest []byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	text = base64.RawURLEncoding.EncodeToString(b[:])
	return text, digestOf(text)
}

func digestOf(text string) []byte {
	d := sha256.Sum256([]byte(text))
	return d[:]
}

// LinkLasts is how long a one-time link can be used.
const LinkLasts = 10 * time.Minute

// NewLink makes a one-time link that somebody can sign in with as an admin, once: what
// comes behind the page's address. Only its digest is kept.
func NewLink(ctx context.Context, db *state.DB, who string, now time.Time) (path string, err error) {
	text, digest := secret()
	if err := db.AddLink(ctx, digest, who, now.Add(LinkLasts)); err != nil {
		return "", fmt.Errorf("make a one-time link: %w", err)
	}
	return "/link/" + text, nil
}

// HasLink reports whether a link could be used still; it stays as it is, so that what
// looks at links before people do uses none up.
func (g *Gate) HasLink(ctx context.Context, token string) (bool, error) {
	return g.state.HasLink(ctx, digestOf(token), g.now())
}

// ErrUsed says that a one-time link has been used, or is too old.
var ErrUsed = errors.New("the link has been used, or is too old")

// UseLink signs somebody in by a one-time link.
func (g *Gate) UseLink(w http.ResponseWriter, r *http.Request, token string) error {
	who, err := g.state.UseLink(r.Context(), digestOf(token), g.now())
	if errors.Is(err, state.ErrNone) {
		g.log.Warn("a one-time link was refused: it has been used, or is too old", "from", g.From(r))
		return ErrUsed
	}
	if err != nil {
		return err
	}
	return g.begin(w, r, &state.Session{Person: "link:" + who, Name: who, Way: state.Link, Role: "admin"}, "")
}

// Tidy removes what is over.
func (g *Gate) Tidy(ctx context.Context) error {
	s, now := g.using.Load(), g.now()
	return g.state.Tidy(ctx, now, now.Add(-s.ends), now.Add(-s.idle))
}
