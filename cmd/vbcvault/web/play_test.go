package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
)

// heard is a manifest whose listening log can fail.
type heard struct {
	*sqlite.Manifest
	mu      sync.Mutex
	entries []manifest.Listening
	fails   error
}

func (h *heard) AddListening(_ context.Context, l manifest.Listening) (manifest.Listening, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails != nil {
		return l, h.fails
	}
	for _, e := range h.entries {
		if l.Session != "" && e.Session == l.Session {
			return e, nil
		}
	}
	h.entries = append(h.entries, l)
	return l, nil
}

func (h *heard) all() []manifest.Listening {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]manifest.Listening(nil), h.entries...)
}

func (h *heard) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails = err
}

// player is a page that plays, and what was written down of that.
func player(t *testing.T, o pageOptions) (*page, *heard) {
	t.Helper()
	h := &heard{}
	o.Manifest = func(_ string, m *sqlite.Manifest) web.Manifest {
		h.Manifest = m
		return h
	}
	return newPage(t, o), h
}

// audioOf is what VBC had of a recording.
func audioOf(t *testing.T, p *page, account string, id int64) []byte {
	t.Helper()
	for o, err := range p.Store[account].List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(o.Key, fmt.Sprintf("_%d.mp3", id)) {
			r, err := p.Store[account].Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	t.Fatalf("no audio of %d", id)
	return nil
}

func (p *page) ask(method, path string, headers ...string) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return p.Do(r)
}

// A player asks for a recording in pieces, and all of them are one listening.
func TestPlaying(t *testing.T) {
	t.Parallel()
	p, h := player(t, pageOptions{})
	audio := audioOf(t, p, "acme", 193228)
	if a := p.ask(http.MethodHead, firstCall+"/audio"); a.StatusCode != http.StatusOK || a.ContentLength != int64(len(audio)) || len(h.all()) != 0 {
		t.Errorf("HEAD: %d, %d bytes, %d listenings", a.StatusCode, a.ContentLength, len(h.all()))
	}
	if a := p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=9999999999-"); a.StatusCode != http.StatusRequestedRangeNotSatisfiable || len(h.all()) != 0 {
		t.Errorf("416: %d, %d listenings", a.StatusCode, len(h.all()))
	}
	whole := p.Get(firstCall+"/audio").want(t, http.StatusOK)
	if whole.Text != string(audio) || whole.Header.Get("Content-Type") != "audio/mpeg" || whole.Header.Get("X-Content-Type-Options") != "nosniff" ||
		whole.Header.Get("Etag") != fmt.Sprintf("%q", storage.SumOf(audio).String()) {
		t.Errorf("%d bytes of %d, %v", len(whole.Text), len(audio), whole.Header)
	}
	if a := p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=100-299"); a.StatusCode != http.StatusPartialContent || a.Text != string(audio[100:300]) {
		t.Errorf("range: %d, %d bytes", a.StatusCode, len(a.Text))
	}
	if a := p.ask(http.MethodGet, firstCall+"/audio", "If-None-Match", whole.Header.Get("Etag")); a.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", a.StatusCode)
	}
	all := h.all()
	if len(all) != 1 || all[0].ID != 193228 || all[0].Who != "vera" || all[0].How != manifest.Played || all[0].From != "192.0.2.7" || all[0].Session == "" {
		t.Fatalf("%+v; want one listening", all)
	}
	p.Get("/call/acme/company/-/193229/0/audio").want(t, http.StatusOK)
	p.As("paul", access.Role{Kind: "supervisor"})
	p.Get(firstCall+"/audio").want(t, http.StatusOK)
	if all := h.all(); len(all) != 3 || all[1].ID != 193229 || all[2].Who != "paul" || all[2].Session == all[0].Session {
		t.Errorf("%+v; want another for another recording, and for somebody else", all)
	}
}

