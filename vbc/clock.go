package vbc

import (
	"net/http"
	"sync"
	"time"
)

// clock compares the server's clock with ours, by the Date of each answer.
type clock struct {
	mu      sync.Mutex
	offsets []time.Duration // the latest two
}

// watched is a way to the server whose answers the clock looks at.
type watched struct {
	http.RoundTripper
	clock *clock
}

func (c *clock) watch(r http.RoundTripper) http.RoundTripper { return &watched{r, c} }

func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(req)
	if err == nil {
		// What a cache kept has the time at which it was made.
		if date, e := http.ParseTime(resp.Header.Get("Date")); e == nil && resp.Header.Get("Age") == "" {
			w.clock.note(time.Since(date).Truncate(time.Second))
		}
	}
	return resp, err
}

func (c *clock) note(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offsets = append(c.offsets[max(0, len(c.offsets)-1):], offset)
}

// ClockOffset says by how much this machine's clock is ahead of the server's,
// to a second or so; 0 as long as no answer has told. One odd answer among others
// tells nothing.
func (c *Client) ClockOffset() (offset time.Duration) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	for i, o := range c.clock.offsets {
		if i == 0 || o.Abs() < offset.Abs() {
			offset = o
		}
	}
	return offset
}
