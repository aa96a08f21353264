package service

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func ask(h http.Handler, method, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var stuck, database error
	dir := filepath.Join(t.TempDir(), "state")
	h := Health(func() error { return stuck }, Check{"database", func(context.Context) error { return database }}, Check{"state directory", Writable(dir)})
	expect := func(path string, status int, text string) {
		t.Helper()
		if got, says := ask(h, http.MethodGet, path); got != status || !strings.Contains(says, text) {
			t.Errorf("%s: %d %q, want %d %q", path, got, says, status, text)
		}
	}
	expect("/healthz", http.StatusOK, "ok\n")
	expect("/readyz", http.StatusServiceUnavailable, "database: ok\nstate directory: can't write: open ")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	expect("/readyz", http.StatusOK, "database: ok\nstate directory: ok\n")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
	database = errors.New("database is locked\nby somebody")
	expect("/readyz", http.StatusServiceUnavailable, "database: database is locked by somebody\nstate directory: ok\n")
	expect("/healthz", http.StatusOK, "ok\n") // a restart would mend nothing
	stuck = errors.New("no sign of life")
	expect("/healthz", http.StatusServiceUnavailable, "no sign of life\n")
	if status, _ := ask(h, http.MethodPost, "/readyz"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
	if status, _ := ask(h, http.MethodGet, "/"); status != http.StatusNotFound {
		t.Errorf("/: %d", status)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)
	r.Header.Set("Origin", "https://elsewhere.example")
	h.ServeHTTP(w, r)
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("pages of others may read it: %s", name)
		}
	}
}

// A check that never answers is begun once, however many ask, and they get an answer.
func TestHealthOfADiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		let := make(chan struct{})
		h := Health(func() error { return nil }, Check{"state directory", func(context.Context) error {
			begun.Add(1)
			<-let
			return nil
		}})
		for range 20 {
			if status, says := ask(h, http.MethodGet, "/readyz"); status != http.StatusServiceUnavailable || says != "state directory: no answer within 5s\n" {
				t.Errorf("%d %q", status, says)
			}
		}
		if begun.Load() != 1 {
			t.Errorf("it is begun %d times", begun.Load())
		}
		close(let)
		synctest.Wait()
		if status, says := ask(h, http.MethodGet, "/readyz"); status != http.StatusOK {
			t.Errorf("%d %q", status, says)
		}
	})
}

func TestListenAnswersUntilItStops(t *testing.T) {
	t.Parallel()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Serve(Health(func() error { return nil }))
	url := "http://" + l.Addr().String() + "/healthz"
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func() (string, error) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
		if err != nil {
			return "", err
		}
		answer, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		return string(b), err
	}
	if says, err := get(); err != nil || says != "ok\n" {
		t.Errorf("%q, %v", says, err)
	}
	if _, err := Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "listen at "+l.Addr().String()) {
		t.Errorf("a second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if says, err := get(); err == nil {
		t.Errorf("it still answers: %q", says)
	}
}
