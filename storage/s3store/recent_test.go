package s3store_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// late is a server that shows an object only some time after its PUT.
func late(delay time.Duration, asked *int) answers {
	objects, at := memory{}, map[string]time.Time{}
	return func(r *http.Request) *http.Response {
		if r.Method == http.MethodPut {
			at[r.URL.Path] = time.Now()
			return objects.answer(r, []byte("x"))
		}
		*asked++
		if time.Since(at[r.URL.Path]) < delay {
			return answer(http.StatusNotFound, "")
		}
		return objects.answer(r, nil)
	}
}

// What this process has just written and the store doesn't show yet is asked for
// again, for some seconds.
func TestWhatIsNotVisibleYet(t *testing.T) {
	t.Parallel()
	ask := map[string]func(context.Context, *s3store.Store) error{
		"Stat": func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Stat(ctx, storage.Object{Key: "k"})
			return err
		},
		"Reread": func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Reread(ctx, storage.Object{Key: "k"})
			return err
		},
		"Open": func(ctx context.Context, s *s3store.Store) error {
			body, err := s.Open(ctx, storage.Object{Key: "k"})
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			return err
		},
	}
	for name, do := range ask {
		for _, c := range []struct {
			endpoint string
			delay    time.Duration
			seen     bool
			asked    int // with a HEAD or GET
		}{
			{"https://s3.example.com", 500 * time.Millisecond, true, 2},
			{"https://s3.example.com", 2 * time.Second, true, 3},
			{"https://s3.example.com", time.Hour, false, 4},
			{"https://s3.us-east-1.amazonaws.com", time.Second, false, 1}, // which promises to show it at once
		} {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				s := fake(t, c.endpoint, late(c.delay, &asked))
				if _, err := put(t, s, "k", []byte("x")); err != nil {
					t.Fatal(err)
				}
				err := do(t.Context(), s)
				if c.seen != (err == nil) || !c.seen && !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("%s after %v: %v", name, c.delay, err)
				}
				if name == "Open" && asked != c.asked {
					t.Errorf("%s after %v: asked %d times, want %d", name, c.delay, asked, c.asked)
				}
			})
		}
	}
}

// What somebody else has written, or this process some time ago, is missing if it
// is missing; and nobody waits who doesn't want it any more.
func TestWhatIsMissingIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := fake(t, "https://s3.example.com", late(time.Hour, &asked))
		missing := func(what string, want int) {
			t.Helper()
			asked = 0
			if _, err := s.Open(t.Context(), storage.Object{Key: "k"}); !errors.Is(err, storage.ErrNotFound) || asked != want {
				t.Errorf("%s: %v, asked %d times, want %d", what, err, asked, want)
			}
		}
		missing("never written", 1)
		if _, err := put(t, s, "k", []byte("x")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(500 * time.Millisecond)
			cancel(errBroken)
		}()
		begin := time.Now()
		if _, err := s.Stat(ctx, storage.Object{Key: "k"}); !errors.Is(err, errBroken) || time.Since(begin) > time.Second {
			t.Errorf("cancelled: %v after %v", err, time.Since(begin))
		}
		time.Sleep(s3store.UnseenFor + time.Second)
		missing("written long ago", 1)
		if _, err := put(t, s, "k", []byte("x")); err != nil {
			t.Fatal(err)
		}
	})
}

var errBroken = errors.New("broken on purpose")
