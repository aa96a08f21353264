//go:build unix

package s3store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// What a PUT and a HEAD cost beside the network, next to the SDK's client as it comes:
//
//	go test ./storage/s3store -run '^$' -bench 'Put|Stat' -count 10
//
// The server does next to nothing, and "cpu-µs/op" has the server's share too.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1000, 50_000, 1_000_000} {
		body := make([]byte, size)
		sum := storage.SumOf(body)
		b.Run(fmt.Sprintf("%dB/store", size), func(b *testing.B) {
			s := program(b, sum)
			measure(b, func() error {
				_, err := s.Put(b.Context(), "account=1/kind=company/k.mp3", storage.Body{Reader: bytes.NewReader(body), Size: int64(size)},
					storage.Attrs{ContentType: "audio/mpeg"})
				return err
			})
		})
		b.Run(fmt.Sprintf("%dB/plain", size), func(b *testing.B) {
			c := plain(b, sum)
			measure(b, func() error {
				_, err := c.PutObject(b.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k.mp3"), Body: bytes.NewReader(body),
					ChecksumSHA256: aws.String(storage.SumOf(body).Base64())}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
				return err
			})
		})
	}
}

func BenchmarkStat(b *testing.B) {
	body := make([]byte, 50_000)
	want := storage.Object{Key: "account=1/kind=company/k.mp3", Content: storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}}
	b.Run("store", func(b *testing.B) {
		s := program(b, want.SHA256)
		measure(b, func() error {
			has, err := s.Stat(b.Context(), want)
			if err == nil && has.Content != want.Content {
				err = fmt.Errorf("not proven: %+v", has)
			}
			return err
		})
	})
	b.Run("http", func(b *testing.B) {
		instant(b, want.SHA256)
		u := os.Getenv("AWS_ENDPOINT_URL_S3")
		measure(b, func() error {
			req, err := http.NewRequest("HEAD", u+"/b/k.mp3", nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		})
	})
	b.Run("plain", func(b *testing.B) {
		c := plain(b, want.SHA256)
		measure(b, func() error {
			_, err := c.HeadObject(b.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: &want.Key, ChecksumMode: types.ChecksumModeEnabled})
			return err
		})
	})
}

// program is a store as the program opens one.
func program(b *testing.B, sum storage.Digest) *s3store.Store {
	instant(b, sum)
	s, err := s3store.Open(b.Context(), s3store.Options{Bucket: "b", Prefix: "recordings", AskConditions: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// plain is the SDK's client as it comes.
func plain(b *testing.B, sum storage.Digest) *s3.Client {
	instant(b, sum)
	cfg, err := config.LoadDefaultConfig(b.Context(), config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	if err != nil {
		b.Fatal(err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func measure(b *testing.B, do func() error) {
	for range 10 { // connections, caches
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	before := spent()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// spent is the CPU time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// instant is a server that answers without a look at what it is asked, and where the
// environment leads to.
func instant(b *testing.B, sum storage.Digest) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var served sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	b.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		served.Wait()
	})
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\nLast-Modified: %s\r\nContent-Type: audio/mpeg\r\nX-Amz-Checksum-Sha256: %s\r\n"+
		"X-Amz-Checksum-Type: FULL_OBJECT\r\nX-Amz-Request-Id: 1234567890\r\nX-Amz-Meta-Sha256: %s\r\nAccept-Ranges: bytes\r\nContent-Length: ",
		time.Now().UTC().Format(http.TimeFormat), sum.Base64(), sum)
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			served.Go(func() { serve(c, answer) })
		}
	})
	b.Setenv("AWS_ENDPOINT_URL_S3", "http://"+l.Addr().String())
	b.Setenv("AWS_ACCESS_KEY_ID", "key")
	b.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b.Setenv("AWS_REGION", "us-east-1")
}

// serve answers what comes on a connection: a HEAD as for an object of 50 kB.
func serve(c net.Conn, answer []byte) {
	defer c.Close()
	r, out := bufio.NewReaderSize(c, 64<<10), make([]byte, 0, 2048)
	for {
		size, head := 0, false
		for first := true; ; first = false {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			head = head || first && line[0] == 'H'
			if name, value, _ := strings.Cut(string(line), ": "); name == "Content-Length" {
				size, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if _, err := io.CopyN(io.Discard, r, int64(size)); err != nil {
			return
		}
		if size = 0; head {
			size = 50_000
		}
		out = append(strconv.AppendInt(append(out[:0], answer...), int64(size), 10), "\r\n\r\n"...)
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
