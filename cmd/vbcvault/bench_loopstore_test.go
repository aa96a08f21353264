package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// loopObject is what a loop stores.
type loopObject struct {
	key   string
	body  []byte
	sum   [sha256.Size]byte
	media string
}

// loopStore is where a loop stores it.
type loopStore interface {
	put(context.Context, loopObject) error
	check(context.Context, loopObject) error // that it is there, whole
	copyPlainly(ctx context.Context, name string, body []byte) error
}

func openLoopStore(ctx context.Context, to string, workers int) (loopStore, error) {
	if dir, ok := strings.CutPrefix(to, "file://"); ok {
		return &loopDir{dir: dir}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = workers
	})))
	if err != nil {
		return nil, err
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(to, "s3://"), "/")
	return &loopBucket{bucket: &bucket, prefix: prefix + "/", client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = true
		o.RequestChecksumCalculation, o.ResponseChecksumValidation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
	})}, nil
}

type loopBucket struct {
	client *s3.Client
	bucket *string
	prefix string
}

// put says what package s3store says of an object. It doesn't have the SDK hash it
// once more for its signature.
func (l *loopBucket) put(ctx context.Context, o loopObject) error {
	_, err := l.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: l.bucket, Key: aws.String(l.prefix + o.key), Body: bytes.NewReader(o.body), ContentLength: aws.Int64(int64(len(o.body))),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(o.sum[:])), ContentType: &o.media, IfNoneMatch: aws.String("*"),
		Metadata: map[string]string{"sha256": hex.EncodeToString(o.sum[:])},
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	return err
}

func (l *loopBucket) check(ctx context.Context, o loopObject) error {
	out, err := l.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: l.bucket, Key: aws.String(l.prefix + o.key), ChecksumMode: types.ChecksumModeEnabled})
	if err == nil && aws.ToString(out.ChecksumSHA256) != base64.StdEncoding.EncodeToString(o.sum[:]) {
		err = errors.New("the bucket has something else")
	}
	return err
}

func (l *loopBucket) copyPlainly(ctx context.Context, name string, body []byte) error {
	_, err := l.client.PutObject(ctx, &s3.PutObjectInput{Bucket: l.bucket, Key: &name, Body: bytes.NewReader(body)})
	return err
}

// loopDir is a directory, with the steps of package dirstore that make what is in it
// durable, and the proof by reading it back.
type loopDir struct {
	dir  string
	made sync.Map // directories whose names are durable
}

func (l *loopDir) put(_ context.Context, o loopObject) error {
	name := filepath.Join(l.dir, o.key)
	if err := l.makeDirs(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".loop-")
	if err != nil {
		return err
	}
	_, err = f.Write(o.body)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), name) // which nobody else can have
	}
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(name))
	}
	return err
}

func (l *loopDir) makeDirs(dir string) error {
	if _, ok := l.made.Load(dir); ok || dir == l.dir {
		return nil
	}
	err := l.makeDirs(filepath.Dir(dir))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(dir))
	}
	l.made.Store(dir, true)
	return err
}

func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (l *loopDir) check(_ context.Context, o loopObject) error {
	f, err := os.Open(filepath.Join(l.dir, o.key))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err = io.Copy(h, f); err == nil && [sha256.Size]byte(h.Sum(nil)) != o.sum {
		err = fmt.Errorf("%s is something else", o.key)
	}
	return err
}

func (l *loopDir) copyPlainly(_ context.Context, name string, body []byte) error {
	return os.WriteFile(filepath.Join(l.dir, name), body, 0o600)
}
