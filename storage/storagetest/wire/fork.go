package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
)

// Fork is an address whose clients are led to one of several lines each, by the first that
// they send, until the test ends: such as an HTTP proxy's, by the host that is asked for.
func Fork(t testing.TB, to func(first []byte) *Line) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go lead(client.(*net.TCPConn), to)
			}
		}
	}()
	return listener.Addr().String()
}

// lead carries one client's connection to its line.
func lead(client *net.TCPConn, to func([]byte) *Line) {
	defer broken(client)
	first := make([]byte, 32<<10)
	n, err := client.Read(first)
	if err != nil {
		return
	}
	conn, err := net.Dial("tcp", to(first[:n]).Address())
	if err != nil {
		return
	}
	line := conn.(*net.TCPConn)
	defer broken(line)
	go func() {
		_, err := io.Copy(line, io.MultiReader(bytes.NewReader(first[:n]), client))
		if err == nil {
			err = line.CloseWrite() // what the client has sent gets there, also when it is gone
		}
		if err != nil {
			broken(line)
		}
	}()
	_, _ = io.Copy(client, line) // until the line's end
}

// broken breaks a connection.
func broken(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
