package vbctest

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Fault is what goes wrong with one request. With Status set, that is answered
// in place of the truth; Apply says whether the request took effect all the
// same.
type Fault struct {
	Status int
	Header http.Header
	Body   string
	Apply  bool // with Status or Reset: the request takes effect, then is reported as failed

	Reset bool // the connection ends without an answer
	Hang  bool // no answer until the client gives up

	// Of an audio, the first one of a ZIP too:
	CutAfter   int64  // the connection ends after so many bytes of the body
	ShortAfter int64  // the body ends cleanly after so many bytes, its length unannounced
	Gzip       bool   // the body comes with an encoding nobody asked for
	Encoding   string // the body is said to have this encoding, and hasn't
	Trickle    bool   // the body comes in many small pieces, with a pause before each
	FlipBit    bool   // one bit in the middle is another; VBC has no checksum, so only proofs by other means notice
	OtherSize  int64  // so many bytes more (or less) than declared
	Other      int64  // the audio of the recording with this id comes, also if it has been deleted

	// Of a listing:
	Hide int64 // the recording with this id is counted, and not shown

	// Of a DELETE:
	NoEffect bool // 204, and the recording stays
}

// Inject has f look at every request before it is answered; nil is no fault.
func (a *Account) Inject(f func(*http.Request) *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inject = f
}

func (a *Account) faultFor(r *http.Request) *Fault {
	a.mu.Lock()
	inject := a.inject
	a.mu.Unlock()
	if inject != nil {
		if f := inject(r); f != nil {
			return f
		}
	}
	return &Fault{}
}

// intercept answers in place of the truth, if that is the fault.
func (f *Fault) intercept(w http.ResponseWriter, r *http.Request, apply func(http.ResponseWriter)) bool {
	if f.Apply {
		apply(httptest.NewRecorder())
	}
	switch {
	case f.Hang:
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Status == 0:
		return false
	}
	for k, vs := range f.Header {
		w.Header()[k] = vs
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body)
	return true
}

// writeAudio writes a recording's audio, with what is to go wrong with it.
func (f *Fault) writeAudio(w http.ResponseWriter, r Recording) {
	r.Size += f.OtherSize
	var body io.Reader = r.Audio()
	if f.FlipBit {
		body = &flipper{r: body, at: r.Size / 2}
	}
	w.Header().Set("Content-Type", "audio/mpeg")
	if f.Encoding != "" {
		w.Header().Set("Content-Encoding", f.Encoding)
	}
	switch {
	case f.Trickle:
		w.Header().Set("Content-Length", strconv.FormatInt(r.Size, 10))
		for left := r.Size; left > 0; {
			time.Sleep(trickle)
			n, err := io.CopyN(w, body, min(left, r.Size/pieces+1))
			if err != nil || http.NewResponseController(w).Flush() != nil {
				return // the client has gone
			}
			left -= n
		}
	case f.Gzip:
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.Copy(z, body)
		_ = z.Close()
	case f.ShortAfter > 0:
		_, _ = io.CopyN(w, body, min(f.ShortAfter, r.Size))
		_ = http.NewResponseController(w).Flush() // without a length: chunked
	case f.CutAfter > 0:
		w.Header().Set("Content-Length", strconv.FormatInt(r.Size, 10))
		_, _ = io.CopyN(w, body, min(f.CutAfter, r.Size))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Length", strconv.FormatInt(r.Size, 10))
		_, _ = io.Copy(w, body) // the client may have gone away
	}
}

// How a body trickles.
const (
	trickle = 5 * time.Millisecond
	pieces  = 50
)

// flipper changes one bit of a stream.
type flipper struct {
	r  io.Reader
	at int64 // bytes until the one to change
}

func (f *flipper) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// recorder remembers the status of an answer, and says when it is about to be
// complete: the client may send its next request the moment it has the last
// byte, and that one doesn't come "at once" with this.
type recorder struct {
	http.ResponseWriter
	status  int
	written int64
	done    func()
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.written += int64(len(p))
	if r.Header().Get("Content-Length") == strconv.FormatInt(r.written, 10) {
		r.done()
	}
	return r.ResponseWriter.Write(p)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Request is one request that was answered. It holds no secrets.
type Request struct {
	Kind   RequestKind
	Method string
	Path   string
	Query  url.Values
	Status int
	From   string    // who has sent it, see From
	At     time.Time // when it came, before any of it was answered
}

// Counts says how many requests of each kind came.
type Counts struct {
	ByKind    map[RequestKind]int
	Throttled int // of them: refused for the quota
	Total     int
}

const maxLog = 100_000

func (a *Account) note(kind RequestKind, r *http.Request, at time.Time, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts.ByKind == nil {
		a.counts.ByKind = map[RequestKind]int{}
	}
	a.counts.ByKind[kind]++
	a.counts.Total++
	if status == http.StatusTooManyRequests {
		a.counts.Throttled++
	}
	if len(a.log) < maxLog {
		from, _ := r.Context().Value(fromKey{}).(string)
		a.log = append(a.log, Request{kind, r.Method, r.URL.Path, r.URL.Query(), status, from, at})
	}
}

// Counts says how many requests have come since the last ResetCounts.
func (a *Account) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counts
	c.ByKind = map[RequestKind]int{}
	for k, n := range a.counts.ByKind {
		c.ByKind[k] = n
	}
	return c
}

// Log returns the requests since the last ResetCounts, the first ones if there
// were very many.
func (a *Account) Log() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.log)
}

// ResetCounts begins to count anew, the most requests at once included.
func (a *Account) ResetCounts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts, a.log = Counts{}, nil
	a.maxInFlight.Store(0)
}

// MaxInFlight is the most requests that were being answered at once, from
// their arrival to the last byte of their body.
func (a *Account) MaxInFlight() int { return int(a.maxInFlight.Load()) }
