//go:build unix

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// machines are several that serve one configuration: the same file, the same database,
// the same bucket and the same accounts, which each reaches by lines of its own.
type machines struct {
	*world
	file     string
	lease    time.Duration
	workers  int // of each account; twice as many accounts at once
	accounts []*hosted
	hosts    vbctest.Hosts
	s3       *storagetest.S3Server
	bucket   string
	server   *postgrestest.Server
	database string // its address, directly
	all      []*machine
	other    *machine // which commands beside them run on

	begun time.Time
	holds held
}

// hosted is an account under a host of its own.
type hosted struct {
	*vbctest.Account
	name   string
	number int64
	had    []vbctest.Recording // at the beginning
}

// machine is a process of vbcvault serve, and its lines.
type machine struct {
	*machines
	name                string
	state               string
	toVBC, toS3, toData *wire.Line
	env, does           []string
	cmd                 *exec.Cmd
	over                chan struct{} // is closed when its process has ended
	logs                []*saidSoFar  // of each of its processes

	mu      sync.Mutex
	deletes []sent // in the order in which they have left the machine
	proofs  map[string][]time.Time
}

// sent is a DELETE when it left the machine, whenever it got to VBC.
type sent struct {
	at   time.Time
	from *machine
	what string // account's number / id
}

// newMachines makes n machines, none of which runs yet, and accounts with so many
// recordings each. config may be nil.
func newMachines(t *testing.T, n, accounts, recordings int, lease time.Duration, workers int, config func(i int) vbctest.Config) *machines {
	t.Helper()
	s := &machines{
		workers: workers,
		world:   newWorld(t, vbctest.Config{}), file: filepath.Join(t.TempDir(), "vbcvault.yaml"), lease: lease,
		hosts: vbctest.Hosts{}, s3: storagetest.StartS3(t), server: postgrestest.Start(t),
	}
	s.bucket, s.database = s.s3.NewBucket(t), s.server.Database(t)
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.env = slices.DeleteFunc(s.env, func(kv string) bool { return strings.HasPrefix(kv, "VBC_") })
	s.env = append(s.env, "PASSWORD=correct horse", "SECRET=secret", "KEY="+key.Secret(), fmt.Sprintf("%s=%v", vbcvault.Lease, lease))
	for i := range accounts {
		var cfg vbctest.Config
		if config != nil {
			cfg = config(i)
		}
		cfg.Account, cfg.Username = 600000+int64(i), fmt.Sprintf("bot%d@vbc.prod", i)
		a := &hosted{Account: vbctest.New(cfg), name: fmt.Sprintf("a%d", i), number: cfg.Account}
		a.had = a.Generate(recordings, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 7*time.Minute)
		s.hosts[a.name+".vbc.test"] = a.Account
		s.accounts = append(s.accounts, a)
	}
	s.write("")
	s.watchLeases()
	for i := range n {
		s.all = append(s.all, s.newMachine(fmt.Sprintf("m%d", i)))
	}
	s.other, s.begun = s.newMachine("other"), time.Now()
	return s
}

