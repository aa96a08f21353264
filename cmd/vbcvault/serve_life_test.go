package main_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// slowly is a service whose accounts take a while.
func slowly(t *testing.T, names ...string) *served {
	s := newServedBy(t, vbctest.Config{Latency: 5 * time.Millisecond}, func(h http.Handler) http.Handler { return h }, names...)
	s.defaults = "  older-than: 90d\n  workers: 2\n"
	s.write()
	return s
}

// inProgress waits until an account is in the midst of its downloads.
func (s *served) inProgress(a servedAccount) {
	s.t.Helper()
	s.eventually(a.name+" is downloaded", func() bool { return a.Counts().ByKind[vbctest.Audio] > 3 })
}

// A file that is read anew in the midst of a run changes what comes after it; a bad one
// changes nothing, and is said.
func TestServeReadsTheFileAnew(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{}) // until then, acme's run doesn't end
	s := newServedBy(t, vbctest.Config{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if h.(*vbctest.Account).Counts().ByKind[vbctest.Audio] > 10 {
				select {
				case <-goOn:
				case <-r.Context().Done():
				}
			}
			h.ServeHTTP(w, r)
		})
	}, "acme", "globex")
	acme, globex := s.accounts[0], s.accounts[1]
	s.accounts = s.accounts[:1]
	s.write()
	const n = 100
	acme.Generate(n, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Minute)
	globex.Generate(3, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Minute)
	s.start()
	waits := make(chan result, 1)
	go func() { waits <- s.ask("run", "acme", "--wait", "--json") }()
	s.inProgress(acme)
	good, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append([]byte("oldr-than: 3d\n"), good...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signalIt(syscall.SIGHUP)
	s.says("the configuration is not taken over")
	if !strings.Contains(s.log.String(), "oldr-than") {
		t.Error("it doesn't say what is wrong")
	}
	s.accounts, s.atOnce = []servedAccount{acme, globex}, 3
	s.write()
	s.signalIt(syscall.SIGHUP)
	s.says("the configuration is taken over")
	s.says(`keeps the settings that it began with; vbcvault jobs cancel ends it, and vbcvault run begins it anew" accounts=acme`)
	s.want(s.ask("run", "globex", "--wait", "--json"), 0, map[string]int{"archived": 3})
	close(goOn)
	s.want(<-waits, 0, map[string]int{"archived": n})
	if c := acme.Counts(); c.ByKind[vbctest.Token] != 1 || c.ByKind[vbctest.Audio] != n {
		t.Errorf("the run was begun anew: %v", c.ByKind)
	}
	// An account that is removed ends what it has in progress, and nothing more begins.
	s.accounts = []servedAccount{globex}
	s.write()
	s.signalIt(syscall.SIGHUP)
	s.eventually("it is removed", func() bool { return strings.Count(s.log.String(), "the configuration is taken over") == 2 })
	if r := s.ask("run", "acme"); r.code != 2 {
		t.Errorf("run of an account that is removed: exit %d", r.code)
	}
}

// SIGTERM finishes what is in flight, and the next start does the rest: no recording is
// downloaded twice.
func TestServeStopsAndResumes(t *testing.T) {
	t.Parallel()
	s := slowly(t, "acme")
	acme := s.accounts[0]
	const n = 60
	s.each(n)
	s.start()
	if r := s.ask("run", "acme"); r.code != 0 {
		t.Fatalf("run: exit %d", r.code)
	}
	s.inProgress(acme)
	s.signalIt(syscall.SIGTERM)
	if code := s.end(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	if got := s.states("acme", "archive"); !slices.Equal(got, []string{"waiting"}) {
		t.Errorf("jobs: %q", got)
	}
	s.start()
	s.eventually("it is done", func() bool { return slices.Equal(s.states("acme", "archive"), []string{"done"}) })
	s.complete(acme, acme.Recordings())
	if c := acme.Counts(); c.ByKind[vbctest.Audio] != n || c.ByKind[vbctest.Token] != 2 {
		t.Errorf("%v", c.ByKind)
	}
	s.signalIt(syscall.SIGINT)
	if code := s.end(); code != 0 {
		t.Errorf("SIGINT: exit %d", code)
	}
}

// A start that was missed is made up for, once. State that can't be read is refused with
// what to do, and the manifests go on without it. It has no secrets.
func TestServeStarts(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	s.accounts[0].schedule = "    schedule: {cron: \"0 0 1 1 *\"}\n"
	told := filepath.Join(t.TempDir(), "told")
	s.more = fmt.Sprintf("notify:\n  file: {on: [failure], command: [/bin/sh, -c, 'cat >> \"$0\"', %s]}\nreport: {schedule: \"0 7 1 1 *\", notify: [file]}\n", told)
	s.write()
	s.each(3)
	s.start()
	s.eventually("it is scheduled", func() bool { return slices.Equal(s.states("acme", "archive"), []string{"scheduled"}) })
	stop := func() {
		s.signalIt(syscall.SIGTERM)
		if code := s.end(); code != 0 {
			t.Errorf("SIGTERM: exit %d", code)
		}
	}
	stop()
	state := filepath.Join(s.state, "service.db")
	db, err := sql.Open("sqlite", state)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE schedule SET memory = json_set(memory, '$.until', ?), next = 1", time.Now().UTC().AddDate(-3, 0, 0).Format(time.RFC3339))
	if e := db.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	s.start()
	s.says("a start was missed; it is made up for now")
	s.says("work is done")
	s.says("the report is sent")
	stop()
	if report, err := os.ReadFile(told); err != nil || bytes.Count(report, []byte("vbcvault.report")) != 1 || !bytes.Contains(report, []byte("acme")) ||
		!bytes.Contains(report, []byte(fmt.Sprintf("vbcvault report --config %s --since ", s.file))) {
		t.Errorf("the report: %v, %s", err, report)
	}
	s.start()
	s.eventually("nothing more is due", func() bool { return slices.Equal(s.states("acme", "archive"), []string{"done", "scheduled"}) })
	stop()
	if strings.Contains(s.log.String(), "work begins") {
		t.Error("a start was made up for twice")
	}
	if n := s.accounts[0].Counts().ByKind[vbctest.Token]; n != 1 {
		t.Errorf("%d logins", n)
	}

	text, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"correct horse", "secret\""} {
		if bytes.Contains(text, []byte(secret)) || strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the state, or in the log", secret)
		}
	}
	if err := os.WriteFile(state, bytes.Repeat([]byte("x"), len(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"jobs"}, {"run", "acme"}} {
		if r := s.ask(args...); r.code != 3 || !strings.Contains(r.stderr, "it is damaged") || !strings.Contains(r.stderr, "no recording is lost") {
			t.Errorf("%s with a damaged state: exit %d", args[0], r.code)
		}
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.want(s.ask("run", "acme", "--wait", "--json"), 0, map[string]int{"archived": 0})
	if n := s.accounts[0].Counts().ByKind[vbctest.Audio]; n != 3 {
		t.Errorf("%d downloads of 3 recordings", n)
	}
}
