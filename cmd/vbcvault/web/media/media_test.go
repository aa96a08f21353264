package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/media"
	"github.com/vbcvault/vbcvault/storage"
)

// shelf is a store of one object that remembers what it was asked for.
type shelf struct {
	storage.Store
	b []byte

	mu     sync.Mutex
	asked  []string
	cut    int  // bytes after which it breaks off
	always bool // each time, and not only once
	fails  error
}

func (s *shelf) OpenRange(_ context.Context, _ storage.Object, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf("%d+%d", off, n))
	if s.fails != nil {
		return nil, s.fails
	}
	n = min(n, int64(len(s.b))-off)
	var r io.Reader = bytes.NewReader(s.b[off : off+n])
	if s.cut > 0 {
		r = io.MultiReader(io.LimitReader(r, int64(s.cut)), brokenOff{})
		if !s.always {
			s.cut = 0
		}
	}
	return io.NopCloser(r), nil
}

func (s *shelf) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func bytesOf(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func audioOf(s *shelf) media.Audio {
	return media.Audio{Store: s, Object: storage.Object{Key: "a/b.mp3", Content: storage.Content{Size: int64(len(s.b)), SHA256: storage.SumOf(s.b)}}}
}

// server serves it, as the page does.
func server(t testing.TB, a media.Audio) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := media.Ask(r, a)
		defer answer.Close()
		if err := answer.Open(); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if err := answer.Send(w); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

type got struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

func get(t testing.TB, url, method string, headers ...string) got {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return got{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return got{res.StatusCode, res.Header, b, err}
}

// What browsers ask for is answered as RFC 9110 has it, and the store is asked for just
// the bytes that are sent.
func TestRanges(t *testing.T) {
	t.Parallel()
	const size = 100_000
	b := bytesOf(size)
	etag := fmt.Sprintf("%q", storage.SumOf(b).String())
	for name, c := range map[string]struct {
		method string
		ask    []string // headers
		status int
		span   string // Content-Range
		want   []byte
		asked  string
	}{
		"whole":                      {"GET", nil, 200, "", b, "0+100000"},
		"HEAD":                       {"HEAD", nil, 200, "", nil, ""},
		"all as a range":             {"GET", []string{"Range", "bytes=0-"}, 206, "bytes 0-99999/100000", b, "0+100000"},
		"two bytes, as Safari first": {"GET", []string{"Range", "bytes=0-1"}, 206, "bytes 0-1/100000", b[:2], "0+2"},
		"from the middle on":         {"GET", []string{"Range", "bytes=50000-"}, 206, "bytes 50000-99999/100000", b[50000:], "50000+50000"},
		"beyond the end":             {"GET", []string{"Range", "bytes=99990-200000"}, 206, "bytes 99990-99999/100000", b[99990:], "99990+10"},
		"the last byte":              {"GET", []string{"Range", "bytes=99999-99999"}, 206, "bytes 99999-99999/100000", b[99999:], "99999+1"},
		"a suffix":                   {"GET", []string{"Range", "bytes=-10"}, 206, "bytes 99990-99999/100000", b[99990:], "99990+10"},
		"a suffix of more":           {"GET", []string{"Range", "bytes=-200000"}, 206, "bytes 0-99999/100000", b, "0+100000"},
		"behind the end":             {"GET", []string{"Range", "bytes=100000-"}, 416, "bytes */100000", nil, ""},
		"nonsense":                   {"GET", []string{"Range", "bytes=x"}, 416, "", nil, ""},
		"too many":                   {"GET", []string{"Range", "bytes=" + strings.Repeat("1-2,", 20) + "5-6"}, 200, "", b, "0+100000"},
		"more than all":              {"GET", []string{"Range", "bytes=0-,0-,0-"}, 200, "", b, "0+100000"},
		"If-Range, the same":         {"GET", []string{"Range", "bytes=5-9", "If-Range", etag}, 206, "bytes 5-9/100000", b[5:10], "5+5"},
		"If-Range, another":          {"GET", []string{"Range", "bytes=0-9", "If-Range", `"other"`}, 200, "", b, "0+100000"},
		"If-Range, weak":             {"GET", []string{"Range", "bytes=0-9", "If-Range", "W/" + etag}, 200, "", b, "0+100000"},
		"If-Range, a date":           {"GET", []string{"Range", "bytes=0-9", "If-Range", "Mon, 02 Jan 2006 15:04:05 GMT"}, 200, "", b, "0+100000"},
		"If-None-Match":              {"GET", []string{"If-None-Match", etag}, 304, "", nil, ""},
		"If-None-Match, any":         {"GET", []string{"If-None-Match", "*", "Range", "bytes=0-1"}, 304, "", nil, ""},
		"If-None-Match, another":     {"GET", []string{"If-None-Match", `"other"`, "Range", "bytes=0-1"}, 206, "bytes 0-1/100000", b[:2], "0+2"},
		"If-Match, another":          {"GET", []string{"If-Match", `"other"`}, 412, "", nil, ""},
		"If-Modified-Since":          {"GET", []string{"If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)}, 200, "", b, "0+100000"},
		"If-Unmodified-Since":        {"GET", []string{"If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT", "Range", "bytes=1-1"}, 206, "bytes 1-1/100000", b[1:2], "1+1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{b: b}
			g := get(t, server(t, audioOf(s)).URL, c.method, c.ask...)
			if g.err != nil || g.status != c.status || c.span != "" && g.header.Get("Content-Range") != c.span || c.status < 300 && c.method == "GET" && !bytes.Equal(g.body, c.want) {
				t.Errorf("%d %v, %d bytes, %v", g.status, g.header, len(g.body), g.err)
			}
			if asked := strings.Join(s.questions(), " "); asked != c.asked {
				t.Errorf("asked the store for %q, want %q", asked, c.asked)
			}
			if c.status < 300 {
				if g.header.Get("Etag") != etag || g.header.Get("Content-Type") != "audio/mpeg" || g.header.Get("Accept-Ranges") != "bytes" || g.header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%v", g.header)
				}
				if n := g.header.Get("Content-Length"); c.method == "HEAD" && n != "100000" || c.method == "GET" && n != fmt.Sprint(len(c.want)) {
					t.Errorf("Content-Length %s", n)
				}
			}
		})
	}
}

// Several ranges are one answer of several parts, each one question to the store.
func TestSeveralRanges(t *testing.T) {
	t.Parallel()
	s := &shelf{b: bytesOf(100_000)}
	g := get(t, server(t, audioOf(s)).URL, "GET", "Range", "bytes=0-9, 50000-50999 ,-5")
	_, p, err := mime.ParseMediaType(g.header.Get("Content-Type"))
	if g.status != http.StatusPartialContent || err != nil {
		t.Fatalf("%d %v, %v", g.status, g.header, err)
	}
	parts := multipart.NewReader(bytes.NewReader(g.body), p["boundary"])
	for _, want := range []struct {
		span string
		b    []byte
	}{{"bytes 0-9/100000", s.b[:10]}, {"bytes 50000-50999/100000", s.b[50000:51000]}, {"bytes 99995-99999/100000", s.b[99995:]}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part)
		if err != nil || part.Header.Get("Content-Range") != want.span || part.Header.Get("Content-Type") != "audio/mpeg" || !bytes.Equal(b, want.b) {
			t.Errorf("%v, %d bytes, %v; want %s", part.Header, len(b), err, want.span)
		}
	}
	if want := []string{"0+10", "50000+1000", "99995+5"}; !slices.Equal(s.questions(), want) {
		t.Errorf("asked for %v, want %v", s.questions(), want)
	}
}

// What isn't what was archived never ends as if it were: the last bytes don't come.
func TestDamageIsNeverWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 16 << 10, 16<<10 + 1, 100_000} {
		for at := range map[int]bool{0: true, size / 2: true, size - 1: true} {
			for _, ask := range [][]string{nil, {"Range", "bytes=0-"}} {
				s := &shelf{b: bytesOf(size)}
				a := audioOf(s)
				s.b = bytes.Clone(s.b)
				s.b[at] ^= 1
				g := get(t, server(t, a).URL, "GET", ask...)
				if g.err == nil || len(g.body) > max(size-16<<10, 0) {
					t.Errorf("%d bytes, %v: %d, %d bytes, %v; want it broken off before its last 16 KiB", size, ask, g.status, len(g.body), g.err)
				}
			}
		}
	}
	// Of a part, nobody can know.
	s := &shelf{b: bytesOf(1000)}
	a := audioOf(s)
	s.b[500] ^= 1
	if g := get(t, server(t, a).URL, "GET", "Range", "bytes=0-99"); g.err != nil || len(g.body) != 100 {
		t.Errorf("%d bytes, %v", len(g.body), g.err)
	}
}

