package web

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Whatever somebody has called themselves, it stands where it stands, and is no HTML.
func TestForeignTextStaysInItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ada":                       "<bdi>Ada</bdi>",
		"<script>alert(1)</script>": "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>",
		"a\u202egpj.exe":            "<bdi>a\ufffdgpj.exe</bdi>",
		"a\u2066b\u2069\x00\x1b[1m": "<bdi>a\ufffdb\ufffd\ufffd\ufffd[1m</bdi>",
		"one\ntwo":                  "<bdi>one two</bdi>",
		"\xff":                      "<bdi>\ufffd</bdi>",
		"שלום":                      "<bdi>שלום</bdi>",
	} {
		if got := string(foreign(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := cut(3, "größer"); got != "grö…" {
		t.Errorf("cut: %s", got)
	}
	if got := cut(6, "größer"); got != "größer" {
		t.Errorf("what is short enough is cut: %s", got)
	}
}

func TestTimesAndSpansInWords(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 12, 22, 30, 1, 0, time.UTC)
	for got, want := range map[string]string{
		string(when(berlin, at)):                 `<time datetime="2026-05-12T22:30:01Z">13 May 2026, 00:30:01 CEST</time>`,
		string(day(berlin, at)):                  `<time datetime="2026-05-12T22:30:01Z">13 May 2026</time>`,
		string(when(time.UTC, time.Time{})):      "not known",
		span(192 * time.Second):                  "3:12",
		span(-1):                                 "not known",
		span(25*time.Hour + 5*time.Second):       "25:00:05",
		spoken(time.Hour + 3*time.Minute):        "1 h 3 min",
		spoken(0):                                "0 s",
		spoken(90*24*time.Hour + 30*time.Minute): "90 d 30 min",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Each state has words of its own, so that the page never shows one of ours.
func TestEveryStateHasWords(t *testing.T) {
	t.Parallel()
	for _, s := range manifest.States() {
		if w := stateOf(s); w.Short == "" || w.Long == "" || !strings.Contains("good attention bad quiet", w.Tone) || w.Short == string(s) {
			t.Errorf("%s: %+v", s, w)
		}
	}
}
