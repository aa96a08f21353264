package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// loop is an account at VBC, and where its recordings go.
type loop struct {
	ctx   context.Context
	vbc   *http.Client
	store store
	url   string // of the collection
	token string
}

// recording is what a listing says of one.
type recording struct {
	ID          int64
	FileName    string `json:"file_name"`
	DownloadURL string `json:"download_url"`
	Start       string
	raw         json.RawMessage
	stem        string // where it lies in an archive, without the ending
}

func newLoop(to store, workers int) (*loop, error) {
	l := &loop{ctx: context.Background(), store: to}
	t := http.DefaultTransport.(*http.Transport).Clone() // as package vbc's
	t.MaxIdleConnsPerHost, t.DisableCompression = workers, true
	l.vbc = &http.Client{Transport: t}
	base := os.Getenv("VBC_API_URL")
	l.url = base + "/t/vbc.prod/call_recording/v1/api/accounts/self/company_call_recordings"
	login := url.Values{"grant_type": {"password"}, "username": {"admin@vbc.prod"}, "password": {os.Getenv("VBC_PASSWORD")},
		"client_id": {os.Getenv("VBC_CLIENT_ID")}, "client_secret": {os.Getenv("VBC_CLIENT_SECRET")}}
	resp, err := http.PostForm(base+"/token", login) //nolint:gosec // the address is that of a simulator
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
		switch {
		case err != nil || resp.StatusCode/100 == 2:
			return body, err
		case resp.StatusCode != http.StatusTooManyRequests:
			return nil, fmt.Errorf("%s %s: %s", method, u, resp.Status)
		}
		time.Sleep(time.Second / 5)
	}
}

func readAll(r io.Reader, _ int64) ([]byte, error) { return io.ReadAll(r) }

func (l *loop) list(pageSize int) (all []recording, err error) {
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
			var r recording
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

func (l *loop) remove(r recording) error {
	_, err := l.do(http.MethodDelete, fmt.Sprint(l.url, "/", r.ID), readAll)
	return err
}

// parse reads what a listing says of a recording.
func (r *recording) parse(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, r); err != nil {
		return err
	}
	r.raw = raw
	start, err := time.Parse("2006-01-02T15:04:05-0700", r.Start)
	start = start.UTC()
	r.stem = fmt.Sprintf("account=549825/kind=company/%s/%s_%d", start.Format("year=2006/month=01/day=02"), start.Format("20060102T150405Z"), r.ID)
	return err
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
