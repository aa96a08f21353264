//go:build unix

package service

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listenAsSystemd is the socket of a service manager, and what comes in there.
func listenAsSystemd(t *testing.T) (next func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "systemd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		b := make([]byte, 1<<12)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestSystemdIsTold(t *testing.T) {
	next := listenAsSystemd(t)
	t.Setenv("WATCHDOG_USEC", "1000")
	n := NewSystemd(slog.New(slog.NewTextHandler(t.Output(), nil)))
	for next() != "WATCHDOG=1" {
		t.Error("nothing else has been said")
	}
	for _, c := range []struct {
		say  func()
		hear string
	}{
		{n.Ready, `^READY=1$`},
		{func() { n.Status("3 accounts\nMAINPID=1") }, `^STATUS=3 accounts MAINPID=1$`},
		{n.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[0-9]{4,}\n$`},
		{func() {
			n.Status("3 accounts MAINPID=1") // as before
			n.Ready()
		}, `^READY=1$`},
		{n.Stopping, `^STOPPING=1$`},
	} {
		c.say()
		heard := next()
		for heard == "WATCHDOG=1" {
			heard = next()
		}
		if !regexp.MustCompile(c.hear).MatchString(heard) {
			t.Errorf("heard %q, want %s", heard, c.hear)
		}
	}
	// What is said last arrives, although the process ends at once.
	n.Status("bye")
	n.Close()
	for heard := next(); heard != "STATUS=bye"; heard = next() {
		if heard != "WATCHDOG=1" {
			t.Errorf("heard %q", heard)
		}
	}
}

func TestWithoutSystemdNobodyIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	var log bytes.Buffer
	n := NewSystemd(slog.New(slog.NewTextHandler(&log, nil)))
	n.Ready()
	n.Reloading()
	n.Status("fine")
	n.Stopping()
	n.Close()
	if log.Len() > 0 || n.messages != nil {
		t.Errorf("it says %s", log.String())
	}
}

// A socket that is gone costs one line in the log, and no waiting.
func TestSystemdIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	var log bytes.Buffer
	n := NewSystemd(slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 * mostWaiting {
		n.Ready()
	}
	n.Close()
	if got := strings.Count(log.String(), "systemd can't be told"); got != 1 {
		t.Errorf("it says so %d times:\n%s", got, log.String())
	}
}

func TestWatchdogStrikesWhenTheLoopIsStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := &Systemd{log: slog.New(slog.NewTextHandler(&log, nil)), messages: make(chan string, 1000), alive: time.Now(), closed: make(chan struct{})}
		go n.watchdog(15 * time.Second)
		heard := func() (times int) {
			synctest.Wait()
			for len(n.messages) > 0 {
				if m := <-n.messages; m == "WATCHDOG=1" {
					times++
				}
			}
			return times
		}
		for range 360 { // an hour
			time.Sleep(10 * time.Second)
			n.Alive()
		}
		if got := heard(); got < 239 || got > 240 {
			t.Errorf("in an hour it is told %d times that the loop is alive", got)
		}
		time.Sleep(stuckAfter)
		heard()
		time.Sleep(time.Hour)
		if got := heard(); got != 0 || n.Stuck() == nil {
			t.Errorf("a stuck loop is said to be alive, %d times", got)
		}
		if got := strings.Count(log.String(), "left to strike"); got != 1 {
			t.Errorf("it says so %d times:\n%s", got, log.String())
		}
		n.Stopping() // it waits for its work, in no loop
		time.Sleep(time.Hour)
		if got := heard(); got < 239 || n.Stuck() != nil {
			t.Errorf("while it stops it is told %d times that it is alive", got)
		}
		close(n.closed)
	})
}
