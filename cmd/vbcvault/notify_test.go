package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// hooks is a server that is told of runs.
type hooks struct {
	*httptest.Server
	mu     sync.Mutex
	paths  []string // of all requests, with rid
	bodies []string
	answer int // status

	arrived chan struct{} // one for each request, as far as there is room
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{answer: 200, arrived: make(chan struct{}, 9)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		select {
		case h.arrived <- struct{}{}:
		default:
		}
		path := r.URL.Path
		if rid := r.URL.Query().Get("rid"); rid != "" {
			path += " " + rid
		}
		h.paths, h.bodies = append(h.paths, path), append(h.bodies, string(b))
		w.WriteHeader(h.answer)
		fmt.Fprint(w, r.URL) // some quote what they got
	}))
	t.Cleanup(h.Close)
	return h
}

// said are the requests since the last call, in no order.
func (h *hooks) said() (paths, bodies []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	paths, bodies = h.paths, h.bodies
	h.paths, h.bodies = nil, nil
	return paths, bodies
}

// tells adds a section to the configuration file.
func (f *fleet) tells(lines ...string) {
	f.t.Helper()
	b, err := os.ReadFile(f.file)
	if err == nil {
		err = os.WriteFile(f.file, append(b, "notify:\n  "+strings.Join(lines, "\n  ")+"\n"...), 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// Of several accounts each is told of: a check of its begin and its end, people of what
// fails, once, and of what is well again. Who can't be told changes no exit code.
func TestRunsAreTold(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, inDir, nil)
	f.members[1].lines = []string{f.members[1].reach("{env: LATER}")}
	f.write()
	checks, people, dead := newHooks(t), newHooks(t), newHooks(t)
	dead.answer = 500
	f.setenv("CHECKS", checks.URL+"/{account}")
	f.setenv("PEOPLE", people.URL+"/all")
	f.setenv("DEAD", dead.URL+"/none")
	f.tells("hc: {healthchecks: {url: {env: CHECKS}}}", "people: {on: [failure, recovery], webhook: {url: {env: PEOPLE}}}", "dead: {on: [always], webhook: {url: {env: DEAD}}}")
	for night, c := range []struct {
		password string
		code     int
		a1       string // what people are told of a1
	}{{"not the one", 3, "failure"}, {"not this one", 3, ""}, {"correct horse", 0, "recovery"}, {"correct horse", 0, ""}} {
		f.setenv("LATER", c.password)
		r, by := f.outcomes("--all")
		if r.code != c.code || !strings.Contains(r.stderr, "a notifier could not be told") {
			t.Errorf("night %d: exit %d", night, r.code)
		}
		paths, _ := checks.said()
		for _, m := range f.members {
			run, code := by[m.name]["run"], by[m.name]["exit_code"]
			want := []string{fmt.Sprintf("/%s/start %s", m.name, run), fmt.Sprintf("/%s/%v %s", m.name, code, run)}
			its := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !strings.HasPrefix(p, "/"+m.name+"/") })
			if !slices.Equal(its, want) {
				t.Errorf("night %d: pings %q, want %q", night, its, want)
			}
		}
		var told []string
		_, bodies := people.said()
		for _, b := range bodies {
			var got struct {
				Data struct{ Kind, Account string }
			}
			if err := json.Unmarshal([]byte(b), &got); err != nil || got.Data.Account != "a1" {
				t.Errorf("night %d: %v: %s", night, err, b)
			}
			told = append(told, got.Data.Kind)
		}
		if strings.Join(told, " ") != c.a1 {
			t.Errorf("night %d: people are told %q, want %q", night, told, c.a1)
		}
	}
	f.done(f.members[0], map[string]any{"exit_code": 0.0, "deleted": 2.0, "archived": 2.0})
	checks.said()
	people.said()
	f.want(f.run("archive", "--config", f.file, "--all", "--dry-run"), 0, nil)
	if a, _ := checks.said(); len(a) > 0 {
		t.Errorf("a dry run is told of: %q", a)
	}
}

