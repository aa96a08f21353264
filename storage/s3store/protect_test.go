package s3store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

var sevenYears = s3store.Protection{Lock: types.ObjectLockModeGovernance, Retain: s3store.Period{Years: 7}, Tags: "department=legal"}

func lockedBucket(t *testing.T, server *storagetest.S3Server) string {
	return server.NewBucket(t, func(in *s3.CreateBucketInput) { in.ObjectLockEnabledForBucket = aws.Bool(true) })
}

func openProtected(t *testing.T, server *storagetest.S3Server, bucket, url string, p s3store.Protection) *s3store.Store {
	t.Helper()
	s, err := s3store.Open(t.Context(), s3store.Options{Bucket: bucket, Prefix: "calls", AWS: server.Config(url), PartSize: 5 << 20, Protection: p})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t *testing.T, s *s3store.Store, key string, size int, a storage.Attrs) storage.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(make([]byte, size)), Size: int64(size)}, a)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Both ways to store lock and tag, the server says so, and what was stored
// without is found out and made up for, but never shortened.
func TestProtection(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := lockedBucket(t, server)
	s := openProtected(t, server, bucket, server.URL, sevenYears)
	if _, err := s.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	uploads, err := server.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil || len(uploads.Uploads) != 0 || len(server.Keys(t, bucket)) != 0 {
		t.Errorf("the probe leaves %v, %v", uploads.Uploads, err)
	}
	for key, size := range map[string]int{"small": 10, "large": 6 << 20} {
		o := mustPut(t, s, key, size, storage.Attrs{})
		tags, err := server.Client().GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("calls/" + key)})
		if err != nil || len(tags.TagSet) != 1 || *tags.TagSet[0].Key+*tags.TagSet[0].Value != "departmentlegal" {
			t.Errorf("%s: tags %v, %v", key, tags, err)
		}
		if has := mustStat(t, s, o); has.Lacks != "" || !near(has.LockedUntil, time.Now().AddDate(7, 0, 0)) {
			t.Errorf("%s: locked until %v, lacks %q", key, has.LockedUntil, has.Lacks)
		}
		longer := sevenYears
		longer.Retain = s3store.Period{Years: 8, Days: 1}
		if has := mustStat(t, openProtected(t, server, bucket, server.URL, longer), o); !strings.Contains(has.Lacks, "only") {
			t.Errorf("%s: seven years for eight: %q", key, has.Lacks)
		}
		strict := sevenYears
		strict.Lock = types.ObjectLockModeCompliance
		if has := mustStat(t, openProtected(t, server, bucket, server.URL, strict), o); !strings.Contains(has.Lacks, "locked only in governance mode") {
			t.Errorf("%s: governance for compliance: %q", key, has.Lacks)
		}
	}
	free := mustPut(t, openProtected(t, server, bucket, server.URL, s3store.Protection{}), "free", 10, storage.Attrs{})
	has := mustStat(t, s, free)
	if !strings.Contains(has.Lacks, "not locked") {
		t.Errorf("%+v", has)
	}
	if err := s.Protect(t.Context(), has); err != nil {
		t.Fatal(err)
	}
	if has := mustStat(t, s, free); has.Lacks != "" || !near(has.LockedUntil, time.Now().AddDate(7, 0, 0)) {
		t.Errorf("made up for: %+v", has)
	}
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() < time.Hour }