// write writes the configuration, the same for all machines, with more lines at its end.
func (s *machines) write(more string) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "accounts-at-once: %d\ndefaults:\n  older-than: 90d\n  delete: true\n  insecure-http: true\n  workers: %d\n  signing-key: {env: KEY}\n", 2*s.workers, s.workers)
	fmt.Fprintf(&b, "  vbc: {password: {env: PASSWORD}, client-secret: {env: SECRET}}\n  schedule: {cron: \"* * * * *\"}\naccounts:\n")
	for i, a := range s.accounts {
		fmt.Fprintf(&b, "  %s:\n    account: \"%d\"\n    to: s3://%s/calls/%d\n    vbc: {api-url: \"http://%s.vbc.test\", username: bot%d, client-id: client}\n", a.name, a.number, s.bucket, i, a.name, i)
	}
	b.WriteString(more)
	if err := os.WriteFile(s.file, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// newMachine makes a machine's lines, and sees what goes through them.
func (s *machines) newMachine(name string) *machine {
	s.t.Helper()
	m := &machine{machines: s, name: name, state: s.t.TempDir(), proofs: map[string][]time.Time{}}
	front := httptest.NewServer(vbctest.From(name, s.hosts))
	s.t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	m.toVBC = wire.Watched(s.t, strings.TrimPrefix(front.URL, "http://"), wire.Chunks, m.sees)
	m.toS3 = wire.New(s.t, strings.TrimPrefix(s.s3.Proxy(s.t, m.asks).URL, "http://"))
	m.toData = wire.New(s.t, hostOf(s.database))
	proxy := wire.Fork(s.t, func(first []byte) *wire.Line {
		if line, _, _ := bytes.Cut(first, []byte("\r\n")); bytes.Contains(line, []byte("http://"+bucketHost+"/")) {
			return m.toS3
		}
		return m.toVBC
	})
	m.env = append(slices.Clone(s.env), "VBCVAULT_STATE_DIR="+m.state, "VBCVAULT_MACHINE="+name,
		"HTTP_PROXY=http://"+proxy, "VBCVAULT_DATABASE_URL="+strings.Replace(s.database, hostOf(s.database), m.toData.Address(), 1))
	m.env = append(m.env, s.s3.EnvFor("http://"+bucketHost)...)
	m.does = []string{"serve", "--config", s.file}
	return m
}

// bucketHost is where all machines look for the bucket, by way of their proxies.
const bucketHost = "s3.test"

func hostOf(address string) string {
	_, host, _ := strings.Cut(address, "@")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// sees notes each DELETE that the machine sends to VBC.
func (m *machine) sees(chunk []byte) wire.Then {
	if rest, is := bytes.CutPrefix(chunk, []byte("DELETE http://")); is {
		at := time.Now()
		target, _, _ := strings.Cut(string(rest), " ")
		_, path, _ := strings.Cut(target, "/accounts/")
		account, _, _ := strings.Cut(path, "/")
		m.mu.Lock()
		m.deletes = append(m.deletes, sent{at, m, account + "/" + path[strings.LastIndexByte(path, '/')+1:]})
		m.mu.Unlock()
	}
	return wire.Pass
}

// asks notes when the store gets to know that the machine asks what it holds.
func (m *machine) asks(op, key string, _ *http.Request) *storagetest.S3Fault {
	if op == "HeadObject" {
		m.mu.Lock()
		m.proofs[key] = append(m.proofs[key], time.Now())
		m.mu.Unlock()
	}
	return nil
}

// start starts the machine's process.
func (m *machine) start() {
	m.t.Helper()
	log := &saidSoFar{}
	m.logs = append(m.logs, log)
	m.cmd = m.command(m.does...)
	m.cmd.Env, m.cmd.Stderr = m.env, log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	cmd, over := m.cmd, make(chan struct{})
	m.over = over
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(over)
	}()
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-over
	})
}

// signalIt sends the machine's process a signal.
func (m *machine) signalIt(sig syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		m.t.Error(err)
	}
}

// kill ends the machine's process as a power cut would.
func (m *machine) kill() {
	_ = m.cmd.Process.Kill() // it may just have ended
	<-m.over
}

// ended reports whether the machine's process has ended.
func (m *machine) ended() bool {
	select {
	case <-m.over:
		return true
	default:
		return false
	}
}

// ends has a machine end in peace, and is its exit code.
func (m *machine) ends() int {
	m.t.Helper()
	m.signalIt(syscall.SIGTERM)
	<-m.over
	return m.cmd.ProcessState.ExitCode()
}

// beside runs another command with the configuration, which reaches everything directly.
func (s *machines) beside(args ...string) result {
	s.t.Helper()
	return s.finish(s.direct(args...))
}

func (s *machines) direct(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := s.command(append(args, "--config", s.file)...)
	cmd.Env = s.other.env
	return cmd
}

// withoutFile is a command that knows the database, and nothing of the configuration.
func (s *machines) withoutFile(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Env = s.other.env
	return cmd
}

// showLogs shows what all machines have said, for a test that has failed.
func (s *machines) showLogs() {
	if !s.t.Failed() {
		return
	}
	for _, m := range s.all {
		for i, log := range m.logs {
			text := log.String()
			s.t.Logf("%s, process %d:\n%s", m.name, i, text[max(0, len(text)-6000):])
		}
	}
}

// eventually waits for what must come; how long that takes is not what is tested.
func (s *machines) eventually(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.showLogs()
			s.t.Fatalf("it never happens: %s", what)
		}
	}
}

// left is how many recordings VBC still has.
func (s *machines) left() (n int) {
	for _, a := range s.accounts {
		n += len(a.Recordings())
	}
	return n
}
