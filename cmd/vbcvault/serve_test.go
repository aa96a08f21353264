package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// served is a configuration file with some accounts, each simulated, with a directory
// of its own, and a service for them.
type served struct {
	*world
	file     string
	accounts []servedAccount
	defaults string // lines of YAML below defaults
	atOnce   int
	more     string // lines of YAML after the accounts
	database string // address of the one that machines share; "" = this one is alone

	cmd *exec.Cmd // the service
	log *saidSoFar
}

type servedAccount struct {
	*vbctest.Account
	name, number, url, dir string
	schedule               string // lines of YAML
}

// connWatcher is a handler that is told of its server's connections.
type connWatcher interface {
	watch(net.Conn, http.ConnState)
}

func newServed(t *testing.T, names ...string) *served {
	t.Helper()
	return newServedBy(t, vbctest.Config{}, func(h http.Handler) http.Handler { return h }, names...)
}

// newServedBy is newServed with accounts of one's own making, and something before them.
func newServedBy(t *testing.T, cfg vbctest.Config, before func(http.Handler) http.Handler, names ...string) *served {
	t.Helper()
	s := &served{world: newWorld(t, vbctest.Config{}), atOnce: 8, defaults: "  older-than: 90d\n"}
	s.env = append(s.env, "ACME_PASSWORD=correct horse", "ACME_SECRET=secret")
	s.file = filepath.Join(t.TempDir(), "vbcvault.yaml")
	for i, name := range names {
		number := fmt.Sprint(549800 + i)
		cfg.Account = 549800 + int64(i)
		a := vbctest.New(cfg)
		handler := before(a)
		api := httptest.NewUnstartedServer(handler)
		if watcher, ok := handler.(connWatcher); ok {
			api.Config.ConnState = watcher.watch
		}
		api.Start()
		t.Cleanup(func() {
			api.CloseClientConnections()
			api.Close()
		})
		s.accounts = append(s.accounts, servedAccount{Account: a, name: name, number: number, url: api.URL, dir: t.TempDir()})
	}
	s.write()
	return s
}

// write writes the configuration file.
func (s *served) write() {
	s.t.Helper()
	var b strings.Builder
	place := "state-dir: " + s.state
	if s.database != "" {
		place = "database: {url: " + s.database + "}"
	}
	fmt.Fprintf(&b, "%s\naccounts-at-once: %d\ndefaults:\n%s", place, s.atOnce, s.defaults)
	fmt.Fprintf(&b, "  vbc: {username: admin, password: {env: ACME_PASSWORD}, client-id: client, client-secret: {env: ACME_SECRET}}\naccounts:\n")
	for _, a := range s.accounts {
		fmt.Fprintf(&b, "  %s:\n    account: \"%s\"\n    to: file://%s\n    vbc: {api-url: %s}\n%s", a.name, a.number, a.dir, a.url, a.schedule)
	}
	b.WriteString(s.more)
	if err := os.WriteFile(s.file, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// each adds recordings to every account.
func (s *served) each(n int) {
	for _, a := range s.accounts {
		a.Generate(n, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 7*time.Minute)
	}
}

// start starts the service, and waits until it is ready.
func (s *served) start() {
	s.t.Helper()
	s.kindle()
	s.says("is ready")
}

// kindle starts the service, and waits for nothing.
func (s *served) kindle() {
	s.t.Helper()
	s.log = &saidSoFar{}
	s.cmd = s.command("serve", "--config", s.file)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, log := s.cmd, s.log
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		if s.t.Failed() {
			s.t.Log(log)
		}
	})
}

// says waits until the service has said something.
func (s *served) says(text string) {
	s.t.Helper()
	s.eventually("it says "+text, func() bool { return strings.Contains(s.log.String(), text) })
}

// eventually waits for what must come; how long that takes is not what is tested.
func (s *served) eventually(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("it never happens: %s\n%s", what, s.log)
		}
	}
}

