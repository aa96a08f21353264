// Package media sends audio to browsers: whole or in ranges, checked against its SHA-256
// where all of it passes by.
//
// What a browser asks for is settled before anything is opened: Ask says what would be
// answered, and whether a byte of audio would be in it. So whoever must write down that
// somebody listens can do so before the first byte, and needs not for a HEAD, a 304 or a
// 416. net/http has the rules of conditions and ranges; here is what reads one range of
// the store for one range that is asked for, and not a byte more.
//
// Bytes are checked where that is possible: what passes by as a whole must have the
// object's SHA-256, and its last block is held back until that is known. What is damaged
// never ends as if it were complete.
package media

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Audio is one object, as it was archived.
type Audio struct {
	Store  storage.Store
	Object storage.Object // proven: its size and digest are what is answered
	Name   string         // as a file; "" = it is played, and no file
}

// mostRanges is how many ranges of one request are answered as such. Players ask for
// one; whoever asks for more than this gets all of it, as if for none.
const mostRanges = 8

// stalled is how long a player may take nothing, as one does that is paused, before its
// connection is closed: it asks for the rest when it goes on. It's no time for the whole.
var stalled = 10 * time.Minute

// Answer is what will be answered to one request. It is used by one goroutine.
type Answer struct {
	Status int // 200, 206, 304, 412 or 416

	audio Audio
	req   *http.Request // as it is understood
	in    *reader
	stop  context.CancelFunc
}

// Ask says what will be answered. It asks the store nothing. Whoever has called it calls
// Close.
func Ask(r *http.Request, a Audio) *Answer {
	req := r.Clone(r.Context())
	if len(ranges(req.Header.Get("Range"), a.Object.Size)) > mostRanges {
		req.Header.Del("Range")
	}
	out := &Answer{audio: a, req: req}
	// Everything but the bytes is what a HEAD answers.
	head, dry := req.Clone(r.Context()), &dryRun{header: http.Header{}}
	head.Method = http.MethodHead
	out.describe(dry.header)
	http.ServeContent(dry, head, "", time.Time{}, &reader{size: a.Object.Size})
	out.Status = dry.status
	ctx, stop := context.WithCancel(r.Context())
	out.stop = stop
	out.in = &reader{ctx: ctx, store: a.Store, object: a.Object, size: a.Object.Size}
	if out.Status == http.StatusPartialContent {
		out.in.windows = ranges(req.Header.Get("Range"), a.Object.Size)
	}
	return out
}

// Sends reports whether bytes of the audio are in the answer.
func (a *Answer) Sends() bool {
	return a.req.Method == http.MethodGet && (a.Status == http.StatusOK || a.Status == http.StatusPartialContent)
}

// Open has the store begin to send what comes first, so that what it refuses is known
// before anything is answered. Errors are those of storage.Store.OpenRange.
func (a *Answer) Open() error {
	if !a.Sends() || a.in.size == 0 {
		return nil
	}
	return a.in.begin()
}

// Close lets go of what the store is sending.
func (a *Answer) Close() {
	a.stop()
	a.in.end()
}

// Send answers. An error says that the bytes can't be had, or are not those that were
// archived, a *DamagedError: then part of the answer may be on its way, and whoever calls
// must break the connection off (http.ErrAbortHandler), so that nobody takes it for all.
func (a *Answer) Send(w http.ResponseWriter) error {
	a.describe(w.Header())
	control := http.NewResponseController(w)
	a.in.moving = func() { _ = control.SetWriteDeadline(time.Now().Add(stalled)) }
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // the connection may be used again
	http.ServeContent(w, a.req, "", time.Time{}, a.in)
	return a.in.failed()
}

// describe sets the headers that ServeContent leaves alone.
func (a *Answer) describe(h http.Header) {
	h.Set("Content-Type", TypeOf(a.audio.Object.Key))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	h.Set("ETag", strconv.Quote(a.audio.Object.SHA256.String()))
	if a.audio.Name != "" {
		h.Set("Content-Disposition", Attachment(a.audio.Name))
	}
}

// types are the formats that the archive names by the endings of its objects, which say
// what the bytes were found to be when they were archived.
var types = map[string]string{
	".mp3": "audio/mpeg", ".wav": "audio/wav", ".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac", ".flac": "audio/flac",
	".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".weba": "audio/webm", ".webm": "audio/webm", ".mka": "audio/x-matroska",
	".au": "audio/basic", ".aiff": "audio/aiff", ".amr": "audio/amr", ".caf": "audio/x-caf", ".wma": "audio/x-ms-wma", ".3gp": "audio/3gpp",
	".3g2": "audio/3gpp2", ".mov": "video/quicktime", ".flv": "video/x-flv", ".w64": "audio/x-w64",
}

// TypeOf is the type of an object's content, by its key.
func TypeOf(key string) string {
	if t := types[strings.ToLower(path.Ext(key))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// Attachment is a Content-Disposition (RFC 6266) with a name in any script.
func Attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\/%;`, r) {
			return '_'
		}
		return r
	}, name)
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, extended(name))
}

// extended is a value as RFC 8187 writes it.
func extended(text string) string {
	var b strings.Builder
	for _, c := range []byte(strings.ToValidUTF8(text, "_")) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$&+-.^_`|~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// dryRun takes an answer's status and nothing else.
type dryRun struct {
	header http.Header
	status int
}

func (d *dryRun) Header() http.Header         { return d.header }
func (d *dryRun) Write(p []byte) (int, error) { d.WriteHeader(http.StatusOK); return len(p), nil }
func (d *dryRun) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}
