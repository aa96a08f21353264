package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

const part = 5 << 20

type hook = func(op, key string, r *http.Request) *storagetest.S3Fault

// open returns a store on a new bucket of the real server, through a proxy.
func open(t *testing.T, h hook) (*s3store.Store, *storagetest.S3Proxy, string) {
	t.Helper()
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	proxy := server.Proxy(t, h)
	s := openAt(t, s3store.Options{Bucket: bucket, Prefix: "pre/fix", AWS: server.Config(proxy.URL)})
	s.Hurry()
	return s, proxy, bucket
}

func openAt(t *testing.T, o s3store.Options) *s3store.Store {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := s3store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *s3store.Store, key string, b []byte) (storage.Object, error) {
	t.Helper()
	reads := 0
	return s.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(b), Seal: func(storage.Object) error {
		if reads++; reads > 1 {
			t.Error("sealed twice: the body was read again")
		}
		return nil
	}}, storage.Attrs{ContentType: "audio/mpeg"})
}

// proves fails unless the store proves that it holds b.
func proves(t *testing.T, s *s3store.Store, o storage.Object, b []byte) {
	t.Helper()
	has, err := s.Stat(t.Context(), o)
	if err != nil || has.SHA256 != storage.SumOf(b) || has.Size != int64(len(b)) {
		t.Errorf("stat: %+v, %v", has, err)
	}
}

func small() []byte { return bytes.Repeat([]byte("small "), 1000) }
func large() []byte { return bytes.Repeat([]byte("large!"), part/3) }

func TestConformance(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
		bucket := server.NewBucket(t)
		return openAt(t, s3store.Options{Bucket: bucket, Prefix: "x", AWS: server.Config(server.URL)}), func(t *testing.T, key string) {
			// What the server reports is what it has written down, so damage is
			// an object that another writer has put there.
			storagetest.Overwrite(t, server, bucket, "x/"+key)
		}
	})
}

// A server that checks nothing, and says so in the probe: everything is read
// back, so even a byte that flips on the disk shows.
func TestConformanceWithoutChecksums(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
		bucket := server.NewBucket(t)
		proxy := server.Proxy(t, func(op, key string, _ *http.Request) *storagetest.S3Fault {
			if op == "PutObject" && strings.HasSuffix(key, ".vbcvault-probe") {
				return &storagetest.S3Fault{Status: http.StatusOK}
			}
			return nil
		})
		s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(proxy.URL)})
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		return s, func(t *testing.T, key string) { storagetest.FlipByte(t, server.Path(bucket, key)) }
	})
}

func TestRequestsPerObject(t *testing.T) {
	t.Parallel()
	s, proxy, bucket := open(t, nil)
	if _, err := s.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if keys := storagetest.StartS3(t).Keys(t, bucket); len(keys) != 0 || proxy.Count("") != 1 {
		t.Errorf("the probe took %d requests and left %q; want 1 and nothing", proxy.Count(""), keys)
	}
	proxy.Reset()
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, small())
	if n := proxy.Count(""); n != 2 {
		t.Errorf("storing and proving a small object took %d requests; want a PUT and a HEAD", n)
	}
	proxy.Reset()
	if o, err = put(t, s, "l", large()); err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, large())
	if u, all := proxy.Count("UploadPart"), proxy.Count(""); u != 3 || all != 8 {
		t.Errorf("the first large object took %d requests, %d of them parts; want 5 for its 2 parts and 3 to see that parts are checked", all, u)
	}
	proxy.Reset()
	if o, err = put(t, s, "m", large()); err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, large())
	if u, all := proxy.Count("UploadPart"), proxy.Count(""); u != 2 || all != 5 {
		t.Errorf("another large object of 2 parts took %d requests, %d of them parts; want 5 and 2", all, u)
	}
	if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("%d uploads are left, %v", n, err)
	}
}

