package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// longCall is a call of most of an hour, with a transcript that says when what was said.
func longCall() []vbctest.Recording {
	r := someRecordings()[0]
	r.Size = 6 << 20
	var vtt strings.Builder
	vtt.WriteString("WEBVTT\n")
	for minute := range 50 {
		fmt.Fprintf(&vtt, "\n00:%02d:01.000 --> 00:%02d:50.000\n<v Agent>This is minute %d, and your order is on its way.\n", minute, minute, minute)
	}
	r.Transcript = vtt.String()
	return []vbctest.Recording{r}
}

// onS3 is an archive on a real S3 server; asked gets the ranges that are read of audio.
func onS3(asked func(string)) func(testing.TB) storage.Destination {
	return func(t testing.TB) storage.Destination {
		t.Helper()
		server := storagetest.StartS3(t)
		proxy := server.Proxy(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
			if op == "GetObject" && strings.HasSuffix(key, ".mp3") {
				asked(r.Header.Get("Range"))
			}
			return nil
		})
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: server.NewBucket(t), Prefix: "calls", AWS: server.Config(proxy.URL)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// listenings are how a recording was listened to, oldest first.
func (p *page) listenings() (all []manifest.How) {
	p.t.Helper()
	for l, err := range p.Manifest["acme"].Listenings(p.t.Context(), manifest.ListeningQuery{}) {
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, l.How)
	}
	slices.Reverse(all)
	return all
}

// Nothing is asked of the archive, and nothing is in the log of listenings, before
// somebody plays. Then the audio comes out of S3 piece by piece, what was said leads to
// its moment, and all of that is one listening.
func TestPlayInABrowser(t *testing.T) {
	t.Parallel()
	startChromium(t)
	var mu sync.Mutex
	var asked []string
	p := newPage(t, pageOptions{Recordings: longCall(), Open: onS3(func(r string) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r)
	})})
	mu.Lock()
	asked = nil // by the run that has archived it
	mu.Unlock()
	b := p.open(t)
	b.visit(firstCall + "?words=order")
	if n := value[int](b, `document.querySelectorAll("mark").length`); n != 50 {
		t.Errorf("%d of 50 words are marked", n)
	}
	mu.Lock()
	if len(b.heardSo()) > 0 || len(asked) > 0 {
		t.Errorf("before anybody plays, the browser asks for %q and the page for %q", b.heardSo(), asked)
	}
	mu.Unlock()
	if got := p.listenings(); !slices.Equal(got, []manifest.How{manifest.Read}) {
		t.Errorf("before anybody plays, the log has %v", got)
	}

	b.click(`[data-do=play]`)
	b.until(`document.querySelector("audio").currentTime > 0.3`)
	b.until(`document.querySelector(".now").textContent !== "0:00"`)
	if got := b.heardSo(); len(got) == 0 || got[0] != "206 bytes=0-" {
		t.Errorf("the first range was answered so: %q", got)
	}

	// What was said in minute 40 leads there.
	b.do(chromedp.Click(chromedp.CSS(`.said-list li:nth-child(41) a.at`)))
	b.until(`document.querySelector("audio").currentTime > 2401.2 && !document.querySelector("audio").paused`)
	b.until(`document.querySelector(".said-list [aria-current]").textContent.includes("This is minute 40,")`)
	if value[bool](b, `(() => { const l = document.querySelector(".said-list").getBoundingClientRect(), c = document.querySelector(".said-list [aria-current]").getBoundingClientRect(); return c.top < l.top || c.bottom > l.bottom; })()`) {
		t.Error("what is being said is out of sight")
	}
	mu.Lock()
	if !slices.ContainsFunc(asked, func(r string) bool { return strings.HasPrefix(r, "bytes=") && !strings.HasPrefix(r, "bytes=0-") }) {
		t.Errorf("S3 was asked for %q", asked)
	}
	for _, r := range asked {
		if r == "" {
			t.Error("S3 was asked for all of the audio")
		}
	}
	mu.Unlock()
	b.click(`[data-do=play]`)
	b.until(`document.querySelector("audio").paused`)
	if got := p.listenings(); !slices.Equal(got, []manifest.How{manifest.Read, manifest.Played}) {
		t.Errorf("the log has %v", got)
	}
}

