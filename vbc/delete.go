package vbc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// Delete deletes the recording at VBC, for ever. On nil VBC has confirmed it,
// with this HTTP status. On an error it may have happened or not, unless that is
// a *NotSentError. It is called by purge alone.
//
// last is asked when the connection is there, right before the request is
// written to it: whatever it took to get so far, a process that was stopped or a
// machine that slept included, an error from it keeps the request from being
// sent. It is called by another goroutine, perhaps more than once.
func (s *Slot) Delete(ctx context.Context, r Recording, last func() error) (status int, err error) {
	op := "delete " + r.String()
	u, err := s.c.itemURL(r)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	g := &gate{last: last}
	defer g.end()
	ctx = context.WithValue(ctx, gateKey{}, g)
	resp, err := s.do(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: g.guard}), op, http.MethodDelete, u)
	if err != nil {
		if refused := g.refused(); refused != nil {
			return 0, &NotSentError{Op: op, Err: refused}
		}
		return 0, err
	}
	defer resp.Body.Close()
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusNoContent && strings.Contains(media, "html") {
		return 0, &Error{Op: op, Status: resp.StatusCode, Message: "the answer is a web page, not the documented 204", Malformed: true}
	}
	return resp.StatusCode, nil
}

// NotSentError says that a DELETE was certainly not sent, and why.
type NotSentError struct {
	Op  string
	Err error
}

func (e *NotSentError) Error() string { return e.Op + ": it was not sent: " + e.Err.Error() }
func (e *NotSentError) Unwrap() error { return e.Err }

// gate lets one request through to its connection, or not. A connection is used
// by one request at a time: DELETEs go by HTTP/1.1.
type gate struct {
	last   func() error
	conn   atomic.Pointer[gatedConn]
	refuse atomic.Pointer[error]
	passed atomic.Bool
}

// gateKey is what a request's context has its gate under.
type gateKey struct{}

var errUnguarded = errors.New("the connection can't be watched")

// guard is told which connection the request is about to be written to.
func (g *gate) guard(info httptrace.GotConnInfo) {
	conn := info.Conn
	for {
		switch c := conn.(type) {
		case *tls.Conn:
			conn = c.NetConn()
			continue
		case *gatedConn:
			g.conn.Store(c)
			c.gate.Store(g)
			return
		}
		g.refuse.Store(&errUnguarded)
		_ = info.Conn.Close() // so that nothing can be written
		return
	}
}

// pass is asked before each write.
func (g *gate) pass() error {
	if err := g.last(); err != nil {
		g.refuse.Store(&err)
		return err
	}
	g.passed.Store(true)
	return nil
}

// refused is why nothing was written, nil if something may have been.
func (g *gate) refused() error {
	if err := g.refuse.Load(); err != nil && !g.passed.Load() {
		return *err
	}
	return nil
}

// end lets the connection go.
func (g *gate) end() {
	if c := g.conn.Load(); c != nil {
		c.gate.CompareAndSwap(g, nil)
	}
}

// gatedConn is a connection whose writes a gate may refuse.
type gatedConn struct {
	net.Conn
	gate atomic.Pointer[gate]
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if g := c.gate.Load(); g != nil {
		if err := g.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// gated makes a transport of connections that can be gated: by HTTP/1.1, and not
// offering anything else, which a transport that was used before would do.
func gated(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.ForceAttemptHTTP2, t.TLSNextProto, t.Protocols = false, map[string]func(string, *tls.Conn) http.RoundTripper{}, &http.Protocols{}
	t.Protocols.SetHTTP1(true)
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.NextProtos = []string{"http/1.1"} // a clone's own
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn}, nil
	}
	return t
}