// Without an entry there is no audio, not a byte of it.
func TestNoAudioWithoutAListening(t *testing.T) {
	t.Parallel()
	p, h := player(t, pageOptions{})
	audio := audioOf(t, p, "acme", 193228)
	h.fail(errors.New("no space left on device"))
	for _, headers := range [][]string{nil, {"Range", "bytes=0-"}, {"Range", "bytes=-1"}, {"Range", "bytes=0-1,5-6"}} {
		a := p.ask(http.MethodGet, firstCall+"/audio", headers...).want(t, http.StatusServiceUnavailable, "You cannot hear this call now")
		if strings.Contains(a.Text, string(audio[:4])) || a.Header.Get("Content-Range") != "" || strings.Contains(a.Text, "no space") {
			t.Errorf("%v: %v\n%s", headers, a.Header, a.Text)
		}
	}
	h.fail(nil)
	p.Get(firstCall+"/audio").want(t, http.StatusOK)
	if n := len(h.all()); n != 1 {
		t.Errorf("%d listenings", n)
	}
}

// What somebody may not see is answered as what isn't there.
func TestAudioOutOfScope(t *testing.T) {
	t.Parallel()
	p, h := player(t, pageOptions{})
	p.As("paul", access.Role{Kind: "supervisor", Extensions: []string{"nobody"}})
	hidden := p.Get(firstCall+"/audio").want(t, http.StatusNotFound)
	none := p.Get("/call/acme/company/-/1/0/audio").want(t, http.StatusNotFound)
	if hidden.Text != strings.ReplaceAll(none.Text, "/1/0", "/193228/0") {
		t.Errorf("they differ:\n%s\n%s", hidden.Text, none.Text)
	}
	for _, path := range []string{"/call/other/company/-/193228/0", "/call/acme/company/x/193228/0", "/call/acme/on-demand/-/193228/0", "/call/acme/company/-/x/0", "/call/acme/company/-/193228/1", "/call/acme/company/-/193228/-1"} {
		p.Get(path+"/audio").want(t, http.StatusNotFound)
	}
	p.As("paul", access.Role{Kind: "supervisor", Accounts: []string{"other"}})
	p.Get(firstCall+"/audio").want(t, http.StatusNotFound)
	if all := h.all(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// Damaged audio never ends as if it were whole, and is news.
func TestDamagedAudio(t *testing.T) {
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
	row := rowOf(t, p, 193228)
	storagetest.FlipByte(t, filepath.Join(dir, filepath.FromSlash(row.Copy.Audio.Key)))
	for _, headers := range [][]string{nil, {"Range", "bytes=0-"}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+firstCall+"/audio", nil)
		if err != nil {
			t.Fatal(err)
		}
		if headers != nil {
			r.Header.Set(headers[0], headers[1])
		}
		res, err := p.Client.Do(r)
		if err != nil {
			continue // it was cut off even earlier
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil || int64(len(b)) >= row.Copy.Audio.Size {
			t.Errorf("%v: %d of %d bytes, %v", headers, len(b), row.Copy.Audio.Size, err)
		}
	}
	if !strings.Contains(p.Log.String(), "a recording is damaged") {
		t.Errorf("it isn't in the log:\n%s", p.Log)
	}
	if !rowOf(t, p, 193228).Refuted {
		t.Error("the next run doesn't read it again")
	}
	if bytes.Contains([]byte(p.Log.String()), []byte(row.CallerID)) && row.CallerID != "" {
		t.Errorf("the log names a caller:\n%s", p.Log)
	}
}

// rowOf is the row of a company recording of the account acme.
func rowOf(t *testing.T, p *page, id int64) manifest.Row {
	t.Helper()
	row, err := p.Manifest["acme"].Row(t.Context(), vbc.Key{Kind: vbc.Company, ID: id}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// A manifest that another one has been put in place of takes its entries with it: whoever
// goes on listening is written down in the new one, before the next byte.
func TestPlayingGoesOnInAnotherManifest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var first, second, now *heard
	p := newPage(t, pageOptions{Manifest: func(_ string, m *sqlite.Manifest) web.Manifest {
		first, second = &heard{Manifest: m}, &heard{Manifest: m}
		now = first
		return first
	}})
	p.replace = func() web.Manifest {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	for range 2 {
		p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=0-99").want(t, http.StatusPartialContent)
	}
	mu.Lock()
	now = second
	mu.Unlock()
	p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=100-199").want(t, http.StatusPartialContent)
	if a, b := len(first.all()), len(second.all()); a != 1 || b != 1 {
		t.Errorf("%d entries in the manifest that was, %d in the one that is", a, b)
	}
}
