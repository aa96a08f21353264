package s3store_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// A server that takes parts with a wrong checksum is not believed about
// composite checksums either.
func TestUncheckedPartsAreReadBack(t *testing.T) {
	t.Parallel()
	s, proxy, _ := open(t, func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if op == "UploadPart" && strings.HasSuffix(key, "probe") {
			return &storagetest.S3Fault{Status: http.StatusOK}
		}
		return nil
	})
	if _, err := s.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	o, err := put(t, s, "k", large())
	if err != nil {
		t.Fatal(err)
	}
	proxy.Reset()
	proves(t, s, o, large())
	proves(t, s, o, large())
	if n := proxy.Count("GetObject"); n != 2 {
		t.Errorf("%d objects were read back for 2 proofs", n)
	}
}

// A server that says nothing of conditions is found out, if asked.
func TestIgnoredConditionsAreFoundOut(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	for _, ignores := range []bool{false, true} {
		bucket := server.NewBucket(t)
		proxy := server.Proxy(t, func(_, key string, r *http.Request) *storagetest.S3Fault {
			if ignores && strings.HasSuffix(key, "probe") && r.Header.Get("If-Match") != "" {
				return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "BadDigest"}
			}
			return nil
		})
		s := openAt(t, s3store.Options{Bucket: bucket, AskConditions: true, AWS: server.Config(proxy.URL)})
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if keys := server.Keys(t, bucket); len(keys) != 0 || proxy.Count("") != 2 {
			t.Errorf("ignores %v: the probe took %d requests and left %q", ignores, proxy.Count(""), keys)
		}
		if _, err := put(t, s, "k", small()); err != nil {
			t.Fatal(err)
		}
		if looked := proxy.Count("HeadObject") == 1; looked != ignores {
			t.Errorf("ignores %v: looked first: %v", ignores, looked)
		}
	}
}

// A checksum that isn't ours is no proof, nor is one of a kind that we don't
// know: the object is read.
func TestReadsWhatHasNoProof(t *testing.T) {
	t.Parallel()
	s, proxy, bucket := open(t, nil)
	o, err := put(t, s, "k", large())
	if err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, large())
	proxy.Reset()
	o.Checksum = "" // forgotten
	proves(t, s, o, large())
	o.Checksum = strings.Repeat("A", 43) + "=-2" // of something else
	proves(t, s, o, large())
	proves(t, s, storage.Object{Key: "k"}, large())
	if n := proxy.Count("GetObject"); n != 3 {
		t.Errorf("%d objects were read for 3 proofs", n)
	}
	storagetest.FlipByte(t, storagetest.StartS3(t).Path(bucket, "pre/fix/k"))
	has, err := s.Stat(t.Context(), storage.Object{Key: "k", Content: o.Content})
	if err != nil || has.Content == o.Content {
		t.Errorf("what was wanted is echoed: %+v, %v", has, err)
	}
}

func TestExpirationThatCannotBeReadCountsAsDue(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Expiration": {"soon"}}}
	})
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	if has, err := s.Stat(t.Context(), o); err != nil || has.Expires.IsZero() || has.Expires.Year() > 1970 {
		t.Errorf("expires %v, %v", has.Expires, err)
	}
}

// Memory is one part per Put, whatever the size. It counts what all of the process
// takes, and so runs alone.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 200 MB")
	}
	server := storagetest.StartS3(t)
	s := openAt(t, s3store.Options{Bucket: server.NewBucket(t), AWS: server.Config(server.URL)})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const size = 200 << 20
	o, err := s.Put(t.Context(), "k", storage.Body{Reader: io.LimitReader(zeros{}, size)}, storage.Attrs{})
	if err != nil || o.Size != size {
		t.Fatalf("%+v, %v", o, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 40<<20 {
		t.Errorf("%d MB were allocated for an object of 200", grown>>20)
	}
	has, err := s.Stat(t.Context(), o)
	if err != nil || has.Content != o.Content {
		t.Errorf("%+v, %v", has, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestOptions(t *testing.T) {
	t.Parallel()
	aws := (&storagetest.S3Server{AccessKey: "a", SecretKey: "s"}).Config("http://127.0.0.1:1")
	s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "bucket", Prefix: "/a/b/", AWS: aws})
	if err != nil || s.String() != "s3://bucket/a/b" {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []s3store.Options{{AWS: aws}, {Bucket: "bucket", Prefix: "a/../b", AWS: aws}} {
		if _, err := s3store.Open(t.Context(), bad); !errors.Is(err, storage.ErrRefused) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Small bodies don't take a part's buffer, and the border between one request
// and several is where it should be.
func TestBorders(t *testing.T) {
	t.Parallel()
	s, proxy, _ := open(t, nil)
	for n, want := range map[int]string{0: "PutObject", 64 << 10: "PutObject", 64<<10 + 1: "PutObject", part: "PutObject", part + 1: "CompleteMultipartUpload"} {
		proxy.Reset()
		b := bytes.Repeat([]byte{7}, n)
		o, err := put(t, s, "k"+strings.Repeat("x", n%7)+want, b)
		if err != nil {
			t.Fatal(err)
		}
		if proxy.Count(want) != 1 {
			t.Errorf("%d bytes: no %s", n, want)
		}
		proves(t, s, o, b)
	}
}