// The service tells of what it does, once.
func TestServiceTells(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, nil).write()
	checks, people := newHooks(t), newHooks(t)
	f.setenv("CHECKS", checks.URL)
	f.setenv("PEOPLE", people.URL)
	f.tells("hc: {healthchecks: {url: {env: CHECKS}}}", "people: {on: [always], webhook: {url: {env: PEOPLE}}}")
	stop := f.serves()
	r := f.run("run", "a0", "--config", f.file, "--wait", "--json")
	f.want(r, 0, nil)
	for _, arrived := range []chan struct{}{checks.arrived, checks.arrived, people.arrived} {
		<-arrived
	}
	pings, _ := checks.said()
	if run := r.summary["run"]; !slices.Equal(pings, []string{fmt.Sprint("/start ", run), fmt.Sprint("/0 ", run)}) {
		t.Errorf("pings %q of run %v", pings, run)
	}
	people.said()
	stop(syscall.SIGTERM)
	a, _ := checks.said()
	b, _ := people.said()
	if len(a)+len(b) > 0 {
		t.Errorf("told again: %q, %q", a, b)
	}
}

// untilReady keeps what a service prints, and says when it is ready.
type untilReady struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

func (u *untilReady) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text.Write(b)
	if bytes.Contains(u.text.Bytes(), []byte("is ready")) {
		u.once.Do(func() { close(u.ready) })
	}
	return len(b), nil
}

// serves starts the service; stop ends it with a signal, and returns what it has printed.
func (f *fleet) serves() (stop func(syscall.Signal) string) {
	f.t.Helper()
	cmd := f.command("serve", "--config", f.file, "--log-level", "debug")
	log := &untilReady{ready: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the log tells
	}()
	stop = func(sig syscall.Signal) string {
		_ = cmd.Process.Signal(sig) // it may have ended
		<-ended
		return log.text.String()
	}
	f.t.Cleanup(func() { f.t.Log(stop(syscall.SIGKILL)) })
	select {
	case <-log.ready:
	case <-ended:
		f.t.Fatal("the service has ended")
	}
	return stop
}

// notify test says of each notifier whether it took the message.
func TestNotifyTest(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, nil).write()
	if r := f.run("notify", "test", "--config", f.file); r.code != 2 || !strings.Contains(r.stderr, "no notifiers") {
		t.Errorf("exit %d", r.code)
	}
	good, bad := newHooks(t), newHooks(t)
	bad.answer = 404
	f.setenv("GOOD", good.URL+"/services/T0K3N-good")
	f.setenv("BAD", bad.URL+"/services/T0K3N-bad")
	f.tells("hc: {healthchecks: {url: {env: GOOD}}}", "hook: {webhook: {url: {env: GOOD}, template: slack}}", "gone: {webhook: {url: {env: BAD}}}",
		"cmd: {command: [/bin/sh, -c, 'grep -q vbcvault.test']}", "unset: {webhook: {url: {env: NOT_SET}}}")
	r := f.run("notify", "test", "--config", f.file)
	for _, want := range []string{"hc: took the message\n", "hook: took the message\n", "cmd: took the message\n", "gone: FAILED: HTTP 404", "unset: FAILED: url: environment variable NOT_SET is not set"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q", want)
		}
	}
	if r.code != 1 || strings.Contains(r.stdout+r.stderr, "T0K3N") {
		t.Errorf("exit %d", r.code)
	}
	paths, bodies := good.said()
	if len(paths) != 2 || !strings.Contains(strings.Join(paths, " "), "T0K3N-good/log ") || !strings.Contains(strings.Join(bodies, " "), "this is a test") {
		t.Errorf("%q, %q", paths, bodies)
	}
	f.want(f.run("notify", "test", "hook", "--config", f.file, "--json"), 0, nil)
	if r := f.run("notify", "test", "nobody", "--config", f.file); r.code != 2 || !strings.Contains(r.stderr, "its notifiers are: ") {
		t.Errorf("exit %d", r.code)
	}
}
