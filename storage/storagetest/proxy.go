package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// S3Fault is what goes wrong with one request to the server.
type S3Fault struct {
	Status int    // answered in place of the truth; 0 = the truth
	Code   string // S3's code, with Status
	Says   string // S3's message, with Code; "" = "made to fail"
	Raw    string // with Status: an answer that isn't S3's, such as HTML, in place of Code
	Apply  bool   // the request takes effect, then is reported as failed
	Reset  bool   // the connection ends without an answer; with Apply after the effect

	After func(status int) // nil, or what is called with the server's answer before anybody else knows it

	FlipBody  bool                     // one bit of the request's body changes on the way
	AddHeader http.Header              // to the answer, true or not
	Hide      []string                 // names of headers that the true answer doesn't show
	Rewrite   func(body []byte) []byte // changes the true answer's body
	CutAfter  int                      // bytes of the true answer's body, then the connection ends; 0 = all of it
}

// S3Proxy stands before the server, counts requests and makes them fail.
type S3Proxy struct {
	URL string

	inside sync.RWMutex // read-locked by each request

	mu     sync.Mutex
	counts map[string]int
	hook   func(op, key string, r *http.Request) *S3Fault
}

// Proxy starts a proxy for one test. hook may be nil; ops are named as in S3:
// PutObject, HeadObject, UploadPart and so on. It is called for one request
// after the other.
func (s *S3Server) Proxy(t testing.TB, hook func(op, key string, r *http.Request) *S3Fault) *S3Proxy {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &S3Proxy{counts: map[string]int{}, hook: hook}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.DisableCompression = true
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }, // Host stays: it is signed
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, forward) }))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	p.URL = server.URL
	return p
}

func (p *S3Proxy) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	p.inside.RLock()
	defer p.inside.RUnlock()
	// What has been sent is answered by the server, even if whoever sent it
	// has been killed: that is how Idle knows that nothing is under way.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	op, key := operation(r)
	p.mu.Lock()
	p.counts[op]++
	f := &S3Fault{}
	if p.hook != nil {
		if given := p.hook(op, key, r); given != nil {
			f = given
		}
	}
	p.mu.Unlock()
	if f.FlipBody {
		b, _ := io.ReadAll(r.Body)
		b[len(b)/2] ^= 1
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	if f.Apply || f.After != nil {
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		if f.After != nil {
			f.After(answer.Code)
		}
		if !f.Apply {
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
			return
		}
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Status == 0:
		maps.Copy(w.Header(), f.AddHeader)
		if f.CutAfter > 0 {
			w = &cutting{w, f.CutAfter}
		}
		if len(f.Hide) > 0 {
			w = &hiding{w, f.Hide}
		}
		if f.Rewrite != nil {
			rewrite(w, r, forward, f.Rewrite)
			return
		}
		forward.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	body := f.Raw
	if f.Code != "" {
		body = fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, f.Code, cmp.Or(f.Says, "made to fail"))
	}
	maps.Copy(w.Header(), f.AddHeader)
	w.Header().Set("Content-Type", "application/xml")
	if f.Raw != "" {
		w.Header().Set("Content-Type", "text/html")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// rewrite answers with what change makes of the server's answer.
func rewrite(w http.ResponseWriter, r *http.Request, forward http.Handler, change func([]byte) []byte) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	body := change(answer.Body.Bytes())
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// hiding is an answer without some of its headers.
type hiding struct {
	http.ResponseWriter
	names []string
}

func (h *hiding) WriteHeader(status int) {
	for _, name := range h.names {
		h.Header().Del(name)
	}
	h.ResponseWriter.WriteHeader(status)
}

// cutting is an answer that breaks off.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left]) // whatever comes of it, this is the end
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Count says how many requests for an operation have come; "" is all.
func (p *S3Proxy) Count(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op != "" {
		return p.counts[op]
	}
	n := 0
	for _, c := range p.counts {
		n += c
	}
	return n
}

// Idle waits until no request is under way. A client that was killed leaves
// requests that still take effect.
func (p *S3Proxy) Idle() {
	p.inside.Lock()
	defer p.inside.Unlock()
}

// Reset begins to count anew.
func (p *S3Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.counts)
}

// operation names a path-style request as S3's documentation does.
func operation(r *http.Request) (op, key string) {
	_, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	switch {
	case key == "" && q.Has("uploads"):
		return "ListMultipartUploads", ""
	case key == "" && q.Has("versions"):
		return "ListObjectVersions", ""
	case key == "" && r.Method == http.MethodGet:
		return "ListObjects", ""
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart", key
	case r.Method == http.MethodPut:
		return "PutObject", key
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload", key
	case r.Method == http.MethodPost && q.Has("restore"):
		return "RestoreObject", key
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload", key
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload", key
	case r.Method == http.MethodHead:
		return "HeadObject", key
	case r.Method == http.MethodGet:
		return "GetObject", key
	}
	return r.Method, key
}
