package s3store_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// A peer that has gone silent, before its answer or in the middle, doesn't
// hold up a worker for ever.
func TestStalledConnectionsEnd(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/middle" {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer server.Close()
	defer close(release)
	client := s3store.HTTPClient(1, 50*time.Millisecond)
	for _, path := range []string{"/before", "/middle"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if timeout, ok := errors.AsType[net.Error](err); (!ok || !timeout.Timeout()) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v; want a time-out", path, err)
		}
	}
}

// BenchmarkPart shows what it costs the client to send a part, with the digest
// given to the SDK and with the SDK computing it again.
func BenchmarkPart(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(server.URL), UsePathStyle: true, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	body := make([]byte, part)
	for name, options := range map[string][]func(*s3.Options){"given": {s3store.Signed(storage.SumOf(body))}, "computed": nil} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(part)
			for b.Loop() {
				sum := storage.SumOf(body)
				_, err := client.PutObject(b.Context(), &s3.PutObjectInput{
					Bucket: aws.String("b"), Key: aws.String("k"), Body: bytes.NewReader(body), ChecksumSHA256: aws.String(sum.Base64()),
				}, options...)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
