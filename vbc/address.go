package vbc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// parseBase reads the API's address.
func parseBase(s string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("API address %s: want scheme and host only, as in %s", shown(u, err), DefaultURL)
	}
	return u, secure("API address", u, insecure)
}

// parseTokenURL reads the address of the tokens, which may be on a host of its
// own. Without a path it is /token, where the API's own are.
func parseTokenURL(s string, base *url.URL, insecure bool) (string, error) {
	if s == "" {
		return base.JoinPath("/token").String(), nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("token address %s: want scheme, host and path only, as in %s", shown(u, err), ResellerTokenURL)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/token"
	}
	return u.String(), secure("token address", u, insecure)
}

// shown is an address fit for a message: one that is wrong may hold a password.
func shown(u *url.URL, err error) string {
	if err != nil {
		return "(not one at all)"
	}
	if u.Host == "" {
		return "(not shown)"
	}
	if u.User != nil {
		u.User = url.User("...")
	}
	u.RawQuery, u.Fragment = "", ""
	return strconv.Quote(u.String())
}

// ErrInsecure is the error of New (wrapped) for an address that others on the
// network can listen to, where Options.InsecureHTTP doesn't allow it.
var ErrInsecure = errors.New("over plain http, others on the network can read the password")

func secure(what string, u *url.URL, insecure bool) error {
	if u.Scheme == "https" || u.Scheme == "http" && (insecure || isLoopback(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("%s %q: want https: %w", what, u, ErrInsecure)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameHost reports whether u is on the API's scheme, host and port.
func (c *Client) sameHost(u *url.URL) bool {
	return u.Scheme == c.base.Scheme && strings.EqualFold(u.Hostname(), c.base.Hostname()) && port(u) == port(c.base) && u.User == nil
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