// once makes the first request of an operation fail.
func once(op string, f storagetest.S3Fault) hook {
	done := false
	return func(is, _ string, _ *http.Request) *storagetest.S3Fault {
		if is != op || done {
			return nil
		}
		done = true
		return &f
	}
}

// Every passing fault of the server, in both flavours, heals without reading
// the body again.
func TestPassingFaultsHeal(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject"} {
		for name, f := range map[string]storagetest.S3Fault{
			"slow down":         {Status: http.StatusServiceUnavailable, Code: "SlowDown"},
			"internal error":    {Status: http.StatusInternalServerError, Code: "InternalError"},
			"applied, then 500": {Status: http.StatusInternalServerError, Code: "InternalError", Apply: true},
			"reset":             {Reset: true},
			"applied, reset":    {Reset: true, Apply: true},
		} {
			t.Run(op+" "+name, func(t *testing.T) {
				s, _, _ := open(t, once(op, f))
				b := small()
				if strings.Contains(op, "Upload") {
					b = large()
				}
				o, err := put(t, s, "k", b)
				if err != nil {
					t.Fatal(err)
				}
				proves(t, s, o, b)
			})
		}
	}
}

func TestDamageOnTheWayIsRefused(t *testing.T) {
	t.Parallel()
	for op, b := range map[string][]byte{"PutObject": small(), "UploadPart": large()} {
		s, _, bucket := open(t, func(is, _ string, _ *http.Request) *storagetest.S3Fault {
			return &storagetest.S3Fault{FlipBody: is == op}
		})
		if _, err := put(t, s, "k", b); err == nil {
			t.Errorf("%s with a flipped bit was taken", op)
		}
		if keys := storagetest.StartS3(t).Keys(t, bucket); len(keys) != 0 {
			t.Errorf("%s with a flipped bit left %q", op, keys)
		}
	}
}

// A PUT that is answered with 200 and comes to nothing is found out by asking.
func TestSwallowedPutIsNotProven(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, once("PutObject", storagetest.S3Fault{Status: http.StatusOK}))
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), o); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("stat of what was swallowed: %v; want that it isn't there", err)
	}
}

func TestLooksFirstWhereConditionsAreUnknown(t *testing.T) {
	t.Parallel()
	s, proxy, _ := open(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if op == "PutObject" && r.Header.Get("If-None-Match") != "" {
			return &storagetest.S3Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
		}
		return nil
	})
	if _, err := put(t, s, "k", small()); err != nil {
		t.Fatal(err)
	}
	proxy.Reset()
	if _, err := put(t, s, "k", []byte("others")); err == nil || proxy.Count("PutObject") != 0 {
		t.Errorf("a second object under the key: %v after %d PUTs; want it refused after looking", err, proxy.Count("PutObject"))
	}
}

func TestProbeRefusesUnusableDestinations(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]storagetest.S3Fault{
		"s3:PutObject":      {Status: http.StatusForbidden, Code: "AccessDenied"},
		"bucket's name":     {Status: http.StatusNotFound, Code: "NoSuchBucket"},
		"another region":    {Status: http.StatusMovedPermanently, Code: "PermanentRedirect"},
		"clock":             {Status: http.StatusForbidden, Code: "RequestTimeTooSkewed"},
		"MethodNotAllowed":  {Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed"},
		"InvalidBucketName": {Status: http.StatusBadRequest, Code: "InvalidBucketName"},
	} {
		s, proxy, _ := open(t, func(string, string, *http.Request) *storagetest.S3Fault { return &f })
		_, err := s.Probe(t.Context(), "")
		if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it refused with a word about %q", f.Code, err, want)
		}
		if n := proxy.Count(""); n != 1 {
			t.Errorf("%s: the probe took %d requests", f.Code, n)
		}
	}
}

