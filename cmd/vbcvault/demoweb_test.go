package main_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// browsing is a browser without JavaScript, on the page of a program that runs.
type browsing struct {
	t    *testing.T
	http http.Client
	at   string
}

func newBrowsing(t *testing.T, at string) *browsing {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browsing{t: t, http: http.Client{Jar: jar}, at: at}
}

func (b *browsing) ask(method, path string, form url.Values, header ...string) (status int, text string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// sees asks for a page that must have these words.
func (b *browsing) sees(path string, words ...string) string {
	b.t.Helper()
	status, text := b.ask(http.MethodGet, path, nil)
	for _, w := range words {
		if status != http.StatusOK || !strings.Contains(text, w) {
			b.t.Errorf("%s: status %d, and no %q in\n%s", path, status, w, text)
		}
	}
	return text
}

// hidden are the fields of a form that people don't fill in.
func hidden(page string) url.Values {
	v := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// demoOfThePage starts demo --web, and is it, who opens its link, and the others' password.
func demoOfThePage(t *testing.T, w *world, dir, recordings string) (s *served, b *browsing, password string) {
	t.Helper()
	s = &served{world: w, log: &saidSoFar{}, cmd: w.command("demo", "--web", "--no-browser", "--recordings", recordings, "--dir", dir, "--for", "1h")}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.says("Ctrl-C ends it")
	m := regexp.MustCompile(`(?s)(http://127\.0\.0\.1:[0-9]+)(/link/\S+).*the password  (\S+)`).FindStringSubmatch(s.log.String())
	if m == nil {
		t.Fatalf("there is no link, or no password:\n%s", s.log)
	}
	b = newBrowsing(t, m[1])
	if status, text := b.ask(http.MethodPost, m[2], url.Values{}); status != http.StatusOK || !strings.Contains(text, "calls were found") {
		t.Fatalf("the link answers %d: %s", status, text)
	}
	return s, b, m[3]
}

// The page is shown with one command: its link signs in, a call is found, read, heard and
// put under a hold, and others see what their role lets them. It stays until it is
// stopped, and what was done is there when it is opened again.
func TestDemoOfThePage(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t, vbctest.Config{}).alone(), t.TempDir()
	s, admin, password := demoOfThePage(t, w, dir, "30")
	admin.sees("/accounts", "Copies are damaged", " to delete</td>")
	found := admin.sees("/?account=main&extension=211&state=archived&transcript=yes", "Nora Castellano")
	m := regexp.MustCompile(`href="(/call/main/company/-/(\d+)/0)`).FindStringSubmatch(found)
	if m == nil {
		t.Fatalf("no call is found:\n%s", found)
	}
	call, id := m[1], m[2]
	s.eventually("a call is found by what was said", func() bool {
		_, text := admin.ask(http.MethodGet, "/?words=%22emergency+line%22", nil)
		return strings.Contains(text, `href="/call/main/`) && !strings.Contains(text, `href="/call/branch/`)
	})
	admin.sees(call, "Copper Beech Heating, emergency line, this is Frank.", call+"/audio")
	if status, part := admin.ask(http.MethodGet, call+"/audio", nil, "Range", "bytes=144-287"); status != http.StatusPartialContent || len(part) != 144 || part[:2] != "\xff\xe3" {
		t.Errorf("a part of the audio: status %d, %d bytes", status, len(part))
	}
	_, preview := admin.ask(http.MethodPost, "/holds/new", url.Values{"account": {"main"}, "id": {id}, "reason": {"as a test"}})
	admin.ask(http.MethodPost, "/holds", hidden(preview))
	admin.sees("/holds", "as a test", "counsel@example.com")

	sam := newBrowsing(t, admin.at)
	if status, text := sam.ask(http.MethodPost, "/signin", url.Values{"name": {"sam"}, "password": {password}}); status != http.StatusOK {
		t.Fatalf("sam can't sign in: %d %s", status, text)
	}
	if mine := sam.sees("/", "Extension"); strings.Contains(mine, "Nora Castellano") || !strings.Contains(mine, "Lindqvist") {
		t.Errorf("sam sees\n%s", mine)
	}
	if status, _ := sam.ask(http.MethodGet, call, nil); status != http.StatusNotFound {
		t.Errorf("sam opens a call of others: %d", status)
	}
	s.signalIt(syscall.SIGINT)
	if code := s.end(); code != 0 || !strings.Contains(s.log.String(), "The page has stopped") {
		t.Errorf("exit %d\n%s", code, s.log)
	}

	s, admin, _ = demoOfThePage(t, w, dir, "30")
	admin.sees("/holds", "as a test")
	if strings.Contains(s.log.String(), "Archiving") {
		t.Error("it archives a second time")
	}
	s.signalIt(syscall.SIGTERM)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d\n%s", code, s.log)
	}
}

func TestDemoRefusesWhatCantBeMeant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).alone()
	for _, wrong := range [][]string{
		{"--web", "--serve"}, {"--web", "--json"}, {"--web", "--delete"}, {"--no-browser"}, {"--web", "--recordings", "5001"},
		{"--web", "--for", "0s"}, {"--for", "3s"}, {"--serve", "--json"},
	} {
		if r := w.run(append([]string{"demo"}, wrong...)...); r.code != 2 || !strings.Contains(r.stderr, "hint: ") {
			t.Errorf("demo %q: exit %d", wrong, r.code)
		}
	}
}