// A store that breaks off is asked for the rest; one that always does ends the answer.
func TestStoreBreaksOff(t *testing.T) {
	t.Parallel()
	for _, ask := range [][]string{nil, {"Range", "bytes=10-"}} {
		s := &shelf{b: bytesOf(100_000), cut: 30_000}
		g := get(t, server(t, audioOf(s)).URL, "GET", ask...)
		if want := s.b[len(s.b)-len(g.body):]; g.err != nil || len(g.body) < 99_990 || !bytes.Equal(g.body, want) || len(s.questions()) != 2 {
			t.Errorf("%v: %d bytes, %v, asked for %v", ask, len(g.body), g.err, s.questions())
		}
		s = &shelf{b: bytesOf(1000), cut: 1, always: true}
		if g := get(t, server(t, audioOf(s)).URL, "GET", ask...); g.err == nil || len(s.questions()) > 5 {
			t.Errorf("a byte at a time: %d bytes, %v, asked for %v", len(g.body), g.err, s.questions())
		}
		s = &shelf{b: bytesOf(100_000)}
		a := audioOf(s)
		s.b = s.b[:40_000]
		if g := get(t, server(t, a).URL, "GET", ask...); g.err == nil || len(s.questions()) > 5 {
			t.Errorf("%v: %d bytes that are all, asked for %v", ask, len(g.body), s.questions())
		}
	}
	s := &shelf{b: bytesOf(10), fails: storage.ErrCold}
	if g := get(t, server(t, audioOf(s)).URL, "GET"); g.status != http.StatusBadGateway {
		t.Errorf("%d", g.status)
	}
}