// A link leads to its moment, and the keys do what the page says.
func TestKeysAndMomentsInABrowser(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Recordings: longCall()})
	b := p.open(t)
	b.visit(firstCall + "?t=1m23s")
	near := func(want float64) {
		t.Helper()
		b.until(fmt.Sprintf(`Math.abs(document.querySelector("audio").currentTime - %f) < 0.2`, want))
	}
	b.press(" ")
	b.until(`document.querySelector("audio").currentTime > 83.2`)
	b.press("k")
	b.until(`document.querySelector("audio").paused`)
	at := value[float64](b, `document.querySelector("audio").currentTime`)
	b.press(rightKey)
	near(at + 5)
	b.press(rightKey, chromedp.KeyModifiers(chromedp.ModifierShift))
	near(at + 20)
	b.press(leftKey)
	near(at + 15)
	b.click(`[data-skip="-15"]`)
	near(at)
	b.press(">") // the button that was pressed has the focus: keys are its own
	if v := value[float64](b, `document.querySelector("audio").playbackRate`); v != 1 {
		t.Errorf("a key has changed the speed to %v while a button had the focus", v)
	}
	value[bool](b, `document.activeElement.blur(), true`)
	b.press(">")
	b.until(`document.querySelector("audio").playbackRate === 1.25 && document.querySelector(".speed").value === "1.25"`)
	b.press(homeKey)
	near(0)
	// The waveform is a slider that says where it is.
	value[bool](b, `document.querySelector(".seek").focus(), true`)
	b.press(rightKey)
	near(5)
	if says := value[string](b, `document.querySelector(".seek").getAttribute("aria-valuetext")`); !strings.HasPrefix(says, "5 seconds of 52 minutes") {
		t.Errorf("the slider says %q", says)
	}
	if href := value[string](b, `document.querySelector(".moment").href`); !strings.HasSuffix(href, firstCall+"?t=5") {
		t.Errorf("the link to this moment leads to %s", href)
	}
}

// What the keys are called here.
const (
	leftKey  = "\u0302"
	rightKey = "\u0303"
	homeKey  = "\u0306"
)

// Without JavaScript a call is found, heard at its moment and held.
func TestWithoutJavaScriptInABrowser(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	b := p.open(t)
	b.noScripts()
	b.visit("/")
	b.do(chromedp.SendKeys(chromedp.CSS("#number"), "0130"))
	b.click(`form.search button.primary`)
	b.until(`location.search.includes("number=0130") && document.readyState === "complete"`)
	b.click(`table.data tbody tr a`)
	b.until(`location.pathname === "/call/acme/company/-/193230/0" && document.readyState === "complete"`)
	if value[bool](b, `!document.querySelector(".deck").hidden || !document.querySelector("audio").controls`) {
		t.Error("without a script there are buttons that do nothing, or none that do")
	}
	box := value[[]float64](b, `(() => { const r = document.querySelector("audio").getBoundingClientRect(); return [r.left + 20, r.top + r.height / 2]; })()`)
	b.do(chromedp.MouseClickXY(box[0], box[1]))
	b.until(`document.querySelector("audio").currentTime > 0.1`)

	b.click(`a[href^="/holds/new"]`)
	b.until(`location.pathname === "/holds/new" && document.readyState === "complete"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "Case 4711"))
	b.click(`main form button.primary`)
	b.until(`document.querySelector("main form input[name=token]") && document.readyState === "complete"`)
	b.click(`main form button.primary`)
	b.until(`location.pathname.startsWith("/holds/acme/") && document.readyState === "complete"`)
	holds, err := p.Manifest["acme"].Holds(t.Context())
	if err != nil || len(holds) != 1 || !slices.Equal(holds[0].IDs, []int64{193230}) || holds[0].Reason != "Case 4711" || holds[0].By != "vera" {
		t.Errorf("%+v, %v", holds, err)
	}
	if got := p.listenings(); !slices.Equal(got, []manifest.How{manifest.Read, manifest.Played}) {
		t.Errorf("the log has %v", got)
	}
}
