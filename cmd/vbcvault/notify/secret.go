package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// secrets are what one delivery knows and must not show. They live as long as it.
type secrets []string

// fetch resolves a reference; none is "".
func (s *secrets) fetch(ctx context.Context, what string, from config.Secret) (string, error) {
	if from.IsZero() {
		return "", nil
	}
	value, err := from.Resolve(ctx)
	if err != nil {
		return "", &failure{text: what + ": " + err.Error()} // what fetches it may work in a moment
	}
	if value == "" {
		return "", &failure{text: what + " is empty", final: true}
	}
	*s = append(*s, value)
	return value, nil
}

// fetchURL resolves an address. The parts of it that make it a secret are secrets, too.
func (s *secrets) fetchURL(ctx context.Context, from config.Secret, account string) (*url.URL, error) {
	raw, err := s.fetch(ctx, "url", from)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.ReplaceAll(strings.TrimSpace(raw), "{account}", url.PathEscape(account)))
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, &failure{text: "url is no address; it must begin with https://", final: true} // and not what it is
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, &failure{text: "url is plain http; only https is allowed, except to this machine", final: true}
	}
	parts := append(strings.Split(u.EscapedPath(), "/"), u.RawQuery)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for _, part := range parts {
		if len(part) >= 8 {
			*s = append(*s, part)
		}
	}
	if password, ok := u.User.Password(); ok {
		*s = append(*s, password)
	}
	return u, nil
}

// redact removes the secrets from a text, whoever wrote it and however.
func (s secrets) redact(text string) string {
	all := slices.Clone(s)
	slices.SortStableFunc(all, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, secret := range all {
		quoted, _ := json.Marshal(secret) // never fails
		inQuotes := strconv.Quote(secret)
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
			string(quoted[1 : len(quoted)-1]), inQuotes[1 : len(inQuotes)-1],
		} {
			text = strings.ReplaceAll(text, form, "[secret]")
		}
	}
	return text
}

// shown makes somebody else's text fit for a line of a log.
func (s secrets) shown(text string) string {
	return shorten(s.redact(oneLine(s.redact(text))), 300)
}
