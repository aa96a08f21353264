package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// answerWithin is how long a check of the service may take.
const answerWithin = 5 * time.Second

// Check is something that must work for the service to work.
type Check struct {
	Name string // as in "database"
	// Do is nil if it works. Its error is shown to whoever asks: it must hold no secret.
	Do func(context.Context) error
}

// Health answers, as plain text:
//
//   - /healthz: 200 as long as the service's loop isn't stuck. Restart it otherwise;
//   - /readyz: 200 if all checks pass, else 503, with a line for each.
//
// Neither asks VBC or a destination anything. alive is nil as long as the loop works.
func Health(alive func() error, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := alive(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		answer(w, http.StatusOK, "ok\n")
	})
	all := make([]*checking, len(checks))
	for i, c := range checks {
		all[i] = &checking{Check: c}
	}
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		status, lines := http.StatusOK, make([]string, len(all))
		errs := make([]error, len(all))
		var asked sync.WaitGroup
		for i, c := range all {
			asked.Go(func() { errs[i] = c.within(ctx) })
		}
		asked.Wait()
		for i, c := range all {
			lines[i] = c.Name + ": ok"
			if errs[i] != nil {
				status, lines[i] = http.StatusServiceUnavailable, c.Name+": "+oneLine(errs[i])
			}
		}
		answer(w, status, strings.Join(lines, "\n")+"\n")
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// checking is a check that is done once at a time: one that hangs, as on a disk that
// doesn't answer, isn't begun again for each who asks.
type checking struct {
	Check
	mu      sync.Mutex
	running chan struct{} // closed when done; nil = none
	err     error         // of the last one
}

// within does the check, or waits for the one that is being done, until ctx ends.
func (c *checking) within(ctx context.Context) error {
	c.mu.Lock()
	done := c.running
	if done == nil {
		done = make(chan struct{})
		c.running = done
		go func() {
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
			defer cancel()
			err := c.Do(limited)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.err, c.running = err, nil
			close(done)
		}()
	}
	c.mu.Unlock()
	select {
	case <-done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", answerWithin)
	}
}

// Writable is a check whether files can be made in a directory. A crash leaves at most
// one, of one byte, which the next check removes.
func Writable(dir string) func(context.Context) error {
	return func(context.Context) error {
		path := filepath.Join(dir, ".vbcvault-writable")
		f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("can't write: %w", err)
		}
		_, err = f.Write([]byte{'\n'})
		if err = errors.Join(err, f.Close(), os.Remove(path)); err != nil {
			return fmt.Errorf("can't write: %w", err)
		}
		return nil
	}
}

// Listener is an address at which the service answers HTTP.
type Listener struct {
	net.Listener
	server *http.Server
	ended  chan struct{} // nil = nothing is answered yet
}

// Listen takes an address; whoever asks there waits until Serve.
func Listen(ctx context.Context, address string) (*Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return &Listener{Listener: l}, nil
}

// Serve begins to answer. All that whoever asks can take is limited in time.
func (l *Listener) Serve(h http.Handler) {
	l.server = &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	l.ended = make(chan struct{})
	go func() {
		defer close(l.ended)
		_ = l.server.Serve(l.Listener) // until it is closed
	}()
}

// Close gives the address back. It waits five seconds for answers that are under way.
func (l *Listener) Close() error {
	if l.server == nil {
		return l.Listener.Close()
	}
	limited, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	err := l.server.Shutdown(limited)
	if err != nil {
		err = l.server.Close() // what takes longer is cut off
	}
	<-l.ended
	return err
}