// An empty object has nothing to ask the store for.
func TestEmpty(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	for _, ask := range [][]string{nil, {"Range", "bytes=0-"}} {
		if g := get(t, server(t, audioOf(s)).URL, "GET", ask...); g.err != nil || g.status >= 500 || len(g.body) > 0 && g.status < 300 || len(s.questions()) != 0 {
			t.Errorf("%v: %d, %d bytes, %v, asked for %v", ask, g.status, len(g.body), g.err, s.questions())
		}
	}
}

// Names of files are what RFC 6266 has, whatever is in them.
func TestAttachment(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"20260512T101500Z_1.mp3": `attachment; filename="20260512T101500Z_1.mp3"; filename*=UTF-8''20260512T101500Z_1.mp3`,
		`a"; b\c%/é.mp3`:         `attachment; filename="a__ b_c___.mp3"; filename*=UTF-8''a%22%3B%20b%5Cc%25%2F%C3%A9.mp3`,
		"x\r\nSet-Cookie: a\xff": `attachment; filename="x__Set-Cookie: a_"; filename*=UTF-8''x%0D%0ASet-Cookie%3A%20a_`,
	} {
		if got := media.Attachment(name); got != want {
			t.Errorf("%q:\n%s, want\n%s", name, got, want)
		}
		if _, p, err := mime.ParseMediaType(media.Attachment(name)); err != nil || p["filename"] != strings.ToValidUTF8(name, "_") {
			t.Errorf("%q is read as %q, %v", name, p["filename"], err)
		}
	}
	for key, want := range map[string]string{"a.mp3": "audio/mpeg", "a.WAV": "audio/wav", "a.bin": "application/octet-stream", "a": "application/octet-stream", "a.html": "application/octet-stream"} {
		if got := media.TypeOf(key); got != want {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// FuzzRange: whatever is asked for, the answer is that of net/http over the same bytes,
// and the store is asked for each byte that is sent once.
func FuzzRange(f *testing.F) {
	for _, r := range []string{"bytes=0-", "bytes=5-9", "bytes=-3", "bytes=0-1,3-4", "bytes=9-5", "bytes= 1 - 2 ", "bytes=,", "bytes=--1", "x=1-2", "bytes=0-0,-1", "bytes=99-,0-0"} {
		f.Add(r, "", byte(20))
	}
	f.Add("bytes=0-4", `"x"`, byte(9))
	f.Fuzz(func(t *testing.T, header, ifRange string, size byte) {
		s := &shelf{b: bytesOf(int(size))}
		a := audioOf(s)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Range", header)
		if ifRange != "" {
			r.Header.Set("If-Range", ifRange)
		}
		has, want := httptest.NewRecorder(), httptest.NewRecorder()
		answer := media.Ask(r, a)
		defer answer.Close()
		if err := errors.Join(answer.Open(), answer.Send(has)); err != nil {
			t.Fatal(err)
		}
		if strings.Count(header, ",") > 4 {
			return
		}
		want.Header().Set("Content-Type", "audio/mpeg")
		want.Header().Set("ETag", fmt.Sprintf("%q", storage.SumOf(s.b).String()))
		http.ServeContent(want, r, "", time.Time{}, bytes.NewReader(s.b))
		if has.Code != want.Code || answer.Status != want.Code || has.Header().Get("Content-Range") != want.Header().Get("Content-Range") || has.Body.Len() != want.Body.Len() {
			t.Fatalf("%d %v, want %d %v", has.Code, has.Header(), want.Code, want.Header())
		}
		if strings.HasPrefix(has.Header().Get("Content-Type"), "multipart/") {
			return // with another boundary
		}
		if !bytes.Equal(has.Body.Bytes(), want.Body.Bytes()) || has.Code < 300 && size > 0 && len(s.questions()) > 1 {
			t.Fatalf("%q: asked for %v", header, s.questions())
		}
	})
}
