// Package s3store keeps objects in a bucket of S3, or of a server that speaks
// its protocol.
//
// What is sent always carries its SHA-256, so that the server refuses bytes
// that were damaged on the way, and is created with If-None-Match, so that
// nothing is overwritten. An object of at most one part is one PUT; a larger
// one is a multipart upload, which is completed only after the whole body has
// been read and sealed: before that nothing is visible.
//
// The AWS SDK retries every request by itself. It can, since each body is a
// buffer in memory. There is no other layer of retries here.
package s3store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
)

// partSize is the size of a part in bytes, and of the buffer that each Put in
// progress uses: the smallest that S3 takes. 10,000 parts are 48 GiB.
const partSize = 5 << 20

// Options says which bucket.
type Options struct {
	Bucket      string
	Prefix      string // in front of every key, without slashes around it; "" = none
	Connections int    // kept open between requests; 0 = 8
	Logger      *slog.Logger
}

// Store is a bucket, or what lies under a prefix of it. Keys are relative to
// the prefix. Its methods may be called concurrently.
type Store struct {
	client  *s3.Client
	bucket  string
	prefix  string
	log     *slog.Logger
	buffers sync.Pool

	// Learned from the server, for the rest of the run.
	readBack      atomic.Bool // it doesn't check checksums: read everything back
	lookFirst     atomic.Bool // it may ignore If-None-Match: look before writing
	unconditional atomic.Bool // it refuses If-None-Match: don't send it
}

var _ storage.Destination = (*Store)(nil)

const (
	maxAttempts = 4
	maxBackoff  = 5 * time.Second
)

// Open prepares the use of a bucket with the standard AWS configuration:
// environment, profiles, roles. It sends nothing to the bucket. An endpoint
// set by AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is used in path style.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = o.Connections
			t.MaxIdleConns = max(t.MaxIdleConns, o.Connections)
			t.ResponseHeaderTimeout = time.Minute
		})),
		config.WithRetryer(func() aws.Retryer {
			return retry.AddWithMaxBackoffDelay(retry.AddWithMaxAttempts(retry.NewStandard(), maxAttempts), maxBackoff)
		}),
		// Every upload carries a SHA-256 of ours; the SDK's own CRC would be
		// computed on top of it.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: the AWS configuration can't be read: %w", storage.ErrRefused, err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // where S3 tells the bucket's own region
	}
	compatible := os.Getenv("AWS_ENDPOINT_URL_S3") != "" || os.Getenv("AWS_ENDPOINT_URL") != ""
	s := &Store{
		client: s3.NewFromConfig(cfg, func(so *s3.Options) { so.UsePathStyle = compatible }),
		bucket: o.Bucket, prefix: o.Prefix, log: o.Logger,
	}
	s.buffers.New = func() any { b := make([]byte, partSize); return &b }
	return s, nil
}

// String is the destination as the user writes it.
func (s *Store) String() string {
	return strings.TrimSuffix("s3://"+s.bucket+"/"+s.prefix, "/")
}

// key is a relative key's full one.
func (s *Store) key(k string) *string { return aws.String(path.Join(s.prefix, k)) }

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	if err := storage.CheckKey(o.Key); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(o.Key), VersionId: optional(o.VersionID)})
	if err != nil {
		return nil, explain("open", o.Key, err)
	}
	return out.Body, nil
}

// put stores b under the key in one request.
func (s *Store) put(ctx context.Context, o storage.Object, b []byte, attrs storage.Attrs, ifMatch string) (storage.Object, error) {
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.key(o.Key), Body: newBody(b), ContentLength: aws.Int64(int64(len(b))),
		ChecksumSHA256: aws.String(o.SHA256.Base64()), ContentType: optional(attrs.ContentType), Metadata: metadata(o, attrs),
		IfNoneMatch: s.ifNoneMatch(ifMatch), IfMatch: optional(ifMatch),
	}, withPayloadHash(o.SHA256))
	if err != nil {
		return storage.Object{}, err
	}
	o.VersionID, o.ETag = aws.ToString(out.VersionId), aws.ToString(out.ETag)
	return o, nil
}

// ifNoneMatch is the condition under which an object is created.
func (s *Store) ifNoneMatch(ifMatch string) *string {
	if ifMatch != "" || s.unconditional.Load() {
		return nil
	}
	return aws.String("*")
}

// metadata is what is kept beside the bytes. The digest there is for people;
// nothing is ever proven by it.
func metadata(o storage.Object, attrs storage.Attrs) map[string]string {
	m := map[string]string{}
	for k, v := range attrs.Metadata {
		m[k] = v
	}
	if o.Proven() {
		m["sha256"] = o.SHA256.String()
	}
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
