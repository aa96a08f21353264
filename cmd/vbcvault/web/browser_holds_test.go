package web_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// The end of a hold takes two people, by clicks: one asks, and can't agree; another does.
func TestFourEyesInABrowser(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Config: config.Web{FourEyes: true}})
	b := p.open(t)
	b.visit(firstCall)
	b.click(`a[href^="/holds/new"]`)
	b.until(`location.pathname === "/holds/new" && document.readyState === "complete"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "Case 4711"))
	b.click(`main form button.primary`)
	b.until(`document.querySelector("main form input[name=token]") && document.readyState === "complete"`)
	b.click(`main form button.primary`)
	b.until(`location.pathname.startsWith("/holds/acme/") && document.querySelector("form[action$='/end']")`)
	hold := value[string](b, `location.pathname`)
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "The case is closed"))
	b.click(`form[action$="/end"] button.danger`)
	b.until(`document.body.innerText.includes("so it can't be you") && document.readyState === "complete"`)
	if value[bool](b, `!!document.querySelector("form[action$='/decide']")`) || len(p.inForce("acme")) != 1 {
		t.Error("who has asked for the end of a hold may agree to it")
	}
	p.As("walt", access.Role{Kind: "holder"})
	b.visit(hold)
	b.click(`form[action$="/decide"] button.danger`)
	b.until(`document.body.innerText.includes("vera; agreed: walt") && document.readyState === "complete"`)
	if n := len(p.inForce("acme")); n != 0 {
		t.Errorf("%d holds are in force", n)
	}
}

// A file that somebody downloads is whole, and who got it, and why, is on record.
func TestDownloadInABrowser(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	b := p.open(t)
	dir := t.TempDir()
	tab := call(b, target.GetTargetInfo, target.GetTargetInfoParams{})
	call(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: tab.TargetInfo.BrowserContextID, DownloadPath: dir,
	})
	b.visit(firstCall)
	b.click(`a[href$="/download"]`)
	b.until(`location.pathname.endsWith("/download") && document.readyState === "complete"`)
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "Request of the caller"))
	b.click(`form[action$="/download"] button.primary`)
	row, err := p.Manifest["acme"].Row(t.Context(), vbc.Key{Kind: vbc.Company, ID: 193228}, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := b.downloaded(dir)
	if content, err := os.ReadFile(file); err != nil || storage.SumOf(content) != row.Copy.Audio.SHA256 {
		t.Errorf("%s is not what was archived: %d bytes, %v", filepath.Base(file), len(content), err)
	}
	if got := p.listenings(); !slices.Contains(got, manifest.Downloaded) {
		t.Errorf("the log has %v", got)
	}
}

// downloaded waits until the browser has written a whole file into a directory.
func (b *tab) downloaded(dir string) string {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err == nil && len(files) == 1 && strings.HasSuffix(files[0], ".mp3") {
			return files[0]
		}
	}
	b.t.Fatal("the browser downloads nothing")
	return ""
}
