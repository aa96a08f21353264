package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// opened is the page of a program that runs.
type opened struct {
	*served
	out    *saidSoFar
	client *http.Client
	url    string
}

// openPage runs a command that answers the page until the test ends.
func (s *served) openPage(args ...string) *opened {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &opened{served: s, out: &saidSoFar{}, client: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	s.t.Cleanup(p.client.CloseIdleConnections)
	s.log = &saidSoFar{}
	s.cmd = s.command(args...)
	s.cmd.Stdout, s.cmd.Stderr = p.out, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.cmd
	s.t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	s.says("the page is answered")
	p.url = regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(s.log.String())[1]
	return p
}

var oneTime = regexp.MustCompile(`https?://\S+/link/\S+`)

// get asks the page for a path, as a browser does.
func (p *opened) get(path string) (int, string) { return p.do(http.MethodGet, p.url+path, nil) }

func (p *opened) do(method, address string, form url.Values) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// useLink signs in with the last link that is in a text.
func (p *opened) useLink(text string) {
	p.t.Helper()
	links := oneTime.FindAllString(text, -1)
	if len(links) == 0 {
		p.t.Fatalf("there is no link:\n%s", text)
	}
	link := links[len(links)-1]
	if code, text := p.do(http.MethodGet, link, nil); code != http.StatusOK {
		p.t.Fatalf("the link: %d\n%s", code, text)
	}
	if code, text := p.do(http.MethodPost, link, url.Values{}); code >= 400 && code != http.StatusNotFound {
		p.t.Fatalf("the link: %d\n%s", code, text)
	}
	if code, text := p.get("/users"); code != http.StatusOK || !strings.Contains(text, "terminal ") {
		p.t.Errorf("nobody is signed in: %d\n%s", code, text)
	}
}

// stops ends the program as systemd does.
func (p *opened) stops() {
	p.t.Helper()
	p.signalIt(syscall.SIGTERM)
	if code := p.end(); code != 0 {
		p.t.Errorf("exit code %d\n%s", code, p.log)
	}
}

// The page of one archive opens with a link, and of a file's accounts with passwords too.
func TestWebOpensThePage(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme", "globex")
	s.accounts[0].Generate(2, time.Now().AddDate(-1, 0, 0), time.Minute)
	if r := s.ask("archive", "acme"); r.code != 0 {
		t.Fatal(r.code)
	}
	one := s.openPage("web", "--listen", "127.0.0.1:0")
	one.eventually("it shows the link", func() bool { return oneTime.MatchString(one.out.String()) }) // its log comes another way
	one.useLink(one.out.String())
	code, _ := one.do(http.MethodPost, oneTime.FindString(one.out.String()), url.Values{})
	if code != http.StatusForbidden {
		t.Errorf("the link works twice: %d", code)
	}
	one.stops()
	if strings.Contains(one.log.String(), "/link/") {
		t.Error("the link is in the log")
	}
	info, err := os.Stat(filepath.Join(s.state, "web.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("web.db: %v %v", info.Mode(), err)
	}
	all := s.openPage("web", "--config", s.file, "--listen", "127.0.0.1:0")
	all.useLink(s.ask("web", "link", "--listen", strings.TrimPrefix(all.url, "http://")).stdout)
	s.password("alice", "correct horse battery", "add-user", "alice", "--role", "auditor")
	alice := *all
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	alice.client = &http.Client{Jar: jar, Transport: all.client.Transport}
	if code, text := alice.do(http.MethodPost, all.url+"/signin", url.Values{"name": {"Alice"}, "password": {"correct horse battery"}, "next": {"/signedout"}}); code != http.StatusOK {
		t.Errorf("alice: %d\n%s", code, text)
	}
	if code, _ := alice.get("/users"); code != http.StatusForbidden {
		t.Errorf("alice is an admin: %d", code)
	}
	if r := s.ask("web", "remove-user", "alice"); r.code != 0 {
		t.Error(r.code)
	}
	if _, text := alice.get("/users"); !strings.Contains(text, "Sign in") {
		t.Error("alice is signed in still")
	}
	all.stops()
}

// password runs a command of web that reads a password from stdin.
func (s *served) password(name, password string, args ...string) result {
	s.t.Helper()
	cmd := s.command(append(append([]string{"web"}, args...), "--password-file", "-", "--config", s.file)...)
	cmd.Stdin = strings.NewReader(password + "\n")
	r := s.finish(cmd)
	if strings.Contains(r.stdout+r.stderr, password) {
		s.t.Errorf("%s's password is shown", name)
	}
	return r
}

// The service answers the page too, and goes by the file as it is read again.
func TestServeOpensThePage(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	s.more = "web: {listen: '127.0.0.1:0'}\n"
	s.write()
	p := s.openPage("serve", "--config", s.file)
	p.useLink(s.ask("web", "link", "--listen", strings.TrimPrefix(p.url, "http://")).stdout)
	if strings.Contains(p.log.String(), "/link/") {
		t.Error("the service logs a link")
	}
	s.more = "web: {listen: '127.0.0.1:0', url: 'https://calls.example.com', roles: {berlin: {role: admin}}}\n"
	s.write()
	s.signalIt(syscall.SIGHUP)
	s.says("the configuration is taken over")
	r, err := http.NewRequest(http.MethodGet, p.url+"/signin", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "calls.example.com"
	s.eventually("the page has its new name", func() bool {
		res, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	p.stops()
}

// Users are added, changed and removed with commands that say what they did, and refuse
// what can't be.
func TestWebUsers(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	s.more = "web: {roles: {berlin: {role: supervisor}}}\n"
	s.write()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct horse battery\r\nsomething else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"link"}, 2, "no page has run with its state in"},
		{[]string{"users"}, 0, "Nobody has a password here"},
		{[]string{"add-user", "Alice", "--role", "berlin", "--password-file", file}, 0, "alice can sign in now, as berlin"},
		{[]string{"add-user", "alice", "--role", "admin", "--password-file", file}, 2, "there is somebody named alice already"},
		{[]string{"add-user", "bob", "--role", "berln", "--password-file", file}, 2, "did you mean berlin?"},
		{[]string{"add-user", "bob", "--password-file", file}, 2, "--role is required"},
		{[]string{"add-user", "bob smith", "--role", "admin", "--password-file", file}, 2, "can't be the name of a user"},
		{[]string{"add-user", "bob", "--role", "admin", "--password-file", file + "x"}, 2, "--password-file"},
		{[]string{"add-user", "bob", "--role", "admin", "--password-file", os.DevNull}, 2, "is empty"},
		{[]string{"add-user", "bob", "--role", "admin"}, 2, "there is no terminal"},
		{[]string{"change-user", "alice"}, 2, "nothing would be changed"},
		{[]string{"change-user", "alice", "--role", "holder"}, 0, "signed out everywhere"},
		{[]string{"change-user", "bob", "--role", "holder"}, 2, "there is no user named bob"},
		{[]string{"change-user", "alice", "--password-file", file}, 0, "signed out everywhere"},
		{[]string{"users"}, 0, "alice  holder  password"},
		{[]string{"remove-user", "bob"}, 2, "there is no user named bob"},
		{[]string{"remove-user", "alice"}, 0, "alice is removed"},
		{[]string{"users", "--json"}, 0, "[]"},
		{[]string{"link", "--listen", "127.0.0.1:1"}, 0, "Nothing answers at 127.0.0.1:1 now"},
	} {
		r := s.ask(append([]string{"web"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stdout+r.stderr, c.says) || strings.Contains(r.stdout+r.stderr, "battery") {
			t.Errorf("%d: %v: exit %d, want %d and %q", i, c.args, r.code, c.code, c.says)
		}
	}
	if r := s.password("bob", "too short", "add-user", "bob", "--role", "admin"); r.code != 2 || !strings.Contains(r.stderr, "fewer than 12") {
		t.Errorf("a short password: exit %d", r.code)
	}
}

// At a terminal the password is asked for twice, and not shown.
func TestWebAsksForThePassword(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script(1), which makes a terminal")
	}
	s := newServed(t, "acme")
	for second, want := range map[string]string{"correct horse battery": "alice can sign in now", "correct horse batterx": "the passwords are not the same"} {
		cmd := exec.Command(script, "-qec", fmt.Sprintf("%q web add-user alice --role admin", program(t)), os.DevNull)
		cmd.Env = append(s.env, "VBCVAULT_STATE_DIR="+t.TempDir())
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out := &saidSoFar{}
		cmd.Stdout, cmd.Stderr = out, &bytes.Buffer{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.eventually("it asks", func() bool { return strings.Contains(out.String(), "Password: ") })
		_, _ = io.WriteString(in, "correct horse battery\n")
		s.eventually("it asks again", func() bool { return strings.Contains(out.String(), "The same again: ") })
		_, _ = io.WriteString(in, second+"\n")
		s.eventually("it says "+want, func() bool { return strings.Contains(out.String(), want) })
		_ = in.Close()
		_ = cmd.Wait()
		if strings.Contains(out.String(), "battery") {
			t.Errorf("the password is shown:\n%s", out)
		}
	}
}
