package vbc

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
)

// pageSizes is how large the pages of one of VBC's listings may be, for all
// walks of a client. A size that was too large once is not too large for ever: a
// bad hour passes, so after so many good pages twice as many items are asked for.
type pageSizes struct {
	mu       sync.Mutex
	most     int // that is asked for; 0 = as many as is wanted
	good     int // pages of that size in a row
	patience int // so many of them before a larger one is tried
	trial    int // the larger one, of which no page has come yet; 0 = none is tried
	refused  bool
}

const (
	firstPatience = 16
	mostPatience  = 256
)

// begin is how many items to ask for where so many are wanted.
func (s *pageSizes) begin(wanted int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 {
		return min(s.most, wanted)
	}
	return wanted
}

// worked notes a page of that size, and returns the size to go on with. shrunk
// says that a larger one was refused right before.
func (s *pageSizes) worked(size, wanted int, shrunk bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trial = 0
	if shrunk {
		if s.refused {
			s.patience = min(2*s.patience, mostPatience)
		}
		s.refused, s.most, s.good = true, size, 0
	}
	if size >= wanted {
		return size
	}
	if s.most != size {
		s.most, s.good = size, 0
	}
	if s.patience == 0 {
		s.patience = firstPatience
	}
	if s.good++; s.good < s.patience {
		return size
	}
	s.good, s.most = 0, min(2*size, wanted)
	s.trial = s.most
	return s.most
}

// instead is the size to ask for after one that may be too large: half of one that
// was only tried, since that has worked, else the smallest.
func (s *pageSizes) instead(of int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tried := s.trial; tried == of {
		s.trial = 0
		return max(smallest, of/2)
	}
	return smallest
}

// ExpectPages begins with pages of recordings of a size that an earlier client
// has had to make do with. 0 is none.
func (c *Client) ExpectPages(size int) {
	s := c.sizes(recordingsField)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = size
}

// PagesRefused reports whether VBC has refused pages of recordings, or not
// managed to send them, and sent smaller ones.
func (c *Client) PagesRefused() bool {
	s := c.sizes(recordingsField)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// sizes are those of the listings of one kind.
func (c *Client) sizes(of string) *pageSizes {
	s, _ := c.pageSizes.LoadOrStore(of, &pageSizes{})
	return s.(*pageSizes)
}

// refusal is how a page was refused.
type refusal int

const (
	notForSize refusal = iota // for another reason
	bySize                    // the server says so: half may do
	perhapsSize
)

// forSize says whether an error that repeats may come from a page's size.
func forSize(err error) refusal {
	if e := AsError(err); e != nil {
		switch e.Status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
			return bySize
		case http.StatusServiceUnavailable:
			if e.Throttled() || strings.Contains(strings.ToLower(e.Message), "suspend") { // by the gateway, for a while
				return notForSize
			}
			return perhapsSize
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
			return perhapsSize
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return notForSize
	}
	timeout, ok := errors.AsType[net.Error](err)
	_, cut := errors.AsType[*cutError](err)
	if cut || errors.Is(err, ErrStalled) || ok && timeout.Timeout() {
		return perhapsSize
	}
	return notForSize
}

// cutError is an answer that came in part.
type cutError struct{ error }

func (e *cutError) Unwrap() error { return e.error }
