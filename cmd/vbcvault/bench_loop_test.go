package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
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

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// Environment of a process that is one of the loops that benchmarks compare with.
const (
	loopEnv    = "VBCVAULT_TEST_LOOP"
	workersEnv = "VBCVAULT_TEST_WORKERS"
)

// runLoop is one of:
//
//	same-loop   the floor: the very requests that vbcvault makes, for each body one
//	            buffer that is used again and one SHA-256, and nothing else
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
			var b buffer
			for r := range todo {
				if err := each(l, r, &b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// buffer is one worker's, for one body after the other.
type buffer []byte

var buffered atomic.Int64 // bytes in all of them

// read reads a body whose size is known.
func (b *buffer) read(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return nil, errors.New("the size isn't known")
	}
	if int64(len(*b)) < size {
		debug.SetMemoryLimit(24<<20 + buffered.Add(size-int64(len(*b))))
		*b = make([]byte, size)
	}
	_, err := io.ReadFull(r, (*b)[:size])
	return (*b)[:size], err
}

type loop struct {
	ctx    context.Context
	vbc    *http.Client
	store  *s3.Client
	bucket *string
	url    string // of the collection
	token  string
}

type loopRecording struct {
	ID          int64
	FileName    string `json:"file_name"`
	DownloadURL string `json:"download_url"`
}

func newLoop(workers int) (*loop, error) {
	l := &loop{ctx: context.Background(), bucket: aws.String(os.Getenv("BUCKET"))}
	keepAlive := func(t *http.Transport) { t.MaxIdleConnsPerHost = workers }
	cfg, err := config.LoadDefaultConfig(l.ctx,
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(keepAlive)))
	if err != nil {
		return nil, err
	}
	l.store = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	t := http.DefaultTransport.(*http.Transport).Clone()
	keepAlive(t)
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
			Embedded struct{ Recordings []loopRecording } `json:"_embedded"`
			Total    int                                  `json:"total_items"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Embedded.Recordings...)
		if len(all) >= page.Total || len(page.Embedded.Recordings) == 0 {
			return all, nil
		}
	}
}

// put stores a body with the SHA-256 that it must have. It is hashed once: the
// SDK would do it again for its signature.
func (l *loop) put(key string, body []byte) error {
	sum := sha256.Sum256(body)
	_, err := l.store.PutObject(l.ctx, &s3.PutObjectInput{
		Bucket: l.bucket, Key: &key, Body: bytes.NewReader(body),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	return err
}

func (l *loop) head(key string) error {
	_, err := l.store.HeadObject(l.ctx, &s3.HeadObjectInput{Bucket: l.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	return err
}

func (l *loop) remove(r loopRecording) error {
	_, err := l.do(http.MethodDelete, fmt.Sprint(l.url, "/", r.ID), readAll)
	return err
}

var sidecar = make([]byte, 1000)

func (l *loop) same(r loopRecording, b *buffer) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, b.read)
	key := fmt.Sprint(r.ID)
	for _, do := range []func() error{
		func() error { return l.put(key+".json", sidecar) },
		func() error { return l.put(key+".mp3", body) },
		func() error { return l.head(key + ".mp3") },
		func() error { return l.head(key + ".json") },
		func() error { return l.remove(r) },
	} {
		if err == nil {
			err = do()
		}
	}
	return err
}

func (l *loop) tutorial(r loopRecording, _ *buffer) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, readAll)
	if err == nil {
		_, err = l.store.PutObject(l.ctx, &s3.PutObjectInput{Bucket: l.bucket, Key: &r.FileName, Body: bytes.NewReader(body)})
	}
	if err == nil {
		err = l.remove(r)
	}
	return err
}
