package vbc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// gatewayOf answers logins, and counts DELETEs.
func gatewayOf(deletes *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"` + strings.Repeat("t", 6000) + `","token_type":"Bearer","expires_in":86400}`)) // more than a buffer's worth of headers
		case r.Method == http.MethodDelete:
			deletes.Add(1)
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// What is asked right before a DELETE is written decides, on a new connection and
// on one that was used before, with TLS and without.
func TestDeleteIsAskedAboutLast(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true // which a DELETE doesn't use: its connection would be others' too
		s.StartTLS()
		return s
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var deletes atomic.Int64
			server := start(gatewayOf(&deletes))
			defer server.Close()
			c, err := New(Options{URL: server.URL, Username: "u", Password: "p", ClientID: "c", ClientSecret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			plain := transport(1)
			if server.Certificate() != nil {
				pool := x509.NewCertPool()
				pool.AddCert(server.Certificate())
				plain.TLSClientConfig = &tls.Config{RootCAs: pool}
			}
			c.http.Transport, c.deletes.Transport = plain, gated(plain)
			refused := errors.New("refused")
			remove := func(last func() error) error {
				slot, err := c.Slot(t.Context(), RankPurge)
				if err != nil {
					t.Fatal(err)
				}
				defer slot.Release()
				_, err = slot.Delete(t.Context(), Recording{Kind: Company, Account: "1", ID: 7}, last)
				return err
			}
			no := func() error { return refused }
			yes := func() error { return nil }
			half := func() func() error { // the request is larger than one write
				asked := 0
				return func() error {
					if asked++; asked > 1 {
						return refused
					}
					return nil
				}
			}()
			for i, c := range []struct {
				last    func() error
				sent    int64
				notSent bool
				failed  bool
			}{{no, 0, true, true}, {yes, 1, false, false}, {no, 1, true, true}, {yes, 2, false, false}, {yes, 3, false, false}, {half, 3, false, true}, {yes, 4, false, false}} {
				err := remove(c.last)
				var not *NotSentError
				if errors.As(err, &not) != c.notSent || (err != nil) != c.failed || c.notSent && !errors.Is(err, refused) || deletes.Load() != c.sent {
					t.Errorf("%d: %v, %d have arrived, want %d", i, err, deletes.Load(), c.sent)
				}
			}
		})
	}
}

// One answer with an odd time tells nothing of our clock.
func TestOddAnswerIsNoClock(t *testing.T) {
	t.Parallel()
	c := &Client{clock: &clock{}}
	for i, step := range []struct{ offset, want time.Duration }{
		{time.Hour, time.Hour}, {time.Second, time.Second}, {-time.Hour, time.Second}, {time.Second, time.Second}, {time.Hour, time.Second}, {time.Hour, time.Hour},
	} {
		c.clock.note(step.offset)
		if got := c.ClockOffset(); got != step.want {
			t.Errorf("%d: %v, want %v", i, got, step.want)
		}
	}
}