// signalIt sends the service a signal.
func (s *served) signalIt(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end of the service, and is its exit code.
func (s *served) end() int {
	_ = s.cmd.Wait() // the exit code tells
	return s.cmd.ProcessState.ExitCode()
}

// kill ends the service as a power cut would.
func (s *served) kill() {
	_ = s.cmd.Process.Kill() // it may just have ended
	s.end()
}

// ask runs another command of vbcvault with the configuration.
func (s *served) ask(args ...string) result {
	s.t.Helper()
	return s.run(append(args, "--config", s.file)...)
}

// jobs are the lines of vbcvault jobs of one account's work.
func (s *served) jobs(account, kind string) (all []map[string]any) {
	s.t.Helper()
	r := s.ask("jobs", "--json")
	for line := range strings.Lines(r.stdout) {
		var j map[string]any
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		if j["account"] == account && j["kind"] == kind {
			all = append(all, j)
		}
	}
	return all
}

// states are the states of an account's jobs.
func (s *served) states(account, kind string) (all []string) {
	s.t.Helper()
	for _, j := range s.jobs(account, kind) {
		all = append(all, fmt.Sprint(j["state"]))
	}
	return all
}

// complete fails unless an account's recordings are all whole in its directory, each once.
func (s *served) complete(a servedAccount, recordings []vbctest.Recording) {
	s.t.Helper()
	store, err := dirstore.Open(a.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	for _, r := range recordings {
		o := storage.Object{Key: strings.Replace(key(r, "mp3"), "549825", a.number, 1)}
		if has, err := store.Stat(s.t.Context(), o); err != nil || has.SHA256 != storage.Digest(r.SHA256()) {
			s.t.Errorf("%s: %s: %v", a.name, o.Key, err)
		}
	}
}

// saidSoFar is what a process says, while it says it.
type saidSoFar struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *saidSoFar) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *saidSoFar) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A service does what it is asked to, tells what it does, and stops when it is told to.
func TestServe(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme", "globex")
	s.accounts[1].schedule = "    schedule: {cron: \"17 2 * * *\", time-zone: Europe/Berlin}\n"
	s.write()
	s.each(4)
	if r := s.ask("jobs"); r.code != 2 || !strings.Contains(r.stderr, "no vbcvault serve has used") {
		t.Errorf("jobs before any service: exit %d", r.code)
	}
	s.start()
	if r := s.ask("serve"); r.code != 3 || !strings.Contains(r.stderr, "another vbcvault serve is using this state directory") {
		t.Errorf("a second service: exit %d", r.code)
	}
	r := s.ask("run", "acme", "--wait", "--json")
	s.want(r, 0, map[string]int{"archived": 4, "exit_code": 0})
	s.complete(s.accounts[0], s.accounts[0].Recordings())
	if r.summary["account"] != "acme" || r.summary["run"] == "" {
		t.Errorf("%v", r.summary)
	}
	if got := s.states("acme", "archive"); !slices.Equal(got, []string{"done"}) {
		t.Errorf("jobs of acme: %q", got)
	}
	if got := s.states("globex", "archive"); !slices.Equal(got, []string{"scheduled"}) {
		t.Errorf("jobs of globex: %q", got)
	}
	if r := s.ask("run", "glob"); r.code != 2 || !strings.Contains(r.stderr, "globex") {
		t.Errorf("an unknown account: exit %d", r.code)
	}
	if r := s.ask("jobs", "cancel", "4711"); r.code != 2 || !strings.Contains(r.stderr, "no such job") {
		t.Errorf("cancel of what isn't there: exit %d", r.code)
	}
	s.signalIt(syscall.SIGTERM)
	if code := s.end(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	waits := regexp.MustCompile(`[0-9]+`).FindString(s.ask("run", "globex").stdout)
	if r := s.ask("jobs", "cancel", waits); r.code != 0 || r.stdout != "job "+waits+" is cancelled; it waited, and had nothing in progress\n" {
		t.Errorf("cancel of what waits: exit %d, %q", r.code, r.stdout)
	}
	if r := s.ask("run", "acme", "--wait"); r.code != 3 || !strings.Contains(r.stderr, "no vbcvault serve is running") {
		t.Errorf("run without a service: exit %d", r.code)
	}
	if r := s.ask("jobs"); r.code != 0 || !strings.Contains(r.stdout, "2") || !strings.Contains(r.stderr, "no vbcvault serve is running") {
		t.Errorf("jobs without a service: exit %d", r.code)
	}
}
