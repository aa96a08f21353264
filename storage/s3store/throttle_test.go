package s3store_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Whatever way a server has to say "too fast", it is asked again, after longer
// each time, and in the end the error says so.
func TestThrottlingIsWaitedFor(t *testing.T) {
	t.Parallel()
	xml := func(code, message string) string {
		return fmt.Sprintf(`<Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	}
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"429 TooManyRequests":            {429, xml("TooManyRequests", "Please reduce your request rate.")},
		"429 of a gateway":               {429, "<html>Too Many Requests</html>"},
		"429 without a word":             {429, ""},
		"503 SlowDown":                   {503, xml("SlowDown", "Please reduce your request rate.")},
		"503 of a gateway":               {503, "<html>Service Unavailable</html>"},
		"503 of Ceph":                    {503, xml("ServiceUnavailable", "")},
		"400 RequestLimitExceeded":       {400, xml("RequestLimitExceeded", "")},
		"403 RequestThrottled":           {403, xml("RequestThrottled", "")},
		"400 in words":                   {400, xml("InvalidRequest", "Please reduce your request rate.")},
		"409 OperationAborted, in words": {409, xml("OperationAborted", "Rate limit reached")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refusals, asked := 4, 0
				s := fake(t, "https://s3.example.com", func(r *http.Request) *http.Response {
					if asked++; asked <= refusals {
						return answer(c.status, c.body)
					}
					return answer(http.StatusOK, "", "ETag", `"1"`)
				})
				begin := time.Now()
				if _, err := put(t, s, "k", []byte("x")); err != nil || asked != 5 {
					t.Errorf("%v after %d requests", err, asked)
				}
				if took := time.Since(begin); took < 15*time.Second || took > 20*time.Second {
					t.Errorf("four refusals took %v; want 1, 2, 4 and 8 seconds and a little", took)
				}
				asked, refusals = 0, 1000
				if _, err := s.Open(t.Context(), storage.Object{Key: "k"}); err == nil || asked != 6 || errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "after 6 attempts") {
					t.Errorf("%v after %d requests", err, asked)
				}
			})
		})
	}
}

// What else may pass is asked again as before, and what doesn't pass isn't.
func TestOtherErrorsAreNotThrottling(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{500: 4, 502: 4, 403: 1, 404: 1, 400: 1} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			s := fake(t, "https://s3.example.com", func(*http.Request) *http.Response {
				asked++
				return answer(status, `<Error><Code>Odd</Code><Message>no</Message></Error>`)
			})
			if _, err := s.Open(t.Context(), storage.Object{Key: "k"}); err == nil || asked != want {
				t.Errorf("%d: %v after %d requests, want %d", status, err, asked, want)
			}
		})
	}
}

// A server may say how long to wait, and is believed up to a minute.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{
		"20": 20 * time.Second, "0": time.Second, "86400": time.Minute, "1e9": time.Minute, "-5": time.Second, "soon": time.Second, "NaN": time.Second,
		"date": 30 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			if after == "date" {
				after = time.Now().UTC().Add(want).Format(http.TimeFormat)
			}
			asked := 0
			s := fake(t, "https://s3.example.com", func(*http.Request) *http.Response {
				if asked++; asked == 1 {
					return answer(429, "", "Retry-After", after)
				}
				return answer(http.StatusOK, "x")
			})
			begin := time.Now()
			body, err := s.Open(t.Context(), storage.Object{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			body.Close()
			if took := time.Since(begin); took < want || took > want+want/4 {
				t.Errorf("Retry-After %s: waited %v, want %v and a little", after, took, want)
			}
		})
	}
}
