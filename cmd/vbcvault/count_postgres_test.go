//go:build unix

package main_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// line is the way to a database, on which what a program says is counted. It sees each
// message that is sent, whoever sends it:
// https://www.postgresql.org/docs/current/protocol-message-formats.html
type line struct {
	address string // of the database by this way

	mu sync.Mutex
	messages
}

// messages of a client.
type messages struct {
	statements int // Execute, and Query, which carries out a text without arguments
	roundTrips int // Sync and Query: what comes before waits for one answer
	commits    int
}

// lineToPostgreSQL leads to a new database. Where there is no PostgreSQL, the test skips;
// with CI=true it fails.
func lineToPostgreSQL(t *testing.T) *line {
	t.Helper()
	u, err := url.Parse(postgrestest.New(t))
	mustDo(t, err)
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	mustDo(t, err)
	t.Cleanup(func() { listener.Close() })
	u.Host = listener.Addr().String()
	l := &line{address: u.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go l.serve(client, server)
		}
	}()
	return l
}

func (l *line) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server) // until one of them goes
	}()
	l.listen(bufio.NewReader(client), server)
}

// listen passes on the messages of one connection, until its end. The first ones have no
// type: a question for TLS, which is answered with no, and the start.
func (l *line) listen(client *bufio.Reader, server io.Writer) {
	const protocol3 = 3
	for started := false; ; {
		header := make([]byte, 1+4)
		of := header
		if !started {
			of = header[1:]
		}
		if _, err := io.ReadFull(client, of); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if started {
			l.note(header[0], body)
		} else {
			started = binary.BigEndian.Uint16(body) == protocol3
		}
		if _, err := server.Write(append(of, body...)); err != nil {
			return
		}
	}
}

func (l *line) note(kind byte, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch kind {
	case 'E':
		l.statements++
	case 'S':
		l.roundTrips++
	case 'Q':
		l.statements++
		l.roundTrips++
		if strings.EqualFold(strings.TrimRight(string(body), "\x00; "), "commit") {
			l.commits++
		}
	}
}

func (l *line) said() messages {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.messages
}
