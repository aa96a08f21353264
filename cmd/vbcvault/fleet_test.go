package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// fleet are several accounts in one configuration file.
type fleet struct {
	*world
	file     string
	members  []*member
	defaults []string // lines of the file
	head     string   // lines before all others
}

// member is one of them.
type member struct {
	*vbctest.Account
	name   string
	number int64
	url    string
	to     string
	all    []vbctest.Recording
	lines  []string // of the file, instead of the defaults
}

// newFleet makes n accounts a0, a1, … with two recordings each. Where they archive to
// is under the destination of the world that change makes.
func newFleet(t testing.TB, n int, change func(w *world), config func(i int) vbctest.Config) *fleet {
	t.Helper()
	w := newWorld(t, vbctest.Config{})
	change(w)
	f := &fleet{world: w, file: filepath.Join(t.TempDir(), "vbcvault.yaml"), defaults: []string{"older-than: 90d", "delete: true"}}
	for _, name := range []string{"VBC_API_URL", "VBC_USERNAME", "VBC_PASSWORD", "VBC_CLIENT_ID", "VBC_CLIENT_SECRET"} {
		w.setenv(name, "")
	}
	w.setenv("SECRET", "secret")
	w.setenv("PASSWORD", "correct horse")
	for i := range n {
		var cfg vbctest.Config
		if config != nil {
			cfg = config(i)
		}
		cfg.Account, cfg.Username = 600000+int64(i), fmt.Sprintf("bot%d@vbc.prod", i)
		a := vbctest.New(cfg)
		api := httptest.NewServer(a)
		t.Cleanup(func() {
			api.CloseClientConnections()
			api.Close()
		})
		m := &member{Account: a, name: fmt.Sprintf("a%d", i), number: cfg.Account, url: api.URL, to: fmt.Sprintf("%s/%d", w.to, i)}
		if dir, ok := strings.CutPrefix(m.to, "file://"); ok {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		m.all = a.Generate(2, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 7*time.Minute)
		f.members = append(f.members, m)
	}
	return f
}

// reach is the line of the file that says how to reach a member's account.
func (m *member) reach(password string) string {
	return fmt.Sprintf("vbc: {api-url: %q, username: bot%d, password: %s, client-id: client, client-secret: {env: SECRET}}", m.url, m.number-600000, password)
}

// write writes the configuration file.
func (f *fleet) write() *fleet {
	f.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%sstate-dir: %s\ndefaults:\n", f.head, f.state)
	for _, line := range f.defaults {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("accounts:\n")
	for _, m := range f.members {
		lines := append([]string{
			fmt.Sprintf("account: %q", fmt.Sprint(m.number)), "to: " + m.to,
			m.reach("{env: PASSWORD}"),
		}, m.lines...)
		last := map[string]string{} // of the lines of one key the last
		for _, line := range lines {
			key, _, _ := strings.Cut(line, ":")
			last[key] = line
		}
		fmt.Fprintf(&b, "  %s:\n", m.name)
		for _, line := range lines {
			if key, _, _ := strings.Cut(line, ":"); last[key] == line {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	if err := os.WriteFile(f.file, []byte(b.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f
}

// outcomes runs vbcvault archive --config --json; what it prints of each account is by
// its name, and what of all under "".
func (f *fleet) outcomes(args ...string) (result, map[string]map[string]any) {
	f.t.Helper()
	r := f.run(append([]string{"archive", "--config", f.file, "--json"}, args...)...)
	return r, f.parse(r)
}

func (f *fleet) parse(r result) map[string]map[string]any {
	f.t.Helper()
	by := map[string]map[string]any{}
	for line := range strings.Lines(r.stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			f.t.Fatalf("%v: %s", err, line)
		}
		name, _ := o["account"].(string)
		if by[name] != nil {
			f.t.Errorf("account %q is told of twice", name)
		}
		by[name] = o
	}
	return by
}

// mustHold fails unless everything of a member is at VBC or whole in its destination.
func (f *fleet) mustHold(m *member) {
	f.t.Helper()
	store := f.open()
	for _, r := range m.all {
		if m.Has(r.Kind, r.User, r.ID) {
			continue
		}
		k := strings.Replace(key(r, "mp3"), "549825", fmt.Sprint(m.number), 1)
		o, err := store.Stat(f.t.Context(), storage.Object{Key: strings.TrimPrefix(m.to, f.to+"/") + "/" + k})
		if err != nil || o.SHA256 != storage.Digest(r.SHA256()) {
			f.t.Errorf("%s: %s: %v", m.name, k, err)
		}
	}
}

// done fails unless everything of a member is archived and deleted.
func (f *fleet) done(m *member, o map[string]any) {
	f.t.Helper()
	if o["exit_code"] != 0.0 || o["deleted"] != float64(len(m.all)) || o["archived"] != float64(len(m.all)) || len(m.Recordings()) > 0 {
		f.t.Errorf("%s: %v; %d are left at VBC", m.name, o, len(m.Recordings()))
	}
	f.mustHold(m)
}

func inDir(w *world) { w.inDir() }

// One account's trouble is none of the others': a wrong password, a secret that isn't
// there, a manifest that another run has, a directory that isn't there.
func TestOneAccountsTrouble(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 6, inDir, nil)
	f.members[1].lines = []string{f.members[1].reach("{env: WRONG}")}
	f.setenv("WRONG", "not the one")
	f.members[2].lines = []string{f.members[2].reach("{file: /nowhere}")}
	f.members[3].to = f.to + "/none"
	f.members[4].lines = []string{"manifest: " + filepath.Join(f.state, "own.manifest")}
	f.write()
	held := flock.New(filepath.Join(f.state, "own.manifest.lock"))
	if ok, err := held.TryLock(); !ok {
		t.Fatal(err)
	}
	r, by := f.outcomes("--all", "--accounts-at-once", "3")
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if r.code != 3 || len(by) != 7 || by[""]["exit_code"] != 3.0 || by[""]["archived"] != 4.0 || by[""]["accounts_total"] != 6.0 {
		t.Errorf("exit %d, %v", r.code, by[""])
	}
	for i, want := range map[int]string{1: "login", 2: "usage", 3: "store-refused", 4: "another-run"} {
		m, code := f.members[i], 3.0
		if want == "usage" {
			code = 2
		}
		if o := by[m.name]; o["exit_code"] != code || o["error_code"] != want || len(m.Recordings()) != 2 || o["hint"] == "" {
			t.Errorf("%s: %v, want %s", m.name, o, want)
		}
	}
	f.done(f.members[0], by["a0"])
	f.done(f.members[5], by["a5"])
	wantAccounts := map[string]any{"done": []any{"a0", "a5"}, "misconfigured": []any{"a2"}, "stopped": []any{"a1", "a3", "a4"}}
	if got, want := fmt.Sprint(by[""]["accounts"]), fmt.Sprint(wantAccounts); got != want {
		t.Errorf("accounts %v, want %v", got, want)
	}
	for line := range strings.Lines(r.stderr) {
		if strings.Contains(line, "level=") && !strings.Contains(line, " account=a") {
			t.Errorf("whose is this? %s", line)
		}
	}

	// The table has the worst first, and says what to do.
	f.members[3].lines, f.members[4].lines = nil, nil
	f.members[3].to = f.to + "/3"
	r = f.write().run("archive", "--config", f.file, "--all")
	var order []string
	for line := range strings.Lines(r.stdout) {
		order = append(order, strings.Fields(line)[0])
	}
	if want := []string{"account", "a1", "a2", "a0", "a3", "a4", "a5"}; r.code != 3 || !slices.Equal(order, want) {
		t.Errorf("exit %d; the table has %v, want %v", r.code, order, want)
	}
	if !strings.Contains(r.stdout, "/nowhere") || !strings.Contains(r.stderr, "2 of 6 accounts are not done") {
		t.Error("it doesn't say what to do")
	}
	for _, secret := range []string{"correct horse", "not the one"} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Error("a password is shown")
		}
	}
}

// Names that no account has, and flags that can't be meant for several accounts, are
// found before anything is touched.
func TestWhichAccounts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, inDir, nil).write()
	for _, test := range []struct{ args, says string }{
		{"", "a0, a1, a2"},
		{"a0 a11", "did you mean a1?"},
		{"a0 --all", "--all"},
		{"--all --to file:///x", "its own destination"},
		{"a0 --manifest x", "its own manifest"},
		{"a0 --account 7", "its own number"},
		{"a0 a1 --dry-run --plan x", "a plan is for one account"},
		{"--all --trust-archive", "after a restore"},
		{"--all --moved", "instead of --all"},
		{"--all --accounts-at-once 0", "between 1 and"},
	} {
		r := f.run(append([]string{"archive", "--config", f.file}, strings.Fields(test.args)...)...)
		if r.code != 2 || !strings.Contains(r.stderr, test.says) {
			t.Errorf("%s: exit %d, it doesn't say %q", test.args, r.code, test.says)
		}
	}
	for _, args := range [][]string{{"--all"}, {"--accounts-at-once", "2"}, {"a0"}} {
		if r := f.run(append([]string{"archive"}, args...)...); r.code != 2 {
			t.Errorf("%v without --config: exit %d", args, r.code)
		}
	}
	for _, m := range f.members {
		if m.Counts().Total > 0 {
			t.Errorf("%s was asked", m.name)
		}
	}
	if found, err := filepath.Glob(filepath.Join(f.state, "*")); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// What the command line says beats what the file says, for all accounts.
func TestCommandLineBeatsFile(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, inDir, nil)
	f.defaults = append(f.defaults, "delete-after: 7d", "kind: [company, on-demand]", "max-deletes: 5")
	f.write()
	r, by := f.outcomes("--all", "--dry-run")
	for _, m := range f.members {
		plan, _ := by[m.name]["plan"].(map[string]any)
		if r.code != 0 || plan["to_archive"] != 2.0 || plan["to_delete"] != 0.0 || m.Counts().ByKind[vbctest.Audio] > 0 {
			t.Errorf("exit %d, %s: %v", r.code, m.name, by[m.name])
		}
		if n := m.Counts().ByKind[vbctest.List]; n != 2 {
			t.Errorf("%s: %d lists", m.name, n)
		}
	}
	for _, name := range []string{"listed", "already_archived", "to_archive", "to_archive_bytes", "to_delete", "held_back"} {
		sum := 0.0
		for _, m := range f.members {
			plan, _ := by[m.name]["plan"].(map[string]any)
			n, _ := plan[name].(float64)
			sum += n
		}
		if got, ok := by[""][name].(float64); !ok || got != sum || name == "listed" && sum != 4 {
			t.Errorf("the last line has %s: %v; the plans have %v", name, by[""][name], sum)
		}
	}
	if r := f.run("archive", "--config", f.file, "--all", "--dry-run"); r.code != 0 || strings.Count(r.stdout, "would archive") != 2 || !strings.Contains(r.stdout, "a1:\n") {
		t.Errorf("exit %d; the plans aren't shown", r.code)
	}
	for _, m := range f.members {
		m.ResetCounts()
	}
	if _, by = f.outcomes("a1", "--dry-run", "--kind", "company", "--before", "2001-01-01"); by["a1"]["plan"].(map[string]any)["to_archive"] != 0.0 {
		t.Errorf("%v", by["a1"])
	}
	if n := f.members[1].Counts().ByKind[vbctest.List]; n != 1 {
		t.Errorf("%d lists, want the one of company recordings", n)
	}
	if f.members[0].Counts().Total > 0 {
		t.Error("an account that isn't named was asked")
	}
	r, by = f.outcomes("--all", "--delete=false")
	if r.code != 0 || by["a0"]["archived"] != 2.0 || by["a0"]["deleted"] != 0.0 {
		t.Errorf("exit %d, %v", r.code, by["a0"])
	}
	metrics := filepath.Join(t.TempDir(), "vbcvault.prom")
	r, _ = f.outcomes("a0", "--delete=false", "--metrics-file", metrics)
	b, err := os.ReadFile(metrics) // of all accounts, also of those that weren't named
	if r.code != 0 || err != nil || !bytes.Contains(b, []byte(`account="a0"`)) || !bytes.Contains(b, []byte(`account="a1"`)) {
		t.Errorf("exit %d, %v; the metrics are\n%s", r.code, err, b)
	}
	r, by = f.outcomes("--all", "--delete-after", "0d", "--max-deletes", "1")
	if r.code != 0 || by["a0"]["deleted"] != 1.0 || by["a1"]["deleted"] != 1.0 || by["a1"]["skipped"] != 1.0 {
		t.Errorf("exit %d, %v", r.code, by)
	}
}

// A signal drains the accounts that are running, and no other one begins.
func TestFleetIsInterrupted(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 5, inDir, nil).write()
	cmd := f.command("archive", "--config", f.file, "--json", "--all", "--accounts-at-once", "2", "--workers", "1")
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stopping, once := make(chan struct{}), sync.Once{}
	for _, m := range f.members {
		m.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudio(r) { // the answer waits until the program has heard
				once.Do(func() { f.signal(cmd, syscall.SIGTERM) })
				<-stopping
			}
			return nil
		})
	}
	f.running.Lock()
	err = cmd.Start()
	f.running.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		if strings.Contains(lines.Text(), "stopping after the transfers in progress") {
			close(stopping)
		}
	}
	_ = cmd.Wait()
	r := result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: text.String()}
	by := f.parse(r)
	if r.code != 130 || by[""]["error_code"] != "interrupted" || len(by) != 6 || !strings.Contains(r.stderr, "had not begun: a2, a3, a4") {
		t.Errorf("exit %d, %v\n%s", r.code, by[""], r.stderr)
	}
	for i, m := range f.members {
		if i >= 2 && (m.Counts().Total > 0 || by[m.name]["exit_code"] != 130.0) {
			t.Errorf("%s has begun: %v", m.name, by[m.name])
		}
		f.mustHold(m)
		m.Inject(nil)
	}
	if r, by = f.outcomes("--all"); r.code != 0 || by[""]["deleted"] == 0.0 {
		t.Errorf("exit %d, %v", r.code, by[""])
	}
	for _, m := range f.members {
		if len(m.Recordings()) > 0 {
			t.Errorf("%s: %d are left", m.name, len(m.Recordings()))
		}
		f.mustHold(m)
	}
}
