//go:build unix

package postgrestest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Bouncer starts PgBouncer before the server, for one test, with few connections to each
// database, which it pools by transaction. What it returns gives the address of a database
// by way of it. Where PgBouncer isn't installed, the test skips; with CI=true it fails.
func (s *Server) Bouncer(t testing.TB, connections int) (by func(address string) string) {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	for _, other := range []string{"/usr/sbin/pgbouncer"} {
		if _, e := os.Stat(other); err != nil && e == nil {
			path, err = other, nil
		}
	}
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("there is no PgBouncer, and CI=true")
	case err != nil:
		t.Skip("there is no PgBouncer on this machine: pgbouncer is not in PATH")
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(s.dir, "bouncer")
	if err != nil {
		t.Fatal(err)
	}
	ini, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users")
	text := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
`, s.port, port, users, connections)
	for name, content := range map[string]string{ini: text, users: "\"vbcvault\" \"\"\n\"postgres\" \"\"\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, ini)
	cmd.SysProcAttr = s.as
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	host := fmt.Sprint("127.0.0.1:", port)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("PgBouncer doesn't start: %v\n%s", err, said)
		}
	}
	return func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = host
		return u.String()
	}
}
