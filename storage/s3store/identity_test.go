package s3store_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/logging"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// identity opens a bucket without sending anything.
func identity(t *testing.T, bucket, endpoint, region string) string {
	t.Helper()
	cfg := &aws.Config{Region: region, HTTPClient: answers(func(r *http.Request) *http.Response {
		t.Errorf("a request: %s %s", r.Method, r.URL)
		return answer(500, "")
	})}
	if endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	s, err := s3store.Open(t.Context(), s3store.Options{Bucket: bucket, AWS: cfg, InsecureHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Identity(t.Context())
	if err != nil || id == "" {
		t.Errorf("%q, %v", id, err)
	}
	return id
}

// A bucket is the same by whatever way it is reached, and another one elsewhere.
func TestIdentity(t *testing.T) {
	t.Parallel()
	type place struct{ bucket, endpoint, region string }
	seenIdentities := map[string]int{}
	for i, same := range [][]place{
		{{"b", "", "us-east-1"}, {"b", "", "eu-west-1"}, {"b", "https://s3.eu-west-1.amazonaws.com", "eu-west-1"}, {"b", "https://s3.dualstack.us-east-1.amazonaws.com", "us-east-1"},
			{"b", "https://bucket.vpce-0123-abcd.s3.us-east-1.vpce.amazonaws.com", "us-east-1"}, {"b", "https://S3.amazonaws.com/", "us-east-1"}},
		{{"c", "", "us-east-1"}},
		{{"b", "", "cn-north-1"}, {"b", "https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"}},
		{{"b", "", "us-gov-west-1"}, {"b", "", "us-gov-east-1"}},
		{{"b", "https://minio.example.com", "us-east-1"}, {"b", "https://minio.example.com/", "eu-west-1"}, {"b", "https://MinIO.example.com.:443", "us-east-1"}, {"b", "http://minio.example.com", "us-east-1"}, {"b", "http://minio.example.com:80", "x"}},
		{{"b", "https://minio.example.com:9000", "us-east-1"}},
		{{"b", "https://other.example.com", "us-east-1"}},
		{{"b", "https://minio.example.com/tenant", "us-east-1"}, {"b", "https://minio.example.com/tenant/", "us-east-1"}},
		{{"c", "https://minio.example.com", "us-east-1"}},
		{{"b", "http://127.0.0.1:9000", "us-east-1"}, {"b", "http://localhost:9000", "us-east-1"}, {"b", "http://[::1]:9000", "us-east-1"}},
		{{"b", "http://127.0.0.1:9001", "us-east-1"}},
		{{"b", "https://s3.amazonaws.com.example.com", "us-east-1"}},
	} {
		first := identity(t, same[0].bucket, same[0].endpoint, same[0].region)
		for _, p := range same[1:] {
			if id := identity(t, p.bucket, p.endpoint, p.region); id != first {
				t.Errorf("%+v is %q, want %q", p, id, first)
			}
		}
		if other := seenIdentities[first]; other > 0 {
			t.Errorf("%d and %d are both %q", i+1, other, first)
		}
		seenIdentities[first] = i + 1
	}
}

// Another bucket than the manifest's is refused before anything is sent.
func TestAnotherBucketIsRefused(t *testing.T) {
	t.Parallel()
	s := fake(t, "https://s3.example.com", func(r *http.Request) *http.Response {
		t.Errorf("a request: %s %s", r.Method, r.URL)
		return answer(500, "")
	})
	const other = "bucket b at s3.other.example.com"
	for _, err := range []error{s.Identify(other), func() error { _, err := s.Probe(t.Context(), other); return err }()} {
		if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "bucket b at s3.example.com") {
			t.Errorf("%v; want both named", err)
		}
	}
	if err := s.Identify(""); err != nil {
		t.Errorf("none known: %v", err)
	}
}

// S3 Express is refused with its reason, before anything is sent.
func TestExpressIsRefused(t *testing.T) {
	t.Parallel()
	for _, bucket := range []string{"calls--use1-az4--x-s3", "calls--use1-az4--xa-s3"} {
		_, err := s3store.Open(t.Context(), s3store.Options{Bucket: bucket, AWS: &aws.Config{Region: "us-east-1"}})
		if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "S3 Express") || !strings.Contains(err.Error(), "general purpose bucket") {
			t.Errorf("%s: %v", bucket, err)
		}
	}
	if _, err := s3store.Open(t.Context(), s3store.Options{Bucket: "calls-x-s3", AWS: &aws.Config{Region: "us-east-1"}}); err != nil {
		t.Error(err)
	}
}

// counting gives credentials out, and counts how often it is asked.
type counting struct{ asked atomic.Int64 }

func (c *counting) Retrieve(context.Context) (aws.Credentials, error) {
	c.asked.Add(1)
	return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "s3cr3t-key", SessionToken: "s3ssion-t0ken"}, nil
}

// An error is shown without its secrets, and nobody is asked for them to do that.
func TestErrorsAskNobody(t *testing.T) {
	t.Parallel()
	keys := &counting{}
	s := openAt(t, s3store.Options{Bucket: "b", AWS: &aws.Config{
		BaseEndpoint: aws.String("https://s3.example.com"), Region: "us-east-1", Credentials: keys,
		HTTPClient: answers(func(*http.Request) *http.Response {
			return answer(400, "<Error><Code>Odd</Code><Message>you sent s3cr3t-key and s3ssion-t0ken</Message></Error>")
		}),
	}})
	_, err := s.Open(t.Context(), storage.Object{Key: "k"})
	before := keys.asked.Load()
	if text := err.Error(); !strings.Contains(text, "you sent [secret] and [secret]") || keys.asked.Load() != before || before != 1 {
		t.Errorf("%s; asked %d times, then %d", text, before, keys.asked.Load()-before)
	}
}

// What the SDK has to say of its own goes to the log, at debug level.
func TestSDKDoesNotWriteToStderr(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "b", AWS: &aws.Config{Region: "us-east-1"},
		Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	s.SDKLogger().Logf(logging.Warn, "failed to discard remaining %s", "HTTP response body")
	if !strings.Contains(out.String(), "level=DEBUG") || !strings.Contains(out.String(), "failed to discard remaining HTTP response body") {
		t.Errorf("%s", out.String())
	}
}
