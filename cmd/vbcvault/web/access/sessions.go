package access

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// cookie is the name of the session's cookie. Browsers take one that begins with __Host-
// from the host itself alone, by https. Cookies don't know ports: several pages on one
// machine would sign each other out.
func (g *Gate) cookie(s *settings) string {
	if s.secure {
		return "__Host-vbcvault"
	}
	_, port, _ := net.SplitHostPort(g.listen)
	return "vbcvault-" + port
}

// longestCookie is how long what we have given out is at most.
const longestCookie = 64

// begin begins a session of somebody who has proven who they are. It has a token of its
// own: whatever the browser came with counts no more.
func (g *Gate) begin(w http.ResponseWriter, r *http.Request, s *state.Session, hash string) error {
	set := g.using.Load()
	token, digest := secret()
	s.Digest, s.Began = digest, g.now()
	if err := g.state.Begin(r.Context(), s, hash, g.digest(r, set)); err != nil {
		return err
	}
	g.setCookie(w, set, token)
	g.log.Info("somebody has signed in", "user", s.Name, "role", s.Role, "by", s.Way, "from", g.From(r))
	return nil
}

// setCookie gives the browser a session's token, or takes it away. It is kept until the
// browser is closed.
func (g *Gate) setCookie(w http.ResponseWriter, s *settings, token string) {
	c := &http.Cookie{Name: g.cookie(s), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// digest is that of the token that a request has, nil if it has none.
func (g *Gate) digest(r *http.Request, s *settings) []byte {
	c, err := r.Cookie(g.cookie(s))
	if err != nil || c.Value == "" || len(c.Value) > longestCookie {
		return nil
	}
	return digestOf(c.Value)
}

// viewer is who asks, nil if nobody has signed in, or they have been signed out by now.
func (g *Gate) viewer(r *http.Request) (*Viewer, error) {
	set, now := g.using.Load(), g.now()
	digest := g.digest(r, set)
	if digest == nil {
		return nil, nil
	}
	s, err := g.state.Session(r.Context(), digest)
	if errors.Is(err, state.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	role, known := set.roleOf(s)
	if now.Sub(s.Began) >= set.ends || now.Sub(s.Seen) >= set.idle || !known {
		return nil, g.state.End(r.Context(), digest)
	}
	if now.Sub(s.Seen) >= min(set.idle/30, time.Minute) { // each request would be a write
		if err := g.state.Touch(r.Context(), digest, now); err != nil && r.Context().Err() == nil {
			g.log.Warn("that somebody is still there could not be written down; they may be signed out too early", "user", s.Name, "reason", err)
		}
	}
	return &Viewer{ID: s.Person, Name: s.Name, Role: role, Session: hex.EncodeToString(digest), From: g.From(r)}, nil
}

// roleOf is the role that a session has by the configuration as it is now.
func (s *settings) roleOf(of *state.Session) (Role, bool) {
	if of.Way == state.OIDC && (s.OIDC == nil || !s.OIDC.Gives(of.Claim, of.Role)) {
		return Role{}, false
	}
	return s.role(of.Role)
}

// role is a role by its name.
func (s *settings) role(name string) (Role, bool) {
	if c, ok := s.Roles[name]; ok {
		return Role{Name: name, Kind: c.Role, Accounts: c.Accounts, Extensions: c.Extensions, MaxAge: c.MaxAge, Download: c.Download}, true
	}
	return Role{Name: name, Kind: name}, slices.Contains(config.WebRoles(), name)
}

// SignOut ends the session of whoever asks.
func (g *Gate) SignOut(w http.ResponseWriter, r *http.Request) error {
	set := g.using.Load()
	if d := g.digest(r, set); d != nil {
		if err := g.state.End(r.Context(), d); err != nil {
			return err
		}
	}
	g.setCookie(w, set, "")
	if v := From(r.Context()); v != nil {
		g.log.Info("somebody has signed out", "user", v.Name, "from", v.From)
	}
	return nil
}

// People are all who can sign in or have, with their sessions.
func (g *Gate) People(ctx context.Context) ([]state.Person, error) {
	s, now := g.using.Load(), g.now()
	return g.state.People(ctx, now.Add(-s.ends), now.Add(-s.idle))
}

// EndSessions ends all sessions of somebody, by id.
func (g *Gate) EndSessions(ctx context.Context, by *Viewer, person string) (int64, error) {
	n, err := g.state.EndAll(ctx, person)
	if err == nil {
		g.log.Info("sessions were ended", "count", n, "by", by.Name, "from", by.From)
	}
	return n, err
}
