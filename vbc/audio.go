package vbc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Audio is a recording's audio on its way. Close it.
type Audio struct {
	io.ReadCloser
	Length int64 // bytes announced, or -1

	media string // Content-Type as the server says it
	watch *watch
}

// Audio asks for a recording's audio. The bytes come as a stream without a
// total time limit; one that stands still for the client's StallTimeout, or is
// slower than leastSpeed for leastOver, fails with ErrStalled. A connection that
// ends early is io.ErrUnexpectedEOF, but a short body of unannounced length looks
// complete: compare with Size.
func (s *Slot) Audio(ctx context.Context, r Recording) (*Audio, error) {
	op := "download " + r.String()
	u, err := s.c.audioURL(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return s.stream(mayLeave(ctx), op, u, r.Size)
}

// stream asks for something that may take its time. size is how many bytes of
// it VBC has declared, -1 if none.
func (s *Slot) stream(ctx context.Context, op string, u *url.URL, size int64) (*Audio, error) {
	a, err := s.body(ctx, op, u, size)
	if err == nil {
		a.watch.takeTime()
	}
	return a, err
}

// body asks for something that isn't JSON, or needn't be.
func (s *Slot) body(ctx context.Context, op string, u *url.URL, size int64) (*Audio, error) {
	resp, err := s.do(ctx, op, http.MethodGet, u)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &Error{Op: op, Status: resp.StatusCode, Message: "want 200 and the content", Malformed: true}
	}
	watch, _ := resp.Body.(*watch)
	a := &Audio{ReadCloser: resp.Body, Length: resp.ContentLength, media: resp.Header.Get("Content-Type"), watch: watch}
	if enc := a.encoding(resp.Header, size); enc != "" {
		resp.Body.Close()
		return nil, &Error{Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("content encoding %.20q was not asked for", enc), Malformed: true}
	}
	return a, nil
}

// codings are what a Content-Encoding may say that content is coded in, and how
// such content begins where that is certain.
var codings = map[string]string{
	"gzip": "\x1f\x8b", "x-gzip": "\x1f\x8b", "zstd": "\x28\xb5\x2f\xfd", "compress": "\x1f\x9d", "x-compress": "\x1f\x9d",
	"deflate": "", "br": "", "dcb": "", "dcz": "", "exi": "", "pack200-gzip": "", "aes128gcm": "",
}

// encoding is what content is coded in, "" if in nothing. Other names than those
// of codings (identity, UTF-8, binary, none, aws-chunked) mean nothing. One that
// is none says no more where the content has just the size that VBC declared of
// it and doesn't begin as such content does.
func (a *Audio) encoding(h http.Header, size int64) string {
	for _, enc := range strings.FieldsFunc(strings.ToLower(strings.Join(h.Values("Content-Encoding"), ",")), func(c rune) bool { return c == ',' || c == ' ' }) {
		magic, known := codings[enc]
		if !known || magic != "" && size > 0 && a.Length == size && !a.begins(magic) {
			continue
		}
		return enc
	}
	return ""
}

// begins looks whether content begins so. An error comes again with the content.
func (a *Audio) begins(magic string) bool {
	r := bufio.NewReaderSize(a.ReadCloser, 16)
	head, _ := r.Peek(len(magic))
	a.ReadCloser = struct {
		io.Reader
		io.Closer
	}{r, a.ReadCloser}
	return string(head) == magic
}

// ErrNoAddress says that a listing gave no download_url for a recording.
// Making one up could fetch the audio of another: the endpoint doesn't
// separate the kinds, and their ids may collide.
var ErrNoAddress = errors.New("VBC's listing has no usable download_url for it")

// audioURL is the recording's download_url as it is, its query included.
func (c *Client) audioURL(r Recording) (*url.URL, error) {
	u, err := url.Parse(r.DownloadURL)
	if err != nil || r.DownloadURL == "" {
		return nil, ErrNoAddress
	}
	return c.base.ResolveReference(u), nil
}

// itemURL is the address of the recording itself. It names the account by its
// number: "self" is another account under another token.
func (c *Client) itemURL(r Recording) (*url.URL, error) {
	if !isNumber(r.Account) || r.Kind == OnDemand && !isNumber(r.Owner) {
		return nil, fmt.Errorf("its account %q or owner %q is not a number", r.Account, r.Owner)
	}
	return c.collection(r.Kind, r.Account, r.Owner).JoinPath(fmt.Sprint(r.ID)), nil
}

