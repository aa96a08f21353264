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
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// BenchmarkArchive measures, in processes of their own, vbcvault and a bare
// loop that makes the requests nobody can do without (GET, PUT, HEAD, DELETE)
// and nothing else: no manifest, no sidecar, no second look. Simulator and S3
// server are the same, and take part of the same two cores, so only the ratio
// of the two means something.
func BenchmarkArchive(b *testing.B) {
	if runtime.GOOS == "windows" {
		b.Skip("the S3 server doesn't run on Windows")
	}
	const workers = 16
	for _, load := range []struct {
		name string
		n    int
		size int64
	}{{"20kB", 1000, 20_000}, {"1MB", 300, 1_000_000}, {"20MB", 20, 20_000_000}} {
		var loop struct{ wall, cpu, peak float64 } // of the bare loop's last round
		for _, who := range []string{"bare-loop", "vbcvault"} {
			b.Run(load.name+"/"+who, func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					w := newWorld(b, vbctest.Config{}).inS3(nil)
					start := time.Now().UTC().AddDate(-1, 0, 0).Truncate(time.Second)
					for i := range int64(load.n) {
						w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Second), Size: load.size})
					}
					cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers), "--progress", "none")
					if who == "bare-loop" {
						cmd = exec.Command(os.Args[0])
						cmd.Env = append(w.env, fmt.Sprintf("%s=%d", bareLoopEnv, workers), "BUCKET="+strings.Split(w.to, "/")[2])
					}
					// Past the counting proxy: it would cost as much as it measures.
					cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3="+w.direct)
					cmd.Stderr = os.Stderr
					b.StartTimer()
					begin := time.Now()
					high := w.watchPeak(cmd, isDelete)
					w.running.Lock()
					err := cmd.Start()
					w.running.Unlock()
					if err == nil {
						err = cmd.Wait()
					}
					if err != nil {
						b.Fatal(err)
					}
					seconds := time.Since(begin).Seconds()
					if n := len(w.account.Deleted()); n != load.n {
						b.Fatalf("%d of %d were deleted", n, load.n)
					}
					total := float64(load.n) * float64(load.size)
					cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
					b.ReportMetric(float64(load.n)/seconds, "recordings/s")
					b.ReportMetric(total/seconds/1e6, "MB/s")
					b.ReportMetric(cpu.Seconds()/(total/(1<<30)), "cpu-s/GiB")
					peak := float64(high.Load())
					b.ReportMetric(peak/(1<<20), "peak-MiB")
					if who == "bare-loop" {
						loop.wall, loop.cpu, loop.peak = seconds, cpu.Seconds(), peak
					} else if loop.wall > 0 {
						b.ReportMetric(seconds/loop.wall, "x-wall")
						b.ReportMetric(cpu.Seconds()/loop.cpu, "x-cpu")
						b.ReportMetric(peak/max(loop.peak, 1), "x-peak")
					}
					b.ReportMetric(float64(w.account.Counts().Total)/float64(load.n), "vbc-requests/recording")
				}
			})
		}
	}
}

const bareLoopEnv = "VBCVAULT_TEST_BARE_LOOP"

// bareLoop is what the benchmark compares with. It checks nothing.
func bareLoop(workers int) error {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	if err != nil {
		return err
	}
	store := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = workers
	base := os.Getenv("VBC_API_URL")
	resp, err := http.PostForm(base+"/token", url.Values{"grant_type": {"password"}, "username": {"admin@vbc.prod"},
		"password": {os.Getenv("VBC_PASSWORD")}, "client_id": {os.Getenv("VBC_CLIENT_ID")}, "client_secret": {os.Getenv("VBC_CLIENT_SECRET")}})
	if err != nil {
		return err
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		return err
	}
	resp.Body.Close()
	do := func(method, u string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, u, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
		return http.DefaultClient.Do(req)
	}
	list := base + "/t/vbc.prod/call_recording/v1/api/accounts/self/company_call_recordings"
	resp, err = do(http.MethodGet, list+"?page_size=1000")
	if err != nil {
		return err
	}
	var page struct {
		Embedded struct {
			Recordings []struct {
				ID          int64
				DownloadURL string `json:"download_url"`
			}
		} `json:"_embedded"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return err
	}
	resp.Body.Close()
	var g errgroup.Group
	g.SetLimit(workers)
	for _, r := range page.Embedded.Recordings {
		g.Go(func() error {
			resp, err := do(http.MethodGet, r.DownloadURL)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return err
			}
			sum := sha256.Sum256(body)
			bucket, key := os.Getenv("BUCKET"), fmt.Sprint(r.ID, ".mp3")
			if _, err = store.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body),
				ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:]))}); err != nil {
				return err
			}
			if _, err = store.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled}); err != nil {
				return err
			}
			if resp, err = do(http.MethodDelete, fmt.Sprint(list, "/", r.ID)); err == nil {
				resp.Body.Close()
			}
			return err
		})
	}
	return g.Wait()
}
