//go:build unix

package postgrestest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Usage is what has been used until now.
type Usage struct {
	CPU         time.Duration // of all the server's processes; 0 where the system doesn't say it
	Commits     int64         // of transactions in one database
	Connections int           // to it
	Bytes       int64         // of it
}

// Usage asks how much of the server, and of one database, has been used.
func (s *Server) Usage(t testing.TB, address string) (u Usage) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer stop()
	conn, err := pgx.Connect(ctx, strings.Replace(address, "vbcvault@", "postgres@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT xact_commit, (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()), pg_database_size(current_database())
		FROM pg_stat_database WHERE datname = current_database()`).Scan(&u.Commits, &u.Connections, &u.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	u.CPU, err = s.cpu()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// cpu adds up what /proc says of the server's processes, those that have ended included.
func (s *Server) cpu() (all time.Duration, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	const tick = time.Second / 100
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// What is behind the name, which may have anything in it.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		is := filepath.Base(filepath.Dir(path)) == first
		if len(fields) < 15 || !is && fields[1] != first {
			continue
		}
		for i, field := range fields[11:15] { // user, system, and both of children that have ended
			if n, err := strconv.Atoi(field); err == nil && (i < 2 || is) {
				all += time.Duration(n) * tick
			}
		}
	}
	return all, nil
}
