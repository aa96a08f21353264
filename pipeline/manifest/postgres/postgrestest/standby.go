//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// StartIn is Start with the server's files in a directory, such as one on a small disk,
// which is removed by whoever has made it.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	s, err := start(binaries(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t, "immediate"); os.RemoveAll(s.dir) })
	return s
}

// Standby starts a replica of the server, which follows it by way of an address, host:port,
// and doesn't make it wait. Promote makes it a server of its own.
func (s *Server) Standby(t testing.TB, by string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp(os.TempDir(), "vbcvault-standby")
	if err != nil {
		t.Fatal(err)
	}
	b := &Server{bin: s.bin, dir: dir}
	t.Cleanup(func() { b.Stop(t, "immediate"); os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		err = b.becomePostgres()
	}
	host, port, e := net.SplitHostPort(by)
	data := filepath.Join(dir, "data")
	if err = errors.Join(err, e); err == nil {
		out, e := b.command("pg_basebackup", "-h", "127.0.0.1", "-p", fmt.Sprint(s.port), "-U", "postgres", "-D", data, "-c", "fast", "-X", "stream").CombinedOutput()
		if err = e; err != nil {
			err = fmt.Errorf("pg_basebackup: %w\n%s", err, out)
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644)
	}
	if err == nil {
		more := fmt.Sprintf("primary_conninfo = 'host=%s port=%s user=postgres'\nunix_socket_directories = '%s'\nwal_retrieve_retry_interval = '100ms'\n", host, port, dir)
		err = appendTo(filepath.Join(data, "postgresql.conf"), more)
	}
	if err == nil {
		b.port, err = freePort()
	}
	if err == nil {
		err = b.start()
	}
	if err == nil {
		err = b.endWithMe()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// CatchUp waits until a replica has all that the server has now.
func (s *Server) CatchUp(t testing.TB, standby *Server) {
	t.Helper()
	at := s.one(t, "SELECT pg_current_wal_flush_lsn()::text")
	for end := time.Now().Add(time.Minute); standby.one(t, "SELECT (pg_last_wal_replay_lsn() >= '"+at+"')::text") != "true"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica doesn't catch up")
		}
	}
}

// Promote makes a replica a server of its own.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if out, err := s.command("pg_ctl", "promote", "-w", "-s", "-D", filepath.Join(s.dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("promote: %v\n%s", err, out)
	}
}

// one is what a superuser is told by a query of one text.
func (s *Server) one(t testing.TB, text string) (said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres", s.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, text).Scan(&said); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return said
}
