//go:build unix

// Package postgrestest gives tests a real PostgreSQL: a server of their own for one
// process of go test, which ends with that however it ends, and in it a database for each
// test. Where PostgreSQL isn't installed, tests skip and say so; with CI=true they fail.
package postgrestest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
)

// Server is a running PostgreSQL, on loopback. Everybody on this machine may use it
// without a password.
type Server struct {
	bin, dir string
	port     int
	as       *syscall.SysProcAttr // nil = whoever runs the tests

	alive io.Closer // is open as long as this process lives

	mu     sync.Mutex
	number int // of databases made
}

var shared struct {
	sync.Once
	server *Server
	err    error
}

// Shared is the server that all tests of this process share: whoever stops it, or fills
// its disk, starts one of their own.
func Shared(t testing.TB) *Server {
	t.Helper()
	bin := binaries(t)
	shared.Do(func() { shared.server, shared.err = start(bin, os.TempDir()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Start starts a server for one test, which ends with it.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start(binaries(t), os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t, "immediate"); os.RemoveAll(s.dir) })
	return s
}

// New is the address of a new database of the shared server, with all tables in it and no
// manifest. It names no manifest.
func New(t testing.TB) string {
	t.Helper()
	return Shared(t).Database(t)
}

// Installed is where PostgreSQL's programs are, "" if it isn't installed.
func Installed() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // beside which the others are
		}
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) })
	return filepath.Dir(found[len(found)-1])
}

func binaries(t testing.TB) string {
	t.Helper()
	bin := Installed()
	switch {
	case bin == "" && os.Getenv("CI") == "true":
		t.Fatal("there is no PostgreSQL, and CI=true")
	case bin == "":
		t.Skip("there is no PostgreSQL on this machine: initdb is neither in PATH nor in /usr/lib/postgresql/*/bin")
	}
	return bin
}

// start makes a cluster and starts it. PostgreSQL refuses to be root: then it is the user
// postgres, which its packages make.
func start(bin, tmp string) (_ *Server, err error) {
	s := &Server{bin: bin}
	if s.dir, err = os.MkdirTemp(tmp, "vbcvault-postgres"); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := s.becomePostgres(); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(s.dir, "data")
	if out, err := s.command("initdb", "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C", "-D", data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// Durability is what is tested, and so fsync stays on.
	conf := fmt.Sprintf("listen_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nmax_connections = 200\nmax_wal_size = '256MB'\n", s.dir)
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(conf)
	if f.Close(); err != nil {
		return nil, err
	}
	for range 5 { // somebody else may take the port meanwhile
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.start(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.endWithMe(); err != nil {
		return nil, err
	}
	return s, s.template()
}

func (s *Server) becomePostgres() error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("initdb refuses to be root: %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.dir, uid, gid)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.as
	return cmd
}

func (s *Server) start() error {
	out, err := s.command("pg_ctl", "start", "-w", "-t", "60", "-s", "-D", filepath.Join(s.dir, "data"), "-l", filepath.Join(s.dir, "log"), "-o", fmt.Sprintf("-p %d", s.port)).CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("start PostgreSQL: %w\n%s\n%s", err, out, log)
	}
	return nil
}

// endWithMe has a shell stop the server as soon as this process is no more: it waits at
// the other end of a pipe.
func (s *Server) endWithMe() error {
	script := `cat >/dev/null; "$0"/pg_ctl stop -m immediate -s -D "$1"/data; rm -rf "$1"`
	cmd := exec.Command("/bin/sh", "-c", script, s.bin, s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C isn't for it
	if s.as != nil {
		cmd.SysProcAttr.Credential = s.as.Credential
	}
	var err error
	if s.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	return cmd.Start()
}

// template makes the database that all others are copies of. Its owner is no superuser.
func (s *Server) template() error {
	if err := s.admin("CREATE ROLE vbcvault LOGIN", "CREATE DATABASE vbcvault_template OWNER vbcvault"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return postgres.Migrate(ctx, s.address("vbcvault_template"), postgres.WithProgram("test"))
}

// admin carries out statements as a superuser.
func (s *Server) admin(statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres", s.port))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, text := range statements {
		if _, err := conn.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// Admin carries out statements as a superuser.
func (s *Server) Admin(t testing.TB, statements ...string) {
	t.Helper()
	if err := s.admin(statements...); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) address(database string) string {
	return fmt.Sprintf("postgres://vbcvault@127.0.0.1:%d/%s", s.port, database)
}

// Database is the address of a new database, with all tables in it, until the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.make(t, "vbcvault_template")
}

// Empty is Database without any tables.
func (s *Server) Empty(t testing.TB) string {
	t.Helper()
	return s.make(t, "template0")
}

func (s *Server) make(t testing.TB, template string) string {
	t.Helper()
	s.mu.Lock() // copies of one template are made one after the other anyway
	defer s.mu.Unlock()
	s.number++
	name := fmt.Sprintf("test_%d", s.number)
	s.Admin(t, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER vbcvault", name, template))
	t.Cleanup(func() { _ = s.admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") }) // the server may be gone
	return s.address(name)
}

// Named adds a manifest's name to an address.
func Named(address, manifest string) string { return address + "?manifest=" + manifest }

// Port is where the server listens, on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Dir is where the server has its data (data) and its log (log).
func (s *Server) Dir() string { return s.dir }

// Stop stops the server: smart, fast, or immediate, as in a crash.
func (s *Server) Stop(t testing.TB, mode string) {
	t.Helper()
	if out, err := s.command("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", filepath.Join(s.dir, "data")).CombinedOutput(); err != nil && !strings.Contains(string(out), "not exist") {
		t.Errorf("stop PostgreSQL: %v\n%s", err, out)
	}
}

// Again starts the server again, where it was.
func (s *Server) Again(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Command is one of PostgreSQL's programs, such as pg_dump, as the user whom the server has.
func (s *Server) Command(name string, args ...string) *exec.Cmd { return s.command(name, args...) }