func TestProbeUnreachable(t *testing.T) {
	t.Parallel()
	s := openAt(t, s3store.Options{Bucket: "bucket", AWS: storagetest.StartS3(t).Config("http://127.0.0.1:1")})
	if _, err := s.Probe(t.Context(), ""); !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

func TestExpiringCopyIsReported(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op != "HeadObject" {
			return nil
		}
		return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Expiration": {`expiry-date="Fri, 23 Dec 2027 00:00:00 GMT", rule-id="tidy"`}}}
	})
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	has, err := s.Stat(t.Context(), o)
	if err != nil || has.Expires.Format("2006-01-02") != "2027-12-23" {
		t.Errorf("expires %v, %v", has.Expires, err)
	}
}

// In a versioned bucket the current version counts: what lies below another one,
// or below a delete marker, is on its way out.
func TestVersionedBucketProvesTheCurrentVersion(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	server := storagetest.StartS3(t)
	_, err := server.Client().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := put(t, s, "k", small())
	if err != nil || o.VersionID == "" {
		t.Fatalf("%+v, %v; want a version", o, err)
	}
	storagetest.Overwrite(t, server, bucket, "pre/fix/k")
	if has, err := s.Stat(t.Context(), o); err != nil || has.SHA256 == storage.SumOf(small()) {
		t.Errorf("the current version: %+v, %v; want what was written over it", has, err)
	}
	if _, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("pre/fix/k")}); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Stat(t.Context(), o); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("below a delete marker: %+v, %v", has, err)
	}
}

// An object that came into the bucket some other way has no checksum: it is
// proven by reading it.
func TestObjectWithoutChecksumIsReadBack(t *testing.T) {
	t.Parallel()
	s, proxy, bucket := open(t, nil)
	if _, err := put(t, s, "k", small()); err != nil {
		t.Fatal(err)
	}
	path := storagetest.StartS3(t).Path(bucket, "pre/fix/k2")
	if err := os.WriteFile(path, large(), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy.Reset()
	proves(t, s, storage.Object{Key: "k2"}, large())
	if proxy.Count("GetObject") != 1 {
		t.Error("it was taken for proven without reading it")
	}
}

func TestTidyAbortsAbandonedUploads(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	client := storagetest.StartS3(t).Client()
	for _, key := range []string{"pre/fix/account=1/a", "pre/fix/account=2/b"} {
		if _, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range s.Unfinished(t.Context(), "account=1/") {
		if name != "account=1/a" || err != nil {
			t.Errorf("unfinished: %s, %v; want the one of this account", name, err)
		}
	}
	if n, err := s.Tidy(t.Context(), "account=1/"); n != 1 || err != nil {
		t.Errorf("tidy: %d, %v; want the one of this account, which looking at it has left", n, err)
	}
	out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil || len(out.Uploads) != 1 || aws.ToString(out.Uploads[0].Key) != "pre/fix/account=2/b" {
		t.Errorf("left: %v, %v", out.Uploads, err)
	}
}

// What is kept beside the bytes.
func TestAttributes(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	for key, b := range map[string][]byte{"small": small(), "large": large()} {
		if _, err := put(t, s, key, b); err != nil {
			t.Fatal(err)
		}
		out, err := storagetest.StartS3(t).Client().HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("pre/fix/" + key)})
		if err != nil || aws.ToString(out.ContentType) != "audio/mpeg" {
			t.Errorf("%s: content type %q, %v", key, aws.ToString(out.ContentType), err)
		}
		if key == "small" && out.Metadata["sha256"] != storage.SumOf(b).String() {
			t.Errorf("%s: metadata %v", key, out.Metadata)
		}
	}
}

// The SDK is given the digest that we have; what it signs must still be the
// body that is sent.
func TestLargeBodyIsReadOnce(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, once("UploadPart", storagetest.S3Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}))
	r := &countingReader{r: bytes.NewReader(large())}
	o, err := s.Put(t.Context(), "k", storage.Body{Reader: r}, storage.Attrs{})
	if err != nil || r.n != int64(len(large())) {
		t.Fatalf("read %d bytes of %d, %v", r.n, len(large()), err)
	}
	proves(t, s, o, large())
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
