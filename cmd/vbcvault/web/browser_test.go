package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of this test binary; each test has tabs with cookies of
// their own. It ends with the process.
var chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
	end  func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.end != nil {
		chromium.end()
	}
	os.Exit(code)
}

// startChromium starts it. Without one the test is skipped, but fails where CI=true says
// that all is there.
func startChromium(t testing.TB) context.Context {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no chromium, and CI=true")
		}
		t.Skip("there is no chromium here to open the page in")
	}
	chromium.once.Do(func() {
		profile, err := os.MkdirTemp("", "vbcvault-chromium-")
		if err != nil {
			chromium.err = err
			return
		}
		flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 900),
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("mute-audio", true), chromedp.Flag("disable-component-update", true),
			// Nothing but this machine is ever reached: a page that asks elsewhere fails at once, and is seen.
			chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"))
		alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), flags...)
		ctx, endTab := chromedp.NewContext(alloc)
		chromium.ctx = ctx
		chromium.end = func() {
			_ = chromedp.Cancel(ctx)
			endTab()
			endAlloc()
			os.RemoveAll(profile)
		}
		chromium.err = chromedp.Do(ctx)
	})
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}

// tab is a page in the browser. What it says on its console, what breaks the policy and
// whatever it asks of anybody else fails the test.
type tab struct {
	t    testing.TB
	ctx  context.Context
	page *page
	site string // the address of what is served

	mu     sync.Mutex
	said   []string // on the console, or by the browser about the page
	asked  []string // of anybody but the page
	ranges []string // which bytes of audio were asked for, and what was answered
	fine   func(string) bool
}

// policy is what the page is served with; see package access.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// open opens a tab on a page. The page is served as access serves it: with its policy.
func (p *page) open(t testing.TB) *tab {
	t.Helper()
	parent := startChromium(t)
	b := &tab{t: t, page: p}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		if strings.HasSuffix(r.URL.Path, "/audio") {
			w = &noted{ResponseWriter: w, note: func(status int) { b.heard(r.Header.Get("Range"), status) }}
		}
		p.Handler.ServeHTTP(w, r)
	}))
	b.site = server.URL
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	b.ctx = ctx
	t.Cleanup(func() {
		b.quiet()
		stop()
		cancel()
		server.CloseClientConnections()
		server.Close()
	})
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, audits.Enable, cdp.Empty{})
	return b
}

// noted is an answer whose status is told.
type noted struct {
	http.ResponseWriter
	note func(int)
	once sync.Once
}

func (n *noted) WriteHeader(status int) {
	n.once.Do(func() { n.note(status) })
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(b []byte) (int, error) {
	n.once.Do(func() { n.note(http.StatusOK) })
	return n.ResponseWriter.Write(b)
}

func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (b *tab) heard(asked string, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ranges = append(b.ranges, fmt.Sprintf("%d %s", status, asked))
}

// heardSo are the ranges so far: what they were answered with, and what was asked for.
func (b *tab) heardSo() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ranges)
}

// listen notes what the browser says.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			b.said = append(b.said, fmt.Sprintf("console: %s %s", a.Value, a.Description))
		}
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		b.said = append(b.said, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			b.said = append(b.said, fmt.Sprintf("policy: %s %s", e.Issue.Details.ContentSecurityPolicyIssueDetails.ViolatedDirective, e.Issue.Details.ContentSecurityPolicyIssueDetails.BlockedURL))
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.site+"/") && !strings.HasPrefix(e.Request.URL, "data:") && e.Request.URL != "about:blank" {
			b.asked = append(b.asked, e.Request.URL)
		}
	}
}

// quiet fails the test if the page was not.
func (b *tab) quiet() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		if b.fine == nil || !b.fine(s) {
			b.t.Errorf("the page says: %s", s)
		}
	}
	for _, s := range b.asked {
		b.t.Errorf("the page asks elsewhere: %s", s)
	}
	b.said, b.asked = nil, nil
}

// do has the browser do things, one after the other.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call sends the browser one command.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// visit opens a path and waits until it is there.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.site + path))
}

// click presses what a CSS selector finds, as a person does.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses keys.
func (b *tab) press(keys string, with ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, with...))
}

// value is what an expression of the page's own language is.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", cut(expression), err)
	}
	return v
}

func cut(s string) string { return s[:min(len(s), 200)] }

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); is && err == nil {
			return // an error is that of a page which is being left
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("it never comes to be: %s; the page has said %q", expression, b.said)
}

// noScripts has the page be without JavaScript from the next visit on.
func (b *tab) noScripts() {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// colours are those in which the page is shown.
func (b *tab) colours(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// wide is how wide the window is, in pixels.
func (b *tab) wide(pixels int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 900, DeviceScaleFactor: 1, Mobile: pixels < 500})
}

// picture writes what is shown to a file in the directory that VBCVAULT_PICTURES names, so
// that people can look at it. Without that it does nothing.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("VBCVAULT_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// A page that isn't quiet is noticed: else all that the other tests see would be nothing.
func TestTheBrowserNoticesWhatAPageMayNot(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Recordings: someRecordings()[:1]})
	p.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `<!doctype html><title>loud</title><img src="http://elsewhere.example/x"><p style="color: red"><script>document.title = "ran"</script>`)
	})
	noticed := &recorder{TB: t}
	b := p.open(noticed)
	b.visit("/")
	b.until(`document.title == "loud"`)
	b.t = noticed
	b.quiet()
	for _, what := range []string{"policy: img-src", "policy: style-src", "policy: script-src"} {
		if !strings.Contains(noticed.all(), what) {
			t.Errorf("not noticed: %s\n%s", what, noticed.all())
		}
	}
}

// recorder notes what fails, and lets the test go on.
type recorder struct {
	testing.TB
	mu   sync.Mutex
	text []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, fmt.Sprintf(format, args...))
}

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.text, "\n")
}
