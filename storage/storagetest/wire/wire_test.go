package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
)

// echo is a server that sends back each line that it gets, and tells of it.
func echo(t *testing.T) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					got <- lines.Text()
					fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
	return l.Addr().String(), got
}

type client struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func dial(t *testing.T, l *wire.Line) client {
	t.Helper()
	c, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{c, bufio.NewReader(c), t}
}

func (c client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) hears(text string) {
	c.t.Helper()
	if got, err := c.ReadString('\n'); got != text+"\n" {
		c.t.Fatalf("%q, %v, want %q", got, err, text)
	}
}

// hearsNothing looks for a little while: what comes later is for later.
func (c client) hearsNothing() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if b, err := c.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("%q, %v", b, err)
	}
	_ = c.SetReadDeadline(time.Time{})
}

func (c client) isBroken() {
	c.t.Helper()
	if b, err := c.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("%q, %v", b, err)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	address, got := echo(t)
	l := wire.New(t, address)
	c := dial(t, l)
	c.send("a")
	c.hears("a")
	l.Stall()
	c.send("b")
	late := dial(t, l)
	late.send("c")
	c.hearsNothing()
	late.hearsNothing()
	if len(got) != 1 {
		t.Error("something got through a line that stalls")
	}
	l.Mend()
	c.hears("b")
	late.hears("c")
	l.Break()
	c.isBroken()
	late.isBroken()
	c = dial(t, l)
	c.send("d")
	c.hears("d")
	l.Cut()
	c.isBroken()
	if conn, err := net.Dial("tcp", l.Address()); err == nil { // or it is broken even earlier
		client{conn, bufio.NewReader(conn), t}.isBroken()
		conn.Close()
	}
	l.Mend()
	c = dial(t, l)
	c.send("e")
	c.hears("e")
	other, elsewhere := echo(t)
	l.Lead(other)
	c.isBroken()
	c = dial(t, l)
	c.send("f")
	c.hears("f")
	if len(elsewhere) != 1 {
		t.Error("it leads to the server before")
	}
	if n := l.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// lines are messages that end in a newline.
func lines(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	return 0, nil, nil
}

func TestAtAMessage(t *testing.T) {
	t.Parallel()
	for then, want := range map[wire.Then]struct{ arrives, breaks bool }{
		wire.Break: {false, true}, wire.BreakBehind: {true, true}, wire.Hold: {false, false}, wire.HoldBehind: {true, false},
	} {
		address, got := echo(t)
		l := wire.Watched(t, address, lines, func(message []byte) wire.Then {
			if string(message) == "x\n" {
				return then
			}
			return wire.Pass
		})
		c := dial(t, l)
		c.send("a")
		c.hears("a")
		c.send("x")
		if want.breaks {
			c.isBroken()
		} else {
			c.send("y")
			c.hearsNothing()
			l.Break()
			c.isBroken()
		}
		if <-got != "a" {
			t.Fatal("the first message was lost")
		}
		if want.arrives {
			if text := <-got; text != "x" {
				t.Errorf("%v: %q", then, text)
			}
		}
		c = dial(t, l)
		c.send("b")
		c.hears("b")
		if text := <-got; text != "b" {
			t.Errorf("%v: %q got through", then, text)
		}
	}
}

func TestFork(t *testing.T) {
	t.Parallel()
	first, gotFirst := echo(t)
	second, gotSecond := echo(t)
	a, b := wire.New(t, first), wire.New(t, second)
	fork := wire.Fork(t, func(said []byte) *wire.Line {
		if said[0] == 'a' {
			return a
		}
		return b
	})
	var clients []client
	for _, text := range []string{"a", "b"} {
		conn, err := net.Dial("tcp", fork)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := client{conn, bufio.NewReader(conn), t}
		c.send(text)
		c.hears(text)
		clients = append(clients, c)
	}
	if len(gotFirst) != 1 || len(gotSecond) != 1 {
		t.Errorf("%d and %d", len(gotFirst), len(gotSecond))
	}
	a.Break()
	clients[0].isBroken()
	clients[1].send("c")
	clients[1].hears("c")
}
