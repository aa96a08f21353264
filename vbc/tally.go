package vbc

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// NoAnswer is what Requests counts requests under that were not answered.
const NoAnswer = "none"

// tally counts the requests that go to the server, each by the status of its answer.
type tally struct {
	mu sync.Mutex
	by map[string]int64
}

func (t *tally) note(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]int64{}
	}
	t.by[code]++
}

// tallied is a way to the server whose requests are counted.
type tallied struct {
	http.RoundTripper
	tally *tally
}

func (t *tallied) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	switch g, _ := req.Context().Value(gateKey{}).(*gate); {
	case err == nil:
		t.tally.note(strconv.Itoa(resp.StatusCode))
	case g == nil || g.refused() == nil: // else it has certainly not been sent
		t.tally.note(NoAnswer)
	}
	return resp, err
}

// Requests counts the requests so far by the HTTP status of their answers, those
// without an answer as NoAnswer. Requests for tokens are among them, and so is each
// redirect that stays at VBC: all that VBC may count against the quota. A download
// from where VBC has redirected to isn't, nor is what Delete did not send.
func (c *Client) Requests() map[string]int64 {
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	return maps.Clone(c.tally.by)
}
