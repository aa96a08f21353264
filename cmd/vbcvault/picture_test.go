package main_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var pictureTo = flag.String("picture", "", "make the picture of the README: the `FILE` to write")

// The picture of the README is what a browser shows of the demo: make picture.
func TestPictureOfThePage(t *testing.T) {
	if *pictureTo == "" {
		t.Skip("only with -picture, as make picture does: the picture lies beside the sources")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	s, b, password := demoOfThePage(t, newWorld(t, vbctest.Config{}).alone(), t.TempDir(), "180")
	call := ""
	for _, m := range regexp.MustCompile(`href="(/call/main/company/-/\d+/0)`).FindAllStringSubmatch(b.sees("/?account=main&extension=211&transcript=yes"), -1) {
		if text := b.sees(m[1]); strings.Contains(text, "boiler") && strings.Contains(text, "data-t=") && call == "" {
			call = m[1]
		}
	}
	if call == "" {
		t.Fatal("no call is fit for it")
	}
	alloc, end := chromedp.NewExecAllocator(t.Context(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 1060))...)
	defer end()
	ctx, end := chromedp.NewContext(alloc)
	defer end()
	ctx, end = context.WithTimeout(ctx, time.Minute)
	defer end()
	if err := chromedp.Do(
		ctx,
		chromedp.Navigate(b.at+"/signin"),
		chromedp.SendKeys(chromedp.CSS("#name"), "helen"),
		chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"),
		chromedp.WaitVisible(chromedp.CSS(".who")),
		chromedp.Navigate(b.at+call+"?words=boiler&t=16"),
		chromedp.WaitVisible(chromedp.CSS(".said-list [aria-current]")),
	); err != nil {
		t.Fatal(err)
	}
	// The waveform comes after the page.
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Promise.all([...document.images].map(i => i.decode())).then(() => true)`, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	small := fewColours(t, shot)
	if len(small) > 150<<10 {
		t.Errorf("the picture has %d bytes; 150 kB is what a README should cost", len(small))
	}
	if err := os.WriteFile(*pictureTo, small, 0o600); err != nil {
		t.Fatal(err)
	}
	s.signalIt(syscall.SIGINT)
	s.end()
}

// fewColours is a picture with the 256 colours that occur most: as small as it needs to be.
func fewColours(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.RGBA]int{}
	for y := range full.Bounds().Dy() {
		for x := range full.Bounds().Dx() {
			r, g, b, _ := full.At(x, y).RGBA()
			// The last two bits of each colour are nothing that people see.
			counts[color.RGBA{uint8(r>>8) | 3, uint8(g>>8) | 3, uint8(b>>8) | 3, 255}]++
		}
	}
	common := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range common[:min(256, len(common))] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(full.Bounds(), palette)
	draw.Draw(few, few.Bounds(), full, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
