//go:build unix

package main_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A service tells systemd and probes how it is, as a process.
func TestServeSaysHowItIs(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	file, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append(file, "service: {listen: \"127.0.0.1:0\"}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "systemd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var told saidSoFar
	var listening sync.WaitGroup
	listening.Go(func() {
		for b := make([]byte, 1<<12); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			_, _ = told.Write(append(b[:n:n], '\n'))
		}
	})
	t.Cleanup(listening.Wait)
	t.Cleanup(func() { conn.Close() })
	hears := func(text string) {
		t.Helper()
		s.eventually("systemd hears "+text, func() bool { return strings.Contains(told.String(), text) })
	}

	s.env = append(s.env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=100000")
	s.start()
	hears("READY=1\n")
	hears("WATCHDOG=1\n")
	hears("STATUS=1 account; 0 in progress\n")

	s.says("health is answered")
	base := regexp.MustCompile(`alive=(http://[^ ]*)/healthz`).FindStringSubmatch(s.log.String())[1]
	get := func(path string) (int, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b)
	}
	if status, says := get("/healthz"); status != http.StatusOK || says != "ok\n" {
		t.Errorf("/healthz: %d %q", status, says)
	}
	if status, says := get("/readyz"); status != http.StatusOK || says != "database: ok\nstate directory: ok\n" {
		t.Errorf("/readyz: %d %q", status, says)
	}

	s.signalIt(syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	s.says("the configuration is taken over")
	s.signalIt(syscall.SIGTERM)
	if code := s.end(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	hears("STOPPING=1\n")
	if all := told.String(); strings.Count(all, "READY=1\n") != 2 || strings.LastIndex(all, "READY=1\n") < strings.Index(all, "RELOADING=1") {
		t.Errorf("systemd hears\n%s", all)
	}

	// An address that is taken is a mistake of the configuration, and leaves nothing begun.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := os.WriteFile(s.file, append(file, "service: {listen: \""+taken.Addr().String()+"\"}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.ask("serve"); r.code != 2 || !strings.Contains(r.stderr, "a free port") {
		t.Errorf("a taken port: exit %d\n%s", r.code, r.stderr)
	}
}
