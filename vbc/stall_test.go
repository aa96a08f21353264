package vbc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// trickle answers each request with a body that comes in pieces, each after a
// pause.
type trickle struct {
	piece  int
	every  time.Duration
	pieces int
	head   time.Duration // before the answer begins
}

func (t trickle) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := sleep(req.Context(), t.head); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(&pieces{trickle: t, ctx: req.Context()})}, nil
}

type pieces struct {
	trickle
	ctx context.Context
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.pieces == 0 {
		return 0, io.EOF
	}
	p.pieces--
	if err := sleep(p.ctx, p.every); err != nil {
		return 0, err
	}
	n := min(len(b), p.piece)
	for i := range b[:n] {
		b[i] = ' '
	}
	return n, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What trickles ends: JSON after a few minutes, whatever comes, and audio that is
// slower than any line. What is merely slow comes whole, and the time that our own
// store takes doesn't count.
func TestWhatTrickles(t *testing.T) {
	ask := map[string]func(context.Context, *Slot, time.Duration) error{
		"listing": func(ctx context.Context, s *Slot, _ time.Duration) error {
			for _, err := range s.c.List(Query{Kind: Company, Account: "1"}).Pages(ctx, func(ctx context.Context, op func(context.Context, *Slot) error) error {
				return op(ctx, &Slot{c: s.c, token: s.token, granted: turn{at: time.Now()}}) // once for large pages, once for small ones
			}) {
				return err
			}
			return nil
		},
		"one recording": func(ctx context.Context, s *Slot, _ time.Duration) error {
			_, err := s.Exists(ctx, Recording{Kind: Company, Account: "1", ID: 1})
			return err
		},
		"export job": func(ctx context.Context, s *Slot, _ time.Duration) error {
			_, err := s.ExportJob(ctx, "1", "1", "x")
			return err
		},
		"transcript": func(ctx context.Context, s *Slot, _ time.Duration) error {
			_, _, err := s.Transcript(ctx, Transcript{Recording: 1, ID: "1"})
			return err
		},
		"audio": func(ctx context.Context, s *Slot, between time.Duration) error {
			return drain(s.Audio(ctx, Recording{Kind: Company, ID: 1, DownloadURL: "/a"}))(between)
		},
		"export": func(ctx context.Context, s *Slot, between time.Duration) error {
			return drain(s.Export(ctx, Job{ID: "x", Address: "/z"}))(between)
		},
	}
	for name, c := range map[string]struct {
		of      string
		trickle trickle
		between time.Duration // each read and the next: our own store
		stalls  bool
		within  time.Duration
	}{
		"a listing, a byte a minute":        {of: "listing", trickle: trickle{piece: 1, every: 59 * time.Second, pieces: 10_000}, stalls: true, within: 7 * time.Minute},
		"a listing, much in each second":    {of: "listing", trickle: trickle{piece: 4096, every: time.Second, pieces: 10_000}, stalls: true, within: 7 * time.Minute},
		"a recording, a byte a second":      {of: "one recording", trickle: trickle{piece: 1, every: time.Second, pieces: 10_000}, stalls: true, within: 7 * time.Minute},
		"a job, a byte a second":            {of: "export job", trickle: trickle{piece: 1, every: time.Second, pieces: 10_000}, stalls: true, within: 7 * time.Minute},
		"a transcript, 100 bytes a second":  {of: "transcript", trickle: trickle{piece: 100, every: time.Second, pieces: 10_000}, stalls: true, within: 7 * time.Minute},
		"audio, a byte a minute":            {of: "audio", trickle: trickle{piece: 1, every: 59 * time.Second, pieces: 10_000}, stalls: true, within: 4 * time.Minute},
		"audio, 900 bytes a second":         {of: "audio", trickle: trickle{piece: 90, every: 100 * time.Millisecond, pieces: 10_000}, stalls: true, within: 3 * time.Minute},
		"an export, 900 bytes a second":     {of: "export", trickle: trickle{piece: 900, every: time.Second, pieces: 10_000}, stalls: true, within: 3 * time.Minute},
		"audio, 8 KiB/s for an hour":        {of: "audio", trickle: trickle{piece: 8 << 10, every: time.Second, pieces: 3600}},
		"audio, much after long pauses":     {of: "audio", trickle: trickle{piece: 120 << 10, every: 50 * time.Second, pieces: 60}},
		"audio, a store that takes minutes": {of: "audio", trickle: trickle{piece: 32 << 10, every: time.Second, pieces: 30}, between: 5 * time.Minute},
		"audio that never begins":           {of: "audio", trickle: trickle{head: time.Hour}, stalls: true, within: 2 * time.Minute},
		"a listing that never begins":       {of: "listing", trickle: trickle{head: time.Hour}, stalls: true, within: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := New(Options{})
				if err != nil {
					t.Fatal(err)
				}
				client.http = &http.Client{Transport: c.trickle}
				begun := time.Now()
				err = ask[c.of](t.Context(), &Slot{c: client, token: &token{access: "a"}, granted: turn{at: begun}}, c.between)
				if errors.Is(err, ErrStalled) != c.stalls || !c.stalls && err != nil {
					t.Errorf("%v after %v; stalls: %v", err, time.Since(begun), c.stalls)
				}
				if c.stalls && time.Since(begun) > c.within {
					t.Errorf("given up after %v, want within %v", time.Since(begun), c.within)
				}
			})
		})
	}
}

// drain reads a stream to its end, and takes its time after each read.
func drain(a *Audio, err error) func(time.Duration) error {
	return func(between time.Duration) error {
		if err != nil {
			return err
		}
		defer a.Close()
		for buf := make([]byte, 256<<10); ; time.Sleep(between) {
			if _, err := a.Read(buf); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
}
