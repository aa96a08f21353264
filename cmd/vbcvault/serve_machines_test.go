//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// fellow is one of several machines that serve the accounts of a file, with one database.
type fellow struct {
	*served
	name string
}

// newFellows are machines with one configuration, which aren't started yet. What they
// share is in the first one.
func newFellows(t *testing.T, s *served, names ...string) (all []*fellow) {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "SIGNING_KEY="+key.Secret())
	s.database = postgrestest.New(t)
	s.defaults += "  signing-key: {env: SIGNING_KEY}\n"
	s.write()
	for _, name := range names {
		copied := *s
		m := &fellow{served: &copied, name: name}
		m.world = &world{t: s.t, account: s.account, to: s.to, program: s.program, state: t.TempDir(), open: s.open}
		m.env = append(append([]string{}, s.env...), "VBCVAULT_MACHINE="+name, "VBCVAULT_STATE_DIR="+m.state)
		all = append(all, m)
	}
	return all
}

// fleetOf is what vbcvault fleet status says.
func (m *fellow) fleetOf() (is struct {
	Machines []struct{ Name, State string }
	Work     []struct{ Account, State, Machine string }
	Leases   []struct{ Manifest, Machine string }
}) {
	m.t.Helper()
	r := m.ask("fleet", "status", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &is); err != nil {
		m.t.Fatalf("%v: %+v", err, r)
	}
	return is
}

// Two machines serve one configuration with one database. One is stopped in the midst of
// work: the other goes on with it, and VBC is asked for nothing twice.
func TestServeOnSeveralMachines(t *testing.T) {
	t.Parallel()
	s := slowly(t, "acme", "bolt", "coda", "dyno")
	const n = 40
	s.each(n)
	all := newFellows(t, s, "one", "two")
	one, two := all[0], all[1]
	one.start()
	var asked []*exec.Cmd
	for _, a := range one.accounts {
		cmd := one.command("run", a.name, "--wait", "--config", one.file)
		cmd.Stderr = &bytes.Buffer{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, cmd)
	}
	for _, a := range one.accounts {
		one.inProgress(a)
	}
	two.start()
	one.signalIt(syscall.SIGTERM)
	if code := one.end(); code != 0 {
		t.Errorf("exit %d\n%s", code, one.log)
	}
	for i, cmd := range asked {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v: %s\n%s", one.accounts[i].name, err, cmd.Stderr, two.log)
		}
	}
	for _, a := range two.accounts {
		if got := a.Counts().ByKind[vbctest.Audio]; got != n {
			t.Errorf("%s: %d downloads, want %d", a.name, got, n)
		}
		two.complete(a, a.Recordings())
	}
	is := two.fleetOf()
	if len(is.Machines) != 1 || is.Machines[0].Name != "two" || is.Machines[0].State != "serving" || len(is.Work) > 0 || len(is.Leases) > 0 {
		t.Errorf("%+v", is)
	}
	if r := two.ask("status", "--json"); strings.Count(r.stdout, `"state":"ended"`) != 4 {
		t.Errorf("%+v", r)
	}
}