func mustStat(t *testing.T, s *s3store.Store, o storage.Object) storage.Object {
	t.Helper()
	has, err := s.Stat(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// A bucket that can't protect as asked is refused, and the message says why.
func TestProtectionIsRefused(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	s := openProtected(t, server, server.NewBucket(t), server.URL, sevenYears)
	if _, err := s.Probe(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "Object Lock is off for this bucket") {
		t.Errorf("no Object Lock: %v", err)
	}
	// This server takes the header and encrypts nothing.
	s = openProtected(t, server, server.NewBucket(t), server.URL, s3store.Protection{Encryption: types.ServerSideEncryptionAwsKms})
	if _, err := s.Probe(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "doesn't encrypt as requested") {
		t.Errorf("no encryption: %v", err)
	}
}

// What this server ignores is sent as Amazon documents it, and Amazon's answer
// is read.
func TestProtectionAsSent(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	const arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	encrypted := func(with, key string) http.Header {
		return http.Header{"X-Amz-Server-Side-Encryption": {with}, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": {key}}
	}
	var mu sync.Mutex // for both
	answer := encrypted("aws:kms", arn)
	sent := map[string]http.Header{}
	answered := func(h http.Header) {
		mu.Lock()
		defer mu.Unlock()
		answer = h
		clear(sent)
	}
	account := accountOf(t, server)
	proxy := server.Proxy(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
		mu.Lock()
		defer mu.Unlock()
		sent[op+" "+key] = r.Header
		if r.Header.Get("X-Amz-Expected-Bucket-Owner") != account {
			t.Errorf("%s %s doesn't name the owner", op, key)
		}
		return &storagetest.S3Fault{AddHeader: answer}
	})
	bucket := server.NewBucket(t)
	for i, asked := range []string{arn, "1234abcd-12ab-34cd-56ef-1234567890ab", "alias/recordings", ""} {
		p := s3store.Protection{Encryption: types.ServerSideEncryptionAwsKms, KMSKey: asked, Class: types.StorageClassGlacierIr, Owner: account}
		s := openProtected(t, server, bucket, proxy.URL, p)
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		answered(encrypted("aws:kms", arn))
		small := mustPut(t, s, fmt.Sprint("small", i), 10, storage.Attrs{})
		mustPut(t, s, fmt.Sprint("large", i), 6<<20, storage.Attrs{Bulk: true})
		mu.Lock()
		requests := maps.Clone(sent)
		mu.Unlock()
		for request, h := range requests {
			if !strings.HasPrefix(request, "PutObject") && !strings.HasPrefix(request, "CreateMultipartUpload") {
				continue
			}
			class := ""
			if strings.Contains(request, "large") {
				class = "GLACIER_IR"
			}
			if h.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != asked ||
				h.Get("X-Amz-Storage-Class") != class || !strings.Contains(h.Get("Authorization"), "x-amz-server-side-encryption") {
				t.Errorf("%s: %v", request, h)
			}
		}
		if has := mustStat(t, s, small); has.Lacks != "" || has.Encryption != "aws:kms" {
			t.Errorf("%+v", has)
		}
		answered(encrypted("AES256", ""))
		if has := mustStat(t, s, small); !strings.Contains(has.Lacks, "AES256, not aws:kms") {
			t.Errorf("%+v", has)
		}
		answered(encrypted("aws:kms", arn+"f"))
		if has := mustStat(t, s, small); asked != "" && !strings.Contains(has.Lacks, "another key") {
			t.Errorf("%+v", has)
		}
		answered(encrypted("aws:kms", arn))
	}
}

// A server that encrypts with another key than the one that is asked for fails
// the probe, and doesn't make that key the one that was meant.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	const arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	proxy := server.Proxy(t, func(string, string, *http.Request) *storagetest.S3Fault {
		return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Server-Side-Encryption": {"aws:kms"}, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": {arn + "f"}}}
	})
	for _, asked := range []string{arn, "1234abcd-12ab-34cd-56ef-1234567890ab"} {
		s := openProtected(t, server, server.NewBucket(t), proxy.URL, s3store.Protection{Encryption: types.ServerSideEncryptionAwsKms, KMSKey: asked})
		if _, err := s.Probe(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "another key") {
			t.Errorf("%s: %v", asked, err)
		}
		if has := mustStat(t, s, mustPut(t, s, "small", 10, storage.Attrs{})); !strings.Contains(has.Lacks, "another key") {
			t.Errorf("%s: %+v", asked, has)
		}
	}
}

// accountOf is what owns the server's buckets: there the root user's key.
func accountOf(t *testing.T, server *storagetest.S3Server) string {
	t.Helper()
	c, err := server.Config(server.URL).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.AccessKeyID
}

// A bucket of somebody else's is refused at the first request.
func TestExpectedBucketOwner(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	for owner, want := range map[string]bool{accountOf(t, server): true, "999999999999": false} {
		s := openProtected(t, server, bucket, server.URL, s3store.Protection{Owner: owner})
		if _, err := s.Probe(t.Context(), ""); (err == nil) != want {
			t.Errorf("%s: %v", owner, err)
		}
	}
}

// An object in cold storage can't be read, and that says nothing about
// the others.
func TestColdObject(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	proxy := server.Proxy(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op == "GetObject" {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
		}
		return nil
	})
	s := openProtected(t, server, server.NewBucket(t), proxy.URL, s3store.Protection{})
	o := mustPut(t, s, "cold", 10, storage.Attrs{})
	_, err := s.Open(t.Context(), o)
	if err == nil || errors.Is(err, storage.ErrRefused) || !errors.Is(err, storage.ErrCold) || !strings.Contains(err.Error(), "in cold storage") {
		t.Errorf("%v", err)
	}
	mustStat(t, s, o) // needs no reading
}

// What is locked for long enough isn't locked for longer, and what isn't
// encrypted isn't locked in vain.
func TestProtectDoesNoMore(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := lockedBucket(t, server)
	locked := openProtected(t, server, bucket, server.URL, s3store.Protection{Lock: types.ObjectLockModeGovernance, Retain: s3store.Period{Years: 7, Days: 1}})
	seven := openProtected(t, server, bucket, server.URL, sevenYears)
	o := mustPut(t, locked, "long", 10, storage.Attrs{})
	before := mustStat(t, seven, o)
	if err := seven.Protect(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if after := mustStat(t, seven, o); !after.LockedUntil.Equal(before.LockedUntil) {
		t.Errorf("locked until %v, before %v", after.LockedUntil, before.LockedUntil)
	}
	both := sevenYears
	both.Encryption = types.ServerSideEncryptionAwsKms // which this server ignores
	s := openProtected(t, server, bucket, server.URL, both)
	has := mustStat(t, s, mustPut(t, openProtected(t, server, bucket, server.URL, s3store.Protection{}), "free", 10, storage.Attrs{}))
	if err := s.Protect(t.Context(), has); err != nil {
		t.Fatal(err)
	}
	if has := mustStat(t, s, has); !has.LockedUntil.IsZero() || !strings.Contains(has.Lacks, "not locked") || !strings.Contains(has.Lacks, "encrypted") {
		t.Errorf("%+v", has)
	}
}
