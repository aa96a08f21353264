package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A hold of one destination reaches the account's other one, whatever other accounts
// the same process has run before; a damaged manifest stops the deletions of its own
// account, and of all accounts only if nothing shows whose it is.
func TestFleetAndHolds(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, inDir, nil)
	first := f.members[0]
	second := &member{Account: first.Account, name: "again", number: first.number, url: first.url, to: f.to + "/again", all: first.all}
	if err := os.Mkdir(strings.TrimPrefix(second.to, "file://"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.members = append(f.members, second)
	f.write()
	if r, _ := f.outcomes("--all", "--delete=false"); r.code != 0 {
		t.Fatalf("exit %d", r.code)
	}
	f.run(addHold("--id", "100001", "--account", "600000")...)
	f.forgetHolds(f.manifestOf(second.to))

	damaged := func(name string) string {
		path := filepath.Join(f.state, name)
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database, ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	unclear := damaged("self_s3-acme_0123abcd.manifest")
	r, by := f.outcomes("--all", "--accounts-at-once", "1")
	for _, m := range f.members {
		if by[m.name]["error_code"] != "holds-unread" || len(m.Deleted()) > 0 {
			t.Errorf("exit %d, %s: %v", r.code, m.name, by[m.name])
		}
	}
	if err := os.Remove(unclear); err != nil {
		t.Fatal(err)
	}
	damaged("600001_s3-acme_0123abcd.manifest") // of a1
	r, by = f.outcomes("--all", "--accounts-at-once", "1")
	if by["a1"]["error_code"] != "holds-unread" || len(f.members[1].Deleted()) > 0 || r.code != 3 {
		t.Errorf("exit %d, the account with a damaged manifest: %v", r.code, by["a1"])
	}
	f.done2(f.members[2], by["a2"])
	if by["a0"]["deleted"] != 1.0 || by["a0"]["skipped"] != 1.0 || by["again"]["skipped"] != 1.0 || by["again"]["exit_code"] != 0.0 {
		t.Errorf("%v, %v", by["a0"], by["again"])
	}
	if !first.Has(vbctest.Company, 0, 100001) {
		t.Error("what is held was deleted")
	}
}

// done2 fails unless everything of a member that was archived before is deleted.
func (f *fleet) done2(m *member, o map[string]any) {
	f.t.Helper()
	if o["exit_code"] != 0.0 || len(m.Recordings()) > 0 {
		f.t.Errorf("%s: %v; %d are left at VBC", m.name, o, len(m.Recordings()))
	}
	f.mustHold(m)
}

// The accounts of a file in one table, the worst first, also those that never ran.
func TestStatusOfAll(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 5, inDir, nil)
	fails := f.members[1]
	fails.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && strings.HasSuffix(r.URL.Path, "100001") {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no such audio"}`}
		}
		return nil
	})
	f.members[2].lines = []string{f.members[2].reach("{env: WRONG}")}
	f.setenv("WRONG", "not the one")
	f.write()
	if r, _ := f.outcomes("a0", "a1", "a2", "a4"); r.code != 3 {
		t.Fatalf("exit %d", r.code)
	}
	if err := os.WriteFile(f.manifestOf(f.members[4].to), []byte(strings.Repeat("not a database, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := f.run("status", "--config", f.file)
	var order []string
	for line := range strings.Lines(r.stdout) {
		order = append(order, strings.Fields(line)[0])
	}
	if got := strings.Join(order, " "); r.code != 1 || got != "account a4 a2 a1 a3 a0" || !strings.Contains(r.stdout, "never") {
		t.Errorf("exit %d, the table has %s", r.code, got)
	}
	r = f.run("status", "--config", f.file, "--json", "a1", "a2", "a0", "a3")
	var all []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || r.code != 0 || len(all) != 4 {
		t.Fatalf("exit %d, %v, %s", r.code, err, r.stdout)
	}
	by := map[string]map[string]any{}
	for _, st := range all {
		by[st["account"].(string)] = st
	}
	for name, want := range map[string]map[string]any{
		"a0": {"state": "ended", "exit_code": 0.0, "archived": 2.0, "failed": 0.0, "left": 0.0},
		"a1": {"state": "ended", "exit_code": 1.0, "archived": 1.0, "failed": 1.0, "left": 1.0},
		"a2": {"state": "ended", "exit_code": 3.0, "archived": 0.0},
		"a3": {"state": "new", "exit_code": nil},
	} {
		for key, value := range want {
			if by[name][key] != value {
				t.Errorf("%s: %s is %v, want %v", name, key, by[name][key], value)
			}
		}
	}
	if r := f.run("status", "--manifest", by["a1"]["manifest"].(string)); r.code != 0 || !strings.Contains(r.stdout, "100001") {
		t.Errorf("the manifest of --json isn't the account's: exit %d", r.code)
	}
	for _, args := range [][]string{{"--manifest", "x"}, {"--id", "7"}, {"a9"}} {
		if r := f.run(append([]string{"status", "--config", f.file}, args...)...); r.code != 2 {
			t.Errorf("%v: exit %d", args, r.code)
		}
	}
}
