package vbc

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// queryTime writes a time as filters want it: in UTC and in whole seconds. The
// vendor's documents have +0000; clients that were seen to work with real accounts
// write Z. So that comes first, and where VBC refuses it, the other for the rest of
// the run.
func (c *Client) queryTime(t time.Time) string {
	if c.zones.Load() {
		return FormatTime(t)
	}
	return t.UTC().Format(time.RFC3339)
}

// rewriteTimes brings the times of a query that was made earlier into the form
// that is used now, and reports whether there is one with a Z.
func (c *Client) rewriteTimes(u *url.URL) (_ *url.URL, withZ bool) {
	q := u.Query()
	for _, name := range timeFilters {
		if text, ok := strings.CutSuffix(q.Get(name), "Z"); ok {
			withZ = true
			q.Set(name, text+"+0000")
		}
	}
	if !withZ || !c.zones.Load() {
		return u, withZ
	}
	changed := *u
	changed.RawQuery = q.Encode()
	return &changed, false
}

var timeFilters = []string{"start:gte", "start:lte"}

var (
	bodyWithZ         = regexp.MustCompile(`"start:[gl]te":"[^"]*Z"`)
	saysMalformedTime = regexp.MustCompile(`(?i)is malformed at|could not be parsed|unparseable|\b(invalid|illegal|wrong|bad|unsupported)\b.{0,20}\b(format|date|time|timestamp|datetime)\b|start:[gl]te`)
)

// refusesTimes reports whether a request whose times had a Z is refused because
// of them. From then on they are written otherwise, so that the answer to the
// other form is final.
func (c *Client) refusesTimes(e *Error) bool {
	if e.Status != http.StatusBadRequest || e.Host != "" || !saysMalformedTime.Match(e.body) {
		return false
	}
	c.zones.Store(true)
	return true
}
