package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// webListener is where the page is answered.
type webListener struct {
	net.Listener
	tls *tls.Config // nil = plain
}

// listenWeb takes the page's address. What others on the network could read is refused.
func listenWeb(ctx context.Context, c config.Web, _ *slog.Logger) (*webListener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, usagef("if another vbcvault web or serve is running, stop it; else choose an address of this machine with a free port: --listen, or web: listen in the configuration file", "listen at %s: %w", c.Listen, err)
	}
	return &webListener{Listener: l}, nil
}

// Close gives the address back, unless serve has.
func (l *webListener) Close() error {
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// webURL is where people open the page that is answered at an address.
func webURL(c config.Web, listen string) string {
	if c.URL != "" {
		return strings.TrimSuffix(c.URL, "/")
	}
	return "http://" + listen
}

// stopWithin is how long answers that are under way may take when the page stops. A
// player that is cut off can't go on anyway.
const stopWithin = 5 * time.Second

// serve answers until ctx ends.
func (l *webListener) serve(ctx context.Context, s *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l.Listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if s.Shutdown(limited) != nil {
		_ = s.Close() // what takes longer is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveWeb is the page of a service, if its configuration has one.
func serveWeb(ctx context.Context, c *config.Config, stateAt string, log *slog.Logger) (*servedWeb, error) {
	if c.Web.Listen == "" {
		return &servedWeb{log: log}, nil
	}
	p := &webPage{log: log, vaults: newWebVaults(log), stateAt: stateAt}
	p.vaults.use(ctx, accountsOf(c))
	if err := p.open(ctx, c.Web, ""); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &servedWeb{page: p, log: log}, nil
}

// servedWeb is the page of a service.
type servedWeb struct {
	page *webPage // nil = there is none
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{}
}

// begin begins to answer.
func (s *servedWeb) begin(ctx context.Context) {
	if s.page == nil {
		return
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if err := s.page.serve(ctx); err != nil {
			s.log.Error("the page is not answered any more; start vbcvault serve again", "reason", err)
		}
	}()
}

// use has the page go by a configuration that was read again.
func (s *servedWeb) use(ctx context.Context, c *config.Config) {
	switch {
	case s.page == nil && c.Web.Listen != "":
		s.log.Warn("the page begins when vbcvault serve is started again")
	case s.page == nil:
	case c.Web.Listen != s.page.config.Listen:
		s.log.Warn("the page stays at its address until vbcvault serve is started again", "address", s.page.config.Listen)
		fallthrough
	default:
		s.page.vaults.use(ctx, accountsOf(c))
		s.page.use(c.Web)
	}
}

// Close ends it.
func (s *servedWeb) Close() error {
	if s.page == nil {
		return nil
	}
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	return s.page.Close()
}
