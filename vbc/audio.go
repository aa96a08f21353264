package vbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Audio is a recording's audio on its way. Close it.
type Audio struct {
	io.ReadCloser
	Length int64 // bytes announced, or -1

	media string // Content-Type as the server says it
}

// Audio asks for a recording's audio. The bytes come as a stream without a
// total time limit; a stream that stands still for the client's StallTimeout
// fails with ErrStalled. A connection that ends early is io.ErrUnexpectedEOF,
// but a short body of unannounced length looks complete: compare with Size.
func (s *Slot) Audio(ctx context.Context, r Recording) (*Audio, error) {
	op := "download " + r.String()
	u, err := s.c.audioURL(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return s.body(ctx, op, u)
}

// body asks for something that is streamed.
func (s *Slot) body(ctx context.Context, op string, u *url.URL) (*Audio, error) {
	resp, err := s.do(ctx, op, http.MethodGet, u)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &Error{Op: op, Status: resp.StatusCode, Message: "want 200 and the content", Malformed: true}
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		resp.Body.Close()
		return nil, &Error{Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("content encoding %.20q was not asked for", enc), Malformed: true}
	}
	return &Audio{ReadCloser: resp.Body, Length: resp.ContentLength, media: resp.Header.Get("Content-Type")}, nil
}

// ErrNoAddress says that a listing gave no download_url for a recording.
// Making one up could fetch the audio of another: the endpoint doesn't
// separate the kinds, and their ids may collide.
var ErrNoAddress = errors.New("VBC's listing gives no usable download_url for it")

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
		return nil, fmt.Errorf("its account %q or owner %q is not known by number", r.Account, r.Owner)
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
	has := ParseRecording(r.Kind, r.Owner, body)
	if has.Unreadable != "" {
		return false, &Error{Op: op, Status: resp.StatusCode, Message: "the answer is not the recording: " + has.Unreadable, Malformed: true}
	}
	// Nobody says that this answer has all that a listing has.
	return has.ID == r.ID && has.Start.Equal(r.Start) && (has.Size == r.Size || has.Size < 0) && (has.CallID == r.CallID || has.CallID == "" || r.CallID == ""), nil
}

const maxItem = 1 << 20 // bytes of one recording's JSON; they are about one thousand

// ErrStalled says that an answer stood still for too long.
var ErrStalled = errors.New("the connection stood still")

// watch cancels a request that makes no progress.
type watch struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func watchdog(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w for %v", ErrStalled, limit)) })
	return ctx, w
}

func (w *watch) wrap(body io.ReadCloser) io.ReadCloser {
	w.timer.Stop() // the answer has begun; from here on each Read sets the clock
	w.ReadCloser = body
	return w
}

func (w *watch) Read(p []byte) (int, error) {
	// The clock runs while we wait for the other side, and stands while our
	// own store takes its time between two reads.
	w.timer.Reset(w.limit)
	n, err := w.ReadCloser.Read(p)
	w.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = w.explain(err)
	}
	return n, err
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
	w.cancel(nil)
}
