//go:build unix

package service

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// asProcess is the variable in which this program, executed again, is told to be a
// machine: the JSON of a process.
const asProcess = "VBCVAULT_TEST_SERVICE"

func TestMain(m *testing.M) {
	if text := os.Getenv(asProcess); text != "" {
		if err := serveAs(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// process is a machine that is a process of its own.
type process struct {
	Address  string
	Machine  string
	Dir      string
	Accounts []string
	AtOnce   int
	Lost     time.Duration // also of leases
	Digest   string
	Version  string
	Key      string // that signs receipts

	cmd *exec.Cmd
}

func serveAs(text string) error {
	var p process
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := postgres.SQL(p.Address, 4)
	if err != nil {
		return err
	}
	own, err := postgres.SQL(p.Address, 2)
	if err != nil {
		return err
	}
	c := &config.Config{AccountsAtOnce: p.AtOnce, Digest: p.Digest}
	for _, name := range p.Accounts {
		c.Accounts = append(c.Accounts, config.Account{Name: name})
	}
	pauses := quick
	pauses.Lost, pauses.Grace = p.Lost, 200*time.Millisecond
	w := leased{own, &p}
	s, err := New(ctx, Options{
		StateDir: p.Dir, Config: c, Worker: &hands{do: w.do}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("machine", p.Machine), Pauses: pauses, Version: p.Version,
		Shared: &Shared{DB: db, Address: p.Address, Machine: p.Machine},
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return s.Run(ctx)
}

// leased does work as a run does: with the lease of a manifest, and what it does is in
// tables of the test.
type leased struct {
	db *sql.DB
	p  *process
}

func (l leased) do(ctx context.Context, _ Kind, account string) outcome.Outcome {
	m, err := postgres.Open(ctx, postgrestest.Named(l.p.Address, account), postgres.WithLease(l.p.Lost), postgres.WithMachine(l.p.Machine), postgres.WithKey(l.p.Key))
	switch {
	case errors.Is(err, manifest.ErrLocked):
		return outcome.Outcome{ExitCode: exitStopped, ErrorCode: code.AnotherRun, Error: err.Error()}
	case ctx.Err() != nil:
		return outcome.Outcome{ExitCode: outcome.Interrupted, ErrorCode: code.Interrupted}
	case err != nil:
		return outcome.Outcome{ExitCode: exitStopped, Error: err.Error()}
	}
	defer m.Close()
	fence, _ := m.Lease().Fence()
	if _, err := l.db.ExecContext(ctx, "INSERT INTO did (account, machine, fence) VALUES ($1, $2, $3)", account, l.p.Machine, fence); err != nil {
		return outcome.Outcome{ExitCode: exitStopped, Error: err.Error()}
	}
	for {
		var let bool
		if err := l.db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM let WHERE account = $1", account).Scan(&let); err == nil && let {
			break
		}
		select {
		case <-ctx.Done():
			return outcome.Outcome{ExitCode: outcome.Interrupted, ErrorCode: code.Interrupted}
		case <-m.Lease().Lost():
			return outcome.Outcome{ExitCode: exitStopped, ErrorCode: code.Lease, Error: m.Lease().Held().Error()}
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := m.Lease().Held(); err != nil {
		return outcome.Outcome{ExitCode: exitStopped, ErrorCode: code.Lease, Error: err.Error()}
	}
	if _, err := l.db.ExecContext(ctx, "UPDATE did SET done = true WHERE account = $1 AND fence = $2", account, fence); err != nil {
		return outcome.Outcome{ExitCode: exitStopped, Error: err.Error()}
	}
	return outcome.Outcome{}
}

// start starts a process, and waits until it is ready.
func (f *fleet) start(p *process) *process {
	f.t.Helper()
	p.Address = f.address
	if p.Dir == "" {
		p.Dir = f.t.TempDir()
	}
	p.Key = f.key
	if p.AtOnce == 0 {
		p.AtOnce = 4
	}
	if p.Lost == 0 {
		p.Lost = 2 * time.Second
	}
	text, err := json.Marshal(p)
	if err != nil {
		f.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), asProcess+"="+string(text))
	p.cmd.Stderr = f.t.Output()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		f.t.Fatalf("machine %s says %q, %v", p.Machine, line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

func (f *fleet) signal(p *process, s os.Signal) {
	f.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
}

// tables makes what leased works with.
func (f *fleet) tables() *sql.DB {
	f.t.Helper()
	db, err := postgres.SQL(f.address, 2)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(f.t.Context(), "CREATE TABLE did (account text, machine text, fence bigint, done boolean DEFAULT false, at timestamptz DEFAULT clock_timestamp()); CREATE TABLE let (account text)"); err != nil {
		f.t.Fatal(err)
	}
	return db
}

// one is a single value that the database has.
func one[T any](t *testing.T, db *sql.DB, text string, args ...any) (is T) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), text, args...).Scan(&is); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return is
}

// A machine that is killed in the midst of work has it taken up by another, as soon as
// its leases have ended; nothing is done twice.
func TestAKilledMachinesWorkIsTakenUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	db := f.tables()
	names := []string{"a", "b", "c", "d"}
	first := f.start(&process{Machine: "first", Accounts: names})
	c := f.control()
	h := &house{t: t}
	runs := map[string]string{}
	for _, name := range names {
		_, runs[name] = h.ask(c, name, Archive)
	}
	eventually(t, "the first machine works on all", func() bool { return one[int](t, db, "SELECT count(*) FROM did WHERE machine = 'first'") == 4 })
	second := f.start(&process{Machine: "second", Accounts: names})
	f.signal(first, os.Kill)
	eventually(t, "the second machine has taken all up", func() bool { return one[int](t, db, "SELECT count(*) FROM did WHERE machine = 'second'") == 4 })
	if _, err := db.Exec("INSERT INTO let SELECT DISTINCT account FROM did"); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if o := h.ended(c, runs[name]); !o.OK() {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if n := one[int](t, db, "SELECT count(*) FROM did WHERE done"); n != 4 {
		t.Errorf("%d accounts were done, want 4", n)
	}
	f.signal(second, syscall.SIGTERM)
	if err := second.cmd.Wait(); err != nil {
		t.Errorf("second: %v", err)
	}
}

// let has the work of accounts come to its end.
func (f *fleet) let(db *sql.DB) {
	f.t.Helper()
	if _, err := db.ExecContext(f.t.Context(), "INSERT INTO let SELECT DISTINCT account FROM did"); err != nil {
		f.t.Fatal(err)
	}
}

// A machine that stands still for longer than its leases last, and then goes on, does
// nothing more of what another has taken up; and it works again.
func TestAMachineThatStoodStill(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	db := f.tables()
	names := []string{"a", "b"}
	first := f.start(&process{Machine: "first", Accounts: names})
	c := f.control()
	h := &house{t: t}
	runs := map[string]string{}
	for _, name := range names {
		_, runs[name] = h.ask(c, name, Archive)
	}
	eventually(t, "the first machine works on all", func() bool { return one[int](t, db, "SELECT count(*) FROM did WHERE machine = 'first'") == 2 })
	second := f.start(&process{Machine: "second", Accounts: names})
	f.signal(first, syscall.SIGSTOP)
	eventually(t, "the first machine is lost", func() bool { return f.status(c).machine("first").State == "lost" })
	eventually(t, "the second machine has taken all up", func() bool { return one[int](t, db, "SELECT count(*) FROM did WHERE machine = 'second'") == 2 })
	f.signal(first, syscall.SIGCONT)
	eventually(t, "the first machine is back", func() bool { m := f.status(c).machine("first"); return m.State == "serving" && m.InProgress == 0 })
	f.let(db)
	for _, name := range names {
		if o := h.ended(c, runs[name]); !o.OK() {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if n := one[int](t, db, "SELECT count(*) FROM did WHERE done AND machine = 'second'"); n != 2 {
		t.Errorf("the second machine has done %d, want 2", n)
	}
	if n := one[int](t, db, "SELECT count(*) FROM vbcvault.outcome"); n != 2 {
		t.Errorf("%d outcomes, want 2", n)
	}
	f.signal(second, syscall.SIGTERM)
	if err := second.cmd.Wait(); err != nil {
		t.Errorf("second: %v", err)
	}
	_, again := h.ask(c, "a", Archive)
	if o := h.ended(c, again); !o.OK() || one[string](t, db, "SELECT machine FROM did WHERE account = 'a' ORDER BY fence DESC LIMIT 1") != "first" {
		t.Errorf("%+v", o)
	}
}

// SIGTERM hands work over at once: nobody waits for the end of a lease.
func TestAMachineThatIsStoppedHandsOver(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	db := f.tables()
	// Leases would last for an hour.
	first := f.start(&process{Machine: "first", Accounts: []string{"a"}, Lost: time.Hour})
	c := f.control()
	h := &house{t: t}
	_, run := h.ask(c, "a", Archive)
	eventually(t, "the first machine works", func() bool { return one[int](t, db, "SELECT count(*) FROM did") == 1 })
	f.start(&process{Machine: "second", Accounts: []string{"a"}, Lost: time.Hour})
	f.signal(first, syscall.SIGTERM)
	if err := first.cmd.Wait(); err != nil {
		t.Errorf("first: %v", err)
	}
	if m := f.status(c).machine("first"); m.Name != "" {
		t.Errorf("it has left, and is %+v", m)
	}
	eventually(t, "the second machine goes on", func() bool { return one[int](t, db, "SELECT count(*) FROM did WHERE machine = 'second'") == 1 })
	f.let(db)
	if o := h.ended(c, run); !o.OK() || o.Run != run {
		t.Errorf("%+v", o)
	}
}

// The same state directory, started again after a kill, is no other machine: what its
// earlier process did isn't waited for.
func TestAMachineThatIsStartedAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	db := f.tables()
	p := f.start(&process{Machine: "only", Accounts: []string{"a"}})
	c := f.control()
	h := &house{t: t}
	_, run := h.ask(c, "a", Archive)
	eventually(t, "it works", func() bool { return one[int](t, db, "SELECT count(*) FROM did") == 1 })
	f.signal(p, os.Kill)
	_ = p.cmd.Wait()
	f.start(&process{Machine: "only", Dir: p.Dir, Accounts: []string{"a"}})
	if n := len(f.status(c).Machines); n != 1 {
		t.Errorf("%d machines, want 1", n)
	}
	eventually(t, "it works on", func() bool { return one[int](t, db, "SELECT count(*) FROM did") == 2 })
	f.let(db)
	if o := h.ended(c, run); !o.OK() {
		t.Errorf("%+v", o)
	}
}
