package s3store_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// The server's checksum is its memory of what arrived: what has rotted on its disk
// since is found by reading only, and is replaced where one says so.
func TestRotIsReadAndReplaced(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	server := storagetest.StartS3(t)
	for key, b := range map[string][]byte{"small": small(), "large": large()} {
		o, err := put(t, s, key, b)
		if err != nil {
			t.Fatal(err)
		}
		storagetest.FlipByte(t, server.Path(bucket, "pre/fix/"+key))
		proves(t, s, o, b) // which is why a refuted copy is never asked for this way
		read, err := s.Reread(t.Context(), o)
		if err != nil || read.Content == o.Content {
			t.Fatalf("%s: reading doesn't find it: %+v, %v", key, read, err)
		}
		store := func(reread bool) (storage.Object, error) {
			return s.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(b), Reread: reread, Occupied: func(storage.Object) storage.Resolution {
				return storage.Replace
			}}, storage.Attrs{})
		}
		if o, err := store(false); err != nil || !o.Adopted {
			t.Errorf("%s: %+v, %v", key, o, err)
		}
		if o, err = store(true); err != nil || o.Adopted {
			t.Errorf("%s: the rotten one is adopted: %+v, %v", key, o, err)
		}
		if read, err = s.Reread(t.Context(), o); err != nil || read.SHA256 != storage.SumOf(b) {
			t.Errorf("%s: %+v, %v", key, read, err)
		}
	}
}

// What was read is known from what comes after it.
func TestSeenIsAnotherAfterAPut(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Reread(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = storagetest.StartS3(t).Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("pre/fix/k"), Body: strings.NewReader("another")})
	if err != nil {
		t.Fatal(err)
	}
	o.Content, o.Seen = read.Content, read.Seen
	if has, err := s.Stat(t.Context(), o); err != nil || has.Seen == read.Seen || has.Content == read.Content {
		t.Errorf("%+v, %v", has, err)
	}
}

// Whose memory is relied on.
func TestMemory(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]storage.Memory{
		"":                                      storage.GoodMemory,
		"https://s3.eu-central-1.amazonaws.com": storage.GoodMemory,
		"https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com": storage.GoodMemory,
		"https://s3.cn-north-1.amazonaws.com.cn":                        storage.GoodMemory,
		"https://amazonaws.com.example.com":                             storage.ForeignMemory,
		"https://minio.example.com":                                     storage.ForeignMemory,
		"https://storage.googleapis.com":                                storage.ForeignMemory,
	} {
		cfg := aws.Config{Region: "us-east-1"}
		if endpoint != "" {
			cfg.BaseEndpoint = &endpoint
		}
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "bucket", AWS: &cfg})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Memory(); got != want {
			t.Errorf("%q: %v, want %v", endpoint, got, want)
		}
	}
}
