// Package wire is the line between a client and a server, for tests that have to make it
// bad: it stalls, breaks, and is whole again, at any moment or at a given message.
//
// What a client sends is read at once, also while the line stalls: so a test knows when
// the client has let go of it, whenever it gets to the server.
package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Then is what becomes of a line at one message of a client.
type Then int

const (
	// Pass lets the message through.
	Pass Then = iota
	// Break breaks its connection: the server never gets the message.
	Break
	// BreakBehind breaks its connection, and has the server get the message all the same:
	// the client never hears what came of it.
	BreakBehind
	// Hold keeps the message, and all that follows on its connection, until the line is
	// broken. The client isn't told.
	Hold
	// HoldBehind has the server get the message; nothing of its answer, and nothing that
	// follows, gets through until the line is broken.
	HoldBehind
)

// Line leads clients to a server. Its methods may be called concurrently.
type Line struct {
	listener net.Listener
	split    bufio.SplitFunc
	seen     func(message []byte) Then

	mu      sync.Mutex
	to      string
	flows   *sync.Cond
	stalls  bool
	broken  bool
	closed  bool
	through []*connection
}

// New makes a line to a server's address until the test ends.
func New(t testing.TB, to string) *Line { return Watched(t, to, Chunks, nil) }

// Watched is New with seen called for each message of each client, as split finds them,
// as soon as it has come. It is called for one message of a connection after the other.
func Watched(t testing.TB, to string, split bufio.SplitFunc, seen func(message []byte) Then) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{listener: listener, to: to, split: split, seen: seen}
	l.flows = sync.NewCond(&l.mu)
	go l.accept()
	t.Cleanup(l.close)
	return l
}

// Chunks are whatever comes at once, such as the head of a request by HTTP/1.1.
func Chunks(data []byte, _ bool) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	return len(data), data, nil
}

// Address is where clients find the line.
func (l *Line) Address() string { return l.listener.Addr().String() }

// Stall has nothing get through any more, either way. Connections are accepted, and
// nothing comes of them.
func (l *Line) Stall() { l.set(true, false) }

// Cut breaks all connections, and each new one.
func (l *Line) Cut() { l.set(false, true); l.Break() }

// Mend has everything get through that waits, and all that follows.
func (l *Line) Mend() { l.set(false, false) }

func (l *Line) set(stalls, broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalls, l.broken = stalls, broken
	l.flows.Broadcast()
}

// Lead has new connections go to another server, and breaks those that there are.
func (l *Line) Lead(to string) {
	l.mu.Lock()
	l.to = to
	l.mu.Unlock()
	l.Break()
}

// Break breaks all connections that there are.
func (l *Line) Break() {
	l.mu.Lock()
	all := slices.Clone(l.through)
	l.mu.Unlock()
	for _, c := range all {
		c.reset()
	}
}

// Connections says how many there are.
func (l *Line) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.through)
}

func (l *Line) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = l.listener.Close()
	l.Cut()
}

func (l *Line) accept() {
	for {
		client, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond) // out of files, for a while
			continue
		}
		c := &connection{line: l, client: client.(*net.TCPConn)}
		c.more = sync.NewCond(&l.mu)
		l.mu.Lock()
		refused := l.broken || l.closed
		if !refused {
			l.through = append(l.through, c)
		}
		l.mu.Unlock()
		if refused {
			c.reset()
			continue
		}
		go c.carry()
	}
}

// wait returns when the line lets something through, and whether it ever will.
func (l *Line) wait(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stalls && !c.dead {
		l.flows.Wait()
	}
	return !c.dead
}

// connection is one client's.
type connection struct {
	line   *Line
	client *net.TCPConn

	// Guarded by the line's mutex.
	more    *sync.Cond // of waiting, ended, dead
	server  *net.TCPConn
	waiting [][]byte // what the client has sent
	ended   bool     // it sends no more
	dead    bool
	mute    bool // no answers any more
	breaks  bool // behind the last message of waiting
}

// carry carries what comes, both ways, until the end.
func (c *connection) carry() {
	go c.read()
	if !c.line.wait(c) {
		return
	}
	c.line.mu.Lock()
	to := c.line.to
	c.line.mu.Unlock()
	conn, err := net.Dial("tcp", to)
	if err != nil {
		c.reset()
		return
	}
	server := conn.(*net.TCPConn)
	c.line.mu.Lock()
	c.server = server
	dead := c.dead
	c.line.mu.Unlock()
	if dead {
		_ = server.Close()
		return
	}
	go c.answer(server)
	for {
		message, last := c.next()
		if message == nil || !c.line.wait(c) {
			break
		}
		if _, err := server.Write(message); err != nil || last {
			c.reset()
			break
		}
	}
	_ = server.CloseWrite() // if it is still there
}

// read reads what the client sends.
func (c *connection) read() {
	from := bufio.NewScanner(c.client)
	from.Buffer(nil, 64<<20)
	from.Split(c.line.split)
	held := false
	for from.Scan() {
		message, then := slices.Clone(from.Bytes()), Pass
		if c.line.seen != nil && !held {
			then = c.line.seen(message)
		}
		held = held || then == Hold
		if then == Break {
			c.reset()
			return
		}
		c.line.mu.Lock()
		if !held {
			c.waiting = append(c.waiting, message)
		}
		c.mute = c.mute || then == HoldBehind
		c.breaks = c.breaks || then == BreakBehind
		held = held || c.mute || c.breaks
		c.more.Signal()
		c.line.mu.Unlock()
	}
	if from.Err() != nil {
		c.reset()
		return
	}
	c.line.mu.Lock()
	c.ended = true
	c.more.Signal()
	c.line.mu.Unlock()
}

// next is the client's next message, nil if there is none any more, and whether its
// connection is to break behind it.
func (c *connection) next() (message []byte, last bool) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	for len(c.waiting) == 0 && !c.ended && !c.dead {
		c.more.Wait()
	}
	if len(c.waiting) == 0 || c.dead {
		return nil, false
	}
	message, c.waiting = c.waiting[0], c.waiting[1:]
	if last = c.breaks && len(c.waiting) == 0; last {
		c.server = nil // which ends in peace
	}
	return message, last
}

// answer brings back what the server sends, and the end.
func (c *connection) answer(server *net.TCPConn) {
	b := make([]byte, 32<<10)
	for {
		n, err := server.Read(b)
		c.line.mu.Lock()
		mute, left := c.mute, c.server == nil
		c.line.mu.Unlock()
		switch {
		case (mute || left) && err == nil:
			continue
		case mute || left:
			_ = server.Close()
			return // a client that is held waits until the line is broken
		}
		if n > 0 {
			if !c.line.wait(c) {
				return
			}
			if _, err := c.client.Write(b[:n]); err != nil {
				c.reset()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = c.client.Close()
			c.reset()
			return
		case err != nil:
			c.reset()
			return
		}
	}
}

// reset breaks both connections, as a machine does that knows nothing of them.
func (c *connection) reset() {
	l := c.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.dead {
		return
	}
	c.dead = true
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		if conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
	l.through = slices.DeleteFunc(l.through, func(o *connection) bool { return o == c })
	l.flows.Broadcast()
	c.more.Broadcast()
}