// collection is the address of all recordings of a kind.
func (c *Client) collection(kind Kind, account, user string) *url.URL {
	if kind == OnDemand {
		return c.url("accounts", account, "users", user, "call_recordings")
	}
	return c.url("accounts", account, "company_call_recordings")
}

// Exists asks for the recording itself and reports whether it is there. Another
// recording under its id means that it isn't. Everything else is an *Error: an
// answer that can't be read, and a 404, which may be about the recording or about
// its address.
func (s *Slot) Exists(ctx context.Context, r Recording) (bool, error) {
	op := "look up " + r.String()
	u, err := s.c.itemURL(r)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := s.do(ctx, op, http.MethodGet, u)
	if err != nil {
		return false, err // a 404 too: no document says whose word that is
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxItem))
	if err != nil {
		return false, networkError(op, err)
	}
	if value, err := repair(body); err == nil {
		body = value
	}
	has := ParseRecording(r.Kind, r.Owner, body)
	if has.Unreadable != "" {
		return false, &Error{Op: op, Status: resp.StatusCode, Message: "the answer is not the recording: " + has.Unreadable, Malformed: true}
	}
	// Nobody says that this answer has all that a listing has.
	return has.ID == r.ID && has.Start.Equal(r.Start) && (has.Size == r.Size || has.Size < 0) && (has.CallID == r.CallID || has.CallID == "" || r.CallID == ""), nil
}

// maxItem is how many bytes of an answer about one thing are read: a recording
// and what may surround it.
const maxItem = MaxRecording + 64<<10

// ErrStalled says that an answer stood still for too long, or came too slowly to
// be waited for.
var ErrStalled = errors.New("the connection stalled")

// How long answers may take. What is JSON has a time in which it must be
// complete, however it trickles. What is streamed has a least speed, far below
// that of any line: slow is not broken.
const (
	answerTime = 3 * time.Minute
	leastSpeed = 1 << 10 // bytes a second
	leastOver  = 2 * time.Minute
)

// watch cancels a request that makes no progress.
type watch struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // until the next byte
	limit  time.Duration
	total  *time.Timer // until the end; stopped for what is streamed

	// Of what is streamed: what came since the speed was last looked at, and in
	// which time, of that in which we waited for it.
	streamed bool
	got      int64
	waited   time.Duration
}

func watchdog(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w for %v", ErrStalled, limit)) })
	w.total = time.AfterFunc(answerTime, func() {
		cancel(fmt.Errorf("%w, or nearly so: the answer was not complete after %v", ErrStalled, answerTime))
	})
	return ctx, w
}

func (w *watch) wrap(body io.ReadCloser) io.ReadCloser {
	w.timer.Stop() // the answer has begun; from here on each Read sets the clock
	w.ReadCloser = body
	return w
}

// takeTime lifts the limit for the whole, and sets one for the speed.
func (w *watch) takeTime() {
	w.total.Stop()
	w.streamed = true
}

func (w *watch) Read(p []byte) (int, error) {
	// The clock runs while we wait for the other side, and stands while our
	// own store takes its time between two reads.
	w.timer.Reset(w.limit)
	begun := time.Now()
	n, err := w.ReadCloser.Read(p)
	w.timer.Stop()
	if err == nil && w.streamed {
		err = w.keepsUp(n, time.Since(begun))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = w.explain(err)
	}
	return n, err
}

// keepsUp ends a stream whose speed was too low over leastOver.
func (w *watch) keepsUp(n int, took time.Duration) error {
	w.got += int64(n)
	if w.waited += took; w.waited < leastOver {
		return nil
	}
	speed := float64(w.got) / w.waited.Seconds()
	over := w.waited.Round(time.Second)
	w.got, w.waited = 0, 0
	if speed >= leastSpeed {
		return nil
	}
	err := fmt.Errorf("%w, or nearly so: %.0f bytes per second over %v; the minimum is %d", ErrStalled, speed, over, leastSpeed)
	w.cancel(err)
	return err
}

// explain replaces "context canceled" by what the watchdog knows.
func (w *watch) explain(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return err
}

func (w *watch) Close() error {
	err := w.ReadCloser.Close()
	w.stop()
	return err
}

func (w *watch) stop() {
	w.timer.Stop()
	w.total.Stop()
	w.cancel(nil)
}
