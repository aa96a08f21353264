package vbctest

import (
	"context"
	"net/http"
)

// Hosts are accounts by the host under which each is reached. It is a handler for one
// server that has all of them, and that may stand where clients look for an HTTP proxy.
type Hosts map[string]*Account

func (h Hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := h[r.Host]
	if a == nil {
		http.Error(w, "there is no such host", http.StatusBadGateway)
		return
	}
	a.ServeHTTP(w, r)
}

// From has the requests that come by way of a handler noted with the name of who sends
// them: see Request.
func From(name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), fromKey{}, name)))
	})
}

type fromKey struct{}
