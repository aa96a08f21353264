package vbc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// leaves is the key of a request's context that lets it be redirected to
// another host.
type leaves struct{}

// mayLeave lets a download be redirected to where its bytes really are, as from
// an API to a presigned address: another https host, which gets nothing of ours.
// What comes from there is judged by its size, its content and its digest, as
// everything is.
func mayLeave(ctx context.Context) context.Context { return context.WithValue(ctx, leaves{}, true) }

const maxHops = 5

// checkRedirect follows a redirect only for reads: a redirected DELETE would
// become a GET, whose 200 proves nothing. It leaves the API's own host only for
// downloads, and then without the token; once left, nothing of ours is sent any
// more, also not on the way back.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet || len(via) > maxHops {
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer") // the address before, with the secrets in its query
	left := !c.sameHost(req.URL)
	for _, r := range via {
		left = left || !c.sameHost(r.URL)
	}
	if !left {
		return nil
	}
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	if req.Context().Value(leaves{}) == nil || !c.foreign(req.URL) && !c.sameHost(req.URL) {
		return &ForeignHostError{Op: "follow redirect", Host: req.URL.Host}
	}
	return nil
}

// foreign reports whether a download may be redirected there: https, and plain
// http within this machine where that is how the API itself is reached.
func (c *Client) foreign(u *url.URL) bool {
	local := u.Scheme == "http" && c.base.Scheme == "http" && isLoopback(u.Hostname()) && isLoopback(c.base.Hostname())
	return u.Host != "" && u.User == nil && (u.Scheme == "https" || local)
}

// elsewhere sends what was redirected to another host without looking at that
// host's clock: it isn't VBC's.
type elsewhere struct {
	here, there http.RoundTripper
}

func (e *elsewhere) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Response != nil && req.Header.Get("Authorization") == "" { // a redirect that has left
		return e.there.RoundTrip(req)
	}
	return e.here.RoundTrip(req)
}

// redirectError is networkError, also without an address that can't be parsed,
// which net/http repeats in full.
func redirectError(op string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok && strings.Contains(ue.Err.Error(), "Location header") {
		return fmt.Errorf("%s: VBC redirects to something that is not an address", op)
	}
	return networkError(op, err)
}
