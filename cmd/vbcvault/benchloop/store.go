package main

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

// object is what a loop stores.
type object struct {
	key   string
	body  []byte
	sum   [sha256.Size]byte
	media string
}

// store is where a loop stores it.
type store interface {
	put(context.Context, object) error
	check(context.Context, object) error // that it is there, whole
	copyPlainly(ctx context.Context, name string, body []byte) error
}

func openStore(ctx context.Context, to string, workers int) (store, error) {
	if dir, ok := strings.CutPrefix(to, "file://"); ok {
		return &directory{dir: dir}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = workers
	})))
	if err != nil {
		return nil, err
	}
	name, prefix, _ := strings.Cut(strings.TrimPrefix(to, "s3://"), "/")
	return &bucket{name: &name, prefix: prefix + "/", client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = true
		o.RequestChecksumCalculation, o.ResponseChecksumValidation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
	})}, nil
}

type bucket struct {
	client *s3.Client
	name   *string
	prefix string
}

// put says what package s3store says of an object. It doesn't have the SDK hash it
// once more for its signature.
func (b *bucket) put(ctx context.Context, o object) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b.name, Key: aws.String(b.prefix + o.key), Body: bytes.NewReader(o.body), ContentLength: aws.Int64(int64(len(o.body))),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(o.sum[:])), ContentType: &o.media, IfNoneMatch: aws.String("*"),
		Metadata: map[string]string{"sha256": hex.EncodeToString(o.sum[:])},
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	return err
}

func (b *bucket) check(ctx context.Context, o object) error {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.name, Key: aws.String(b.prefix + o.key), ChecksumMode: types.ChecksumModeEnabled})
	if err == nil && aws.ToString(out.ChecksumSHA256) != base64.StdEncoding.EncodeToString(o.sum[:]) {
		err = errors.New("the bucket has something else")
	}
	return err
}

func (b *bucket) copyPlainly(ctx context.Context, name string, body []byte) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.name, Key: &name, Body: bytes.NewReader(body)})
	return err
}

// directory is a directory, with the steps of package dirstore that make what is in it
// durable, and the proof by reading it back.
type directory struct {
	dir  string
	made sync.Map // directories whose names are durable
}

func (d *directory) put(_ context.Context, o object) error {
	name := filepath.Join(d.dir, o.key)
	if err := d.makeDirs(filepath.Dir(name)); err != nil {
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

func (d *directory) makeDirs(dir string) error {
	if _, ok := d.made.Load(dir); ok || dir == d.dir {
		return nil
	}
	err := d.makeDirs(filepath.Dir(dir))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(dir))
	}
	d.made.Store(dir, true)
	return err
}

func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *directory) check(_ context.Context, o object) error {
	f, err := os.Open(filepath.Join(d.dir, o.key))
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

func (d *directory) copyPlainly(_ context.Context, name string, body []byte) error {
	return os.WriteFile(filepath.Join(d.dir, name), body, 0o600)
}
