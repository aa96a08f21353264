package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
//	bare-loop   what nobody can do without: GET, PUT, HEAD, DELETE; nothing is checked
//	same-loop   the very requests that vbcvault makes, and nothing else
//	tutorial    the vendor's tutorials: one after the other, ten on a page, whole
//	            files in memory, no HEAD, no checksum, the file name as key
func runLoop(name string) error {
	workers, err := strconv.Atoi(os.Getenv(workersEnv))
	if err != nil {
		return err
	}
	l, err := newLoop(workers)
	if err != nil {
		return err
	}
	pageSize, each := 1000, l.bare
	switch name {
	case "tutorial":
		pageSize, workers, each = 10, 1, l.tutorial
	case "same-loop":
		each = l.same
	}
	recordings, err := l.list(pageSize)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(workers)
	for _, r := range recordings {
		g.Go(func() error { return each(r) })
	}
	return g.Wait()
}

type loop struct {
	ctx    context.Context
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
	cfg, err := config.LoadDefaultConfig(l.ctx, config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	if err != nil {
		return nil, err
	}
	l.store = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = workers
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

// do sends a request and reads the answer. Where the quota is used up it asks
// again a little later, as a patient script would.
func (l *loop) do(method, u string) ([]byte, error) {
	for {
		req, err := http.NewRequestWithContext(l.ctx, method, u, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+l.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return body, err
		}
		time.Sleep(time.Second / 5)
	}
}

func (l *loop) list(pageSize int) (all []loopRecording, err error) {
	for n := 1; ; n++ {
		body, err := l.do(http.MethodGet, fmt.Sprintf("%s?page=%d&page_size=%d", l.url, n, pageSize))
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

func (l *loop) put(key string, body []byte, checked bool) error {
	in := &s3.PutObjectInput{Bucket: l.bucket, Key: &key, Body: bytes.NewReader(body)}
	if checked {
		sum := sha256.Sum256(body)
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	_, err := l.store.PutObject(l.ctx, in)
	return err
}

func (l *loop) head(key string) error {
	_, err := l.store.HeadObject(l.ctx, &s3.HeadObjectInput{Bucket: l.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	return err
}

func (l *loop) remove(r loopRecording) error {
	_, err := l.do(http.MethodDelete, fmt.Sprint(l.url, "/", r.ID))
	return err
}

func (l *loop) bare(r loopRecording) error {
	body, err := l.do(http.MethodGet, r.DownloadURL)
	key := fmt.Sprint(r.ID, ".mp3")
	if err == nil {
		err = l.put(key, body, true)
	}
	if err == nil {
		err = l.head(key)
	}
	if err == nil {
		err = l.remove(r)
	}
	return err
}

func (l *loop) same(r loopRecording) error {
	body, err := l.do(http.MethodGet, r.DownloadURL)
	key := fmt.Sprint(r.ID)
	for _, do := range []func() error{
		func() error { return l.put(key+".json", make([]byte, 1000), true) },
		func() error { return l.put(key+".mp3", body, true) },
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

func (l *loop) tutorial(r loopRecording) error {
	body, err := l.do(http.MethodGet, r.DownloadURL)
	if err == nil {
		err = l.put(r.FileName, body, false)
	}
	if err == nil {
		err = l.remove(r)
	}
	return err
}
