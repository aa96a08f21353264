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
func listenWeb(ctx context.Context, c config.Web, log *slog.Logger) (*webListener, error) {
	for _, u := range c.Unfit(c.Listen) {
		return nil, usagef(u.Mend, "the page at %s: %s", c.Listen, u.Wrong)
	}
	var certified *tls.Config
	if c.TLS.Certificate != "" {
		pair := &certificates{certificate: c.TLS.Certificate, key: c.TLS.Key, log: log}
		if err := pair.load(); err != nil {
			return nil, usagef("both must be PEM, belong together, and be readable by this user", "web: tls: %w", err)
		}
		certified = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, usagef("if another vbcvault web or serve is running, stop it; else choose an address of this machine with a free port: --listen, or web: listen in the configuration file", "listen at %s: %w", c.Listen, err)
	}
	return &webListener{Listener: l, tls: certified}, nil
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
	if c.TLS.Certificate != "" {
		return "https://" + listen
	}
	return "http://" + listen
}

// stopWithin is how long answers that are under way may take when the page stops. A
// player that is cut off can't go on anyway.
const stopWithin = 5 * time.Second

// serve answers until ctx ends.
func (l *webListener) serve(ctx context.Context, s *http.Server) error {
	ended := make(chan error, 1)
	go func() {
		if l.tls == nil {
			ended <- s.Serve(l.Listener)
			return
		}
		s.TLSConfig = l.tls
		ended <- s.ServeTLS(l.Listener, "", "")
	}()
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
