package s3store_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// What isn't plain success is the SDK's to judge, as if it had sent the request: each is
// sent again as often as by the SDK alone, and ends in the same error.
func TestOtherAnswersAreTheSDKs(t *testing.T) {
	t.Parallel()
	trouble := `<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`
	for name, first := range map[string]func(r *http.Request) (*http.Response, error){
		"500":                     func(*http.Request) (*http.Response, error) { return answer(500, trouble), nil },
		"200 with an error in it": func(*http.Request) (*http.Response, error) { return answer(200, trouble), nil },
		"no answer":               func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"too fast":                func(*http.Request) (*http.Response, error) { return answer(503, ""), nil },
		"refused":                 func(*http.Request) (*http.Response, error) { return answer(403, ""), nil },
		"a time that nobody can read": func(r *http.Request) (*http.Response, error) {
			return answer(200, "", "Content-Length", "5", "Last-Modified", "yesterday", "Etag", `"1"`), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, ask := range []func(*s3store.Store) error{
					func(s *s3store.Store) error {
						_, err := s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader([]byte("bytes"))}, storage.Attrs{})
						return err
					},
					func(s *s3store.Store) error { _, err := s.Stat(t.Context(), storage.Object{Key: "k"}); return err },
				} {
					var said [2]string
					var sent [2]int
					for i := range sent {
						s := sent3(t, &sent[i], first)
						if i == 1 {
							s.Indirect()
						}
						if err := ask(s); err != nil {
							said[i] = err.Error()
						}
					}
					if said[0] != said[1] || sent[0] != sent[1] {
						t.Errorf("%q after %d requests; by the SDK %q after %d", said[0], sent[0], said[1], sent[1])
					}
				}
			})
		})
	}
}

// sent3 is a store whose server answers the first three requests so, and all others well.
func sent3(t *testing.T, sent *int, first func(*http.Request) (*http.Response, error)) *s3store.Store {
	t.Helper()
	return openAt(t, s3store.Options{Bucket: "b", AWS: &aws.Config{
		Region: "eu-central-1", Retryer: s3store.NewRetryer, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient: does(func(r *http.Request) (*http.Response, error) {
			if *sent++; *sent <= 3 {
				return first(r)
			}
			return answer(200, "", "Etag", `"1"`, "Content-Length", "5", "X-Amz-Checksum-Sha256", storage.SumOf([]byte("bytes")).Base64()), nil
		}),
	}})
}

type does func(*http.Request) (*http.Response, error)

func (d does) Do(r *http.Request) (*http.Response, error) { return d(r) }

// A machine whose clock is wrong costs one request more, and not one for each.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests, refused := 0, 0
		s := fake(t, "https://s3.eu-central-1.amazonaws.com", func(r *http.Request) *http.Response {
			requests++
			now := time.Now().Add(time.Hour)
			date := now.UTC().Format(http.TimeFormat)
			if signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date")); err != nil || now.Sub(signed).Abs() > 15*time.Minute {
				refused++
				return answer(403, `<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>`, "Date", date)
			}
			return answer(200, "", "Etag", `"1"`, "Date", date)
		})
		for range 5 {
			if _, err := put(t, s, "k", []byte("bytes")); err != nil {
				t.Fatal(err)
			}
		}
		if requests != 6 || refused != 1 || s.Direct() {
			t.Errorf("%d requests, %d refused, sent directly: %v; want 6 and 1, and the SDK's clock", requests, refused, s.Direct())
		}
	})
}

// A body is in memory that others use next: nothing reads it once Put has returned.
func TestBodyIsOnlyLent(t *testing.T) {
	t.Parallel()
	var kept []io.ReadCloser
	s := sent3(t, new(int), func(r *http.Request) (*http.Response, error) { // answers before it has read
		kept = append(kept, r.Body)
		return answer(200, "", "Etag", `"1"`), nil
	})
	if _, err := put(t, s, "k", small()); err != nil {
		t.Fatal(err)
	}
	for _, body := range kept {
		if n, err := body.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read %d bytes, %v", n, err)
		}
	}
	if len(kept) != 1 {
		t.Errorf("%d requests", len(kept))
	}
}
