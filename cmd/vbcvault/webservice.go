package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// serveWeb is the page of a service, if its configuration has one.
func serveWeb(ctx context.Context, c *config.Config, stateAt string, log *slog.Logger) (*servedWeb, error) {
	if c.Web.Listen == "" {
		return &servedWeb{log: log}, nil
	}
	p := &webPage{log: log, vaults: newWebVaults(log), stateAt: stateAt, shared: c}
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
	case c.Web.Listen != s.page.config.Listen || c.Web.TLS != s.page.config.TLS:
		s.log.Warn("the page keeps its address, and the names of its certificate's files, until vbcvault serve is started again", "address", s.page.config.Listen)
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
