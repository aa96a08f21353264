package web_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// watching is a store that counts what is asked of it, and can be cold.
type watching struct {
	storage.Destination
	mu      sync.Mutex
	ranges  []int64 // how many bytes each question was for
	cold    bool
	thawing bool
	thawed  []storage.Tier
	days    int
}

func (w *watching) OpenRange(ctx context.Context, o storage.Object, off, n int64) (io.ReadCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ranges = append(w.ranges, n)
	if w.cold {
		return nil, storage.ErrCold
	}
	return w.Destination.OpenRange(ctx, o, off, n)
}

func (w *watching) Frost(context.Context, storage.Object) (storage.Frost, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return storage.Frost{Class: "GLACIER", Thawing: w.thawing, Takes: map[storage.Tier]time.Duration{storage.Standard: 5 * time.Hour}}, nil
}

func (w *watching) Thaw(_ context.Context, _ storage.Object, _ storage.Frost, t storage.Tier, days int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.thawed, w.thawing, w.days = append(w.thawed, t), true, days
	return nil
}

func (w *watching) asked() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]int64(nil), w.ranges...)
}

// watched is a page before such a store.
func watched(t *testing.T) (*page, *heard, *watching) {
	t.Helper()
	w := &watching{}
	p, h := player(t, pageOptions{Wrap: func(d storage.Destination) storage.Store {
		w.Destination = d
		return w
	}})
	return p, h, w
}

// A waveform is reckoned once, by one question to the store, and is no listening.
func TestWaveformOfACall(t *testing.T) {
	t.Parallel()
	p, h, store := watched(t)
	first := p.Get(firstCall+"/waveform.svg").want(t, http.StatusOK, "<svg", "<title>How loud the call is")
	if first.Header.Get("Content-Type") != "image/svg+xml" || len(first.Text) < 200 {
		t.Errorf("%v, %d bytes", first.Header, len(first.Text))
	}
	again := p.Get(firstCall + "/waveform.svg")
	if again.Text != first.Text {
		t.Error("another one the second time")
	}
	if a := p.ask(http.MethodGet, firstCall+"/waveform.svg", "If-None-Match", first.Header.Get("Etag")); a.StatusCode != http.StatusNotModified {
		t.Errorf("%d", a.StatusCode)
	}
	if asked, row := store.asked(), rowOf(t, p, 193228); len(asked) != 1 || asked[0] != row.Copy.Audio.Size || len(h.all()) != 0 {
		t.Errorf("asked for %v bytes, %d listenings; want one question for all", asked, len(h.all()))
	}
	p.As("paul", access.Role{Kind: "supervisor", Extensions: []string{"nobody"}})
	p.Get(firstCall+"/waveform.svg").want(t, http.StatusNotFound)
}

// A waveform of other bytes than those that were archived isn't drawn, and is news.
func TestWaveformOfDamagedAudio(t *testing.T) {
	t.Parallel()
	var dir string
	p, _ := player(t, pageOptions{Open: func(t testing.TB) storage.Destination {
		dir = t.TempDir()
		s, err := dirstore.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}})
	storagetest.FlipByte(t, filepath.Join(dir, filepath.FromSlash(rowOf(t, p, 193228).Copy.Audio.Key)))
	for range 2 {
		if a := p.Get(firstCall+"/waveform.svg").want(t, http.StatusBadGateway, "The audio is damaged"); a.Header.Get("Etag") != "" {
			t.Errorf("%v", a.Header)
		}
	}
	if !rowOf(t, p, 193228).Refuted {
		t.Error("the next run doesn't read it")
	}
}

// Cold audio says so, is asked for once, and nothing was listened to.
func TestThawing(t *testing.T) {
	t.Parallel()
	p, h, store := watched(t)
	thaw := func(tier string) answer {
		p.t.Helper()
		return p.Post(firstCall+"/thaw", url.Values{"tier": {tier}})
	}
	thaw("standard")
	if len(store.thawed) != 0 {
		t.Error("it isn't cold")
	}
	store.cold = true
	for _, headers := range [][]string{nil, {"Range", "bytes=0-"}} {
		p.ask(http.MethodGet, firstCall+"/audio", headers...).want(t, http.StatusConflict, "The audio is in cold storage")
	}
	p.Get(firstCall+"/waveform.svg").want(t, http.StatusConflict)
	thaw("expedited").want(t, http.StatusBadRequest, "cannot be brought back like this")
	p.As("paul", access.Role{Kind: "supervisor"})
	thaw("standard").want(t, http.StatusForbidden)
	p.As("paul", access.Role{Kind: "holder", Extensions: []string{"nobody"}})
	thaw("standard").want(t, http.StatusNotFound)
	p.As("vera", access.Role{Kind: "holder"})
	for range 2 {
		if a := thaw("standard"); a.Request.URL.Path != firstCall || a.Request.Method != http.MethodGet {
			t.Errorf("%s %s", a.Request.Method, a.Request.URL)
		}
	}
	if len(store.thawed) != 1 || store.thawed[0] != storage.Standard || store.days != 7 {
		t.Errorf("thawed %v for %d days", store.thawed, store.days)
	}
	for _, l := range h.all() {
		if l.How == manifest.Played {
			t.Errorf("%+v; nobody has heard it", l)
		}
	}
	if text := p.Log.String(); !strings.Contains(text, "cold storage") || !strings.Contains(text, "by=vera") {
		t.Errorf("%s", text)
	}
}
