package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"golang.org/x/sync/errgroup"
)

// Environment of a process that is one of the loops that benchmarks compare with.
const (
	loopEnv        = "VBCVAULT_TEST_LOOP"
	workersEnv     = "VBCVAULT_TEST_WORKERS"
	destinationEnv = "VBCVAULT_TEST_DESTINATION" // as --to
)

// runLoop is one of:
//
//	same-loop   the floor: the very requests that vbcvault makes, with the same metadata
//	            and audio, for each body one buffer that is used again and one SHA-256;
//	            where the destination is a directory, the same durable steps; nothing else
//	tutorial    the vendor's tutorials: one after the other, ten on a page, whole
//	            files in memory, no HEAD, no checksum, the file name as key
func runLoop(name string) error {
	workers, err := strconv.Atoi(os.Getenv(workersEnv))
	if err != nil {
		return err
	}
	pageSize, each := 1000, (*loop).same
	if name == "tutorial" {
		pageSize, workers, each = 10, 1, (*loop).tutorial
	} else {
		debug.SetGCPercent(400) // as vbcvault does, see boundMemory
	}
	l, err := newLoop(workers)
	if err != nil {
		return err
	}
	recordings, err := l.list(pageSize)
	if err != nil {
		return err
	}
	todo := make(chan loopRecording, len(recordings))
	for _, r := range recordings {
		todo <- r
	}
	close(todo)
	var g errgroup.Group
	for range workers {
		g.Go(func() error {
			var b buffers
			for r := range todo {
				if err := each(l, r, &b); err != nil {
					return fmt.Errorf("recording %d: %w", r.ID, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// buffers are one worker's, for one recording after the other.
type buffers struct{ audio, sidecar []byte }

var buffered atomic.Int64 // bytes in all of them

// read reads audio, whose size is known.
func (b *buffers) read(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return nil, errors.New("the size isn't known")
	}
	if int64(len(b.audio)) < size {
		debug.SetMemoryLimit(24<<20 + buffered.Add(size-int64(len(b.audio))))
		b.audio = make([]byte, size)
	}
	_, err := io.ReadFull(r, b.audio[:size])
	return b.audio[:size], err
}

type loop struct {
	ctx   context.Context
	vbc   *http.Client
	store loopStore
	url   string // of the collection
	token string
}

type loopRecording struct {
	ID          int64
	FileName    string `json:"file_name"`
	DownloadURL string `json:"download_url"`
	Start       string
	raw         json.RawMessage
	stem        string // where it lies in an archive, without the ending
}

func newLoop(workers int) (*loop, error) {
	l := &loop{ctx: context.Background()}
	var err error
	if l.store, err = openLoopStore(l.ctx, os.Getenv(destinationEnv), workers); err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone() // as package vbc's
	t.MaxIdleConnsPerHost, t.DisableCompression = workers, true
	l.vbc = &http.Client{Transport: t}
	base := os.Getenv("VBC_API_URL")
	l.url = base + "/t/vbc.prod/call_recording/v1/api/accounts/self/company_call_recordings"
	resp, err := http.PostForm(base+"/token", url.Values{"grant_type": {"password"}, "username": {"admin@vbc.prod"},
		"password": {os.Getenv("VBC_PASSWORD")}, "client_id": {os.Getenv("VBC_CLIENT_ID")}, "client_secret": {os.Getenv("VBC_CLIENT_SECRET")}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	l.token = token.AccessToken
	return l, err
}

// do sends a request and reads the answer with read. Where the quota is used up
// it asks again a little later, as a patient script would.
func (l *loop) do(method, u string, read func(io.Reader, int64) ([]byte, error)) ([]byte, error) {
	for {
		req, err := http.NewRequestWithContext(l.ctx, method, u, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+l.token)
		resp, err := l.vbc.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := read(resp.Body, resp.ContentLength)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return body, err
		}
		time.Sleep(time.Second / 5)
	}
}

func readAll(r io.Reader, _ int64) ([]byte, error) { return io.ReadAll(r) }

func (l *loop) list(pageSize int) (all []loopRecording, err error) {
	for n := 1; ; n++ {
		body, err := l.do(http.MethodGet, fmt.Sprintf("%s?page=%d&page_size=%d", l.url, n, pageSize), readAll)
		if err != nil {
			return nil, err
		}
		var page struct {
			Embedded struct{ Recordings []json.RawMessage } `json:"_embedded"`
			Total    int                                    `json:"total_items"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, raw := range page.Embedded.Recordings {
			var r loopRecording
			if err := r.parse(raw); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		if len(all) >= page.Total || len(page.Embedded.Recordings) == 0 {
			return all, nil
		}
	}
}

func (l *loop) remove(r loopRecording) error {
	_, err := l.do(http.MethodDelete, fmt.Sprint(l.url, "/", r.ID), readAll)
	return err
}

// parse reads what a listing says of a recording.
func (r *loopRecording) parse(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, r); err != nil {
		return err
	}
	r.raw = raw
	start, err := time.Parse("2006-01-02T15:04:05-0700", r.Start)
	start = start.UTC()
	r.stem = fmt.Sprintf("account=549825/kind=company/%s/%s_%d", start.Format("year=2006/month=01/day=02"), start.Format("20060102T150405Z"), r.ID)
	return err
}

// sidecarOf writes what vbcvault stores beside audio (layout.Sidecar).
func (b *buffers) sidecarOf(r loopRecording, audio loopObject) []byte {
	b.sidecar = fmt.Appendf(b.sidecar[:0], `{"format":%d,"vbcvault":"loop","account":"549825","kind":"company","content_type":"audio/mpeg","size":%d,"sha256":"%x","archived_at":"%s","recording":`,
		layout.SidecarFormat, len(audio.body), audio.sum, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	b.sidecar = append(append(b.sidecar, r.raw...), "}\n"...)
	return b.sidecar
}

func (l *loop) same(r loopRecording, b *buffers) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, b.read)
	if err != nil {
		return err
	}
	audio := loopObject{r.stem + ".mp3", body, sha256.Sum256(body), "audio/mpeg"}
	body = b.sidecarOf(r, audio)
	sidecar := loopObject{r.stem + ".json", body, sha256.Sum256(body), "application/json"}
	for _, step := range []func() error{
		func() error { return l.store.put(l.ctx, sidecar) },
		func() error { return l.store.put(l.ctx, audio) },
		func() error { return l.store.check(l.ctx, audio) },
		func() error { return l.store.check(l.ctx, sidecar) },
		func() error { return l.remove(r) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) tutorial(r loopRecording, _ *buffers) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, readAll)
	if err == nil {
		err = l.store.copyPlainly(l.ctx, r.FileName, body)
	}
	if err == nil {
		err = l.remove(r)
	}
	return err
}
