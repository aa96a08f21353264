package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// listen takes the address of the service; "" is none.
func listen(ctx context.Context, address string) (io.Closer, error) {
	if address == "" {
		return io.NopCloser(nil), nil
	}
	l, err := service.Listen(ctx, address)
	if err != nil {
		return nil, usagef("if another vbcvault serve is running, stop it; else set service: listen in the configuration file to an address of this machine with a free port, as in 127.0.0.1:9180", "%w", err)
	}
	return l, nil
}

// answer begins to answer, if there is an address: how the service is, and metrics.
func answer(to io.Closer, log *slog.Logger, loop *service.Systemd, svc *service.Service, state string, metrics http.Handler) bool {
	l, ok := to.(*service.Listener)
	if !ok {
		return false
	}
	mux := http.NewServeMux()
	mux.Handle("/", service.Health(loop.Stuck,
		service.Check{Name: "database", Do: svc.Ready}, service.Check{Name: "state directory", Do: service.Writable(state)}))
	mux.Handle("GET /metrics", metrics)
	l.Serve(mux)
	log.Info("health is answered", "alive", "http://"+l.Addr().String()+"/healthz", "ready", "http://"+l.Addr().String()+"/readyz")
	return true
}
