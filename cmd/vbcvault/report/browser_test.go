package report_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
)

// chromium is a browser that shows one page and ends. Without one the test is skipped,
// but fails where CI=true says that all is there.
func chromium(t *testing.T) (show func(args ...string) (stdout []byte, console string)) {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
		}
	}
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no chromium, and CI=true")
		}
		t.Skip("there is no chromium here to open the report in")
	}
	return func(args ...string) ([]byte, string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=2000", "--enable-logging=stderr"}, args...)...)
		var out, console bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &console
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, &console)
		}
		return out.Bytes(), console.String()
	}
}

// recorded serves pages, and is the proxy for all that a browser wants from elsewhere.
type recorded struct {
	sync.Mutex
	requests []string
}

// ofItsOwn are the hosts that a browser asks whatever it shows.
var ofItsOwn = regexp.MustCompile(`(^|\.)(google|googleapis|gvt1|gstatic)\.com(:\d+)?$`)

func (r *recorded) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !ofItsOwn.MatchString(req.Host) {
		r.Lock()
		r.requests = append(r.requests, req.Method+" "+req.URL.String()+" "+req.Host)
		r.Unlock()
	}
	http.NotFound(w, req)
}

func (r *recorded) asked() []string {
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.requests)
}

var white = color.RGBA{0xff, 0xff, 0xff, 0xff}

// The page is opened as people open it, as a file: it is drawn, says nothing on the
// console, asks nobody for anything, and can be printed.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	show := chromium(t)
	proxy := &recorded{}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	r, err := report.Make(t.Context(), several(t), report.LastMonth(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "report.html")
	if err := os.WriteFile(page, html(t, r), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "file://" + filepath.ToSlash(page)
	through := "--proxy-server=" + server.Listener.Addr().String()

	shot, printed := filepath.Join(dir, "shot.png"), filepath.Join(dir, "report.pdf")
	dom, console := show(through, "--window-size=1200,3000", "--dump-dom", "--screenshot="+shot, "--no-pdf-header-footer", "--print-to-pdf="+printed, address)
	quiet(t, console)
	wide := picture(t, shot)
	for name, c := range map[string]color.RGBA{
		"the bars of what was archived": {0x1f, 0x5f, 0xa8, 0xff}, "the bars of what was deleted": {0xe0, 0x8a, 0x1e, 0xff},
		"what needs action": {0xb3, 0x26, 0x1e, 0xff},
	} {
		if n := count(wide, wide.Bounds(), c); n < 400 {
			t.Errorf("%s: %d dots on the screen", name, n)
		}
	}
	if n := count(wide, wide.Bounds(), white); n < wide.Bounds().Dx()*wide.Bounds().Dy()/2 {
		t.Errorf("only %d dots are white", n)
	}

	_, console = show(through, "--window-size=500,1200", "--screenshot="+shot, address)
	quiet(t, console)
	narrow := picture(t, shot)
	margin := image.Rect(narrow.Bounds().Dx()-10, 0, narrow.Bounds().Dx(), narrow.Bounds().Dy())
	if n := count(narrow, margin, white); n != margin.Dx()*margin.Dy() {
		t.Errorf("on a telephone, %d dots are in the right margin", margin.Dx()*margin.Dy()-n)
	}

	if n := bytes.Count(dom, []byte("<svg")); n != 16 || bytes.Contains(dom, []byte("<script")) || bytes.Contains(dom, []byte("<i>")) {
		t.Errorf("the browser has made something else of it, with %d charts", n)
	}

	pdf, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	// The summary with the account that can't be read, and at least one page for each other one.
	if n := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(pdf, -1)); n < 1+5 || n > 30 {
		t.Errorf("%d pages are printed", n)
	}
	if asked := proxy.asked(); len(asked) > 0 {
		t.Errorf("the browser asks for %q", asked)
	}

	// And a page that isn't as quiet is noticed.
	loud := filepath.Join(dir, "loud.html")
	if err := os.WriteFile(loud, []byte(`<img src="http://elsewhere.example/x"><script>console.log("hello")</script>`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, console = show(through, "--dump-dom", "file://"+filepath.ToSlash(loud)); !strings.Contains(console, "CONSOLE") {
		t.Error("what a page says on the console is not seen")
	}
	if asked := proxy.asked(); len(asked) != 1 || !strings.Contains(asked[0], "elsewhere.example") {
		t.Errorf("what a page asks for is not seen: %q", asked)
	}
}

// quiet fails if the page has made the browser say something.
func quiet(t *testing.T, console string) {
	t.Helper()
	for line := range strings.Lines(console) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
}

func picture(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	i, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// count counts the dots of just one colour.
func count(i image.Image, b image.Rectangle, c color.RGBA) (n int) {
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if color.RGBAModel.Convert(i.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}
