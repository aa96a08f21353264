package s3store

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// Both are the SDK's calls of that name, sent directly where that is possible. They
// know the fields that this package uses.

// putObject stores b, whose digest is given, with further headers.
func (s *Store) putObject(ctx context.Context, in *s3.PutObjectInput, b []byte, sum storage.Digest, more map[string]string) (*s3.PutObjectOutput, error) {
	var a *answered
	if len(b) <= smallBody && s.digests() == withSHA256 { // what is larger is asked for first: Expect: 100-continue
		a = s.direct.send(ctx, object{method: http.MethodPut, key: *in.Key, query: "x-id=PutObject", digest: sum.String(), header: putHeader(in, more), body: b})
		if h := a.header(); h != nil {
			return &s3.PutObjectOutput{VersionId: value(h, "X-Amz-Version-Id"), ETag: value(h, "Etag")}, nil
		}
	}
	defer a.close()
	return s.client.PutObject(ctx, in, signed(sum), withHeaders(more), a.first)
}

func putHeader(in *s3.PutObjectInput, more map[string]string) http.Header {
	h := make(http.Header, 24)
	h["Content-Type"] = []string{"application/octet-stream"}
	setHeader(h, "Content-Type", in.ContentType)
	setHeader(h, "If-None-Match", in.IfNoneMatch)
	setHeader(h, "If-Match", in.IfMatch)
	setHeader(h, "X-Amz-Checksum-Sha256", in.ChecksumSHA256)
	for name, v := range in.Metadata {
		h.Set("X-Amz-Meta-"+name, v)
	}
	for name, v := range more {
		h.Set(name, v)
	}
	return h
}

// headObject asks what is known of the object, with its checksum.
func (s *Store) headObject(ctx context.Context, key *string) (*s3.HeadObjectOutput, error) {
	var a *answered
	if s.digests() == withSHA256 {
		a = s.direct.send(ctx, object{method: http.MethodHead, key: *key, digest: noBody, header: http.Header{"X-Amz-Checksum-Mode": {string(types.ChecksumModeEnabled)}}})
		if out := headOutput(a.header()); out != nil {
			return out, nil
		}
	}
	defer a.close()
	return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled}, a.first)
}

var noBody = storage.SumOf(nil).String()

// headOutput is nil if there is something in the answer that can't be read.
func headOutput(h http.Header) *s3.HeadObjectOutput {
	if h == nil {
		return nil
	}
	out := &s3.HeadObjectOutput{
		ETag: value(h, "Etag"), VersionId: value(h, "X-Amz-Version-Id"), Expiration: value(h, "X-Amz-Expiration"),
		ChecksumSHA256: value(h, "X-Amz-Checksum-Sha256"), ChecksumType: types.ChecksumType(h.Get("X-Amz-Checksum-Type")),
		ObjectLockMode:       types.ObjectLockMode(h.Get("X-Amz-Object-Lock-Mode")),
		ServerSideEncryption: types.ServerSideEncryption(h.Get("X-Amz-Server-Side-Encryption")),
		SSEKMSKeyId:          value(h, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
	}
	size, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return nil
	}
	out.ContentLength = &size
	for _, m := range []struct {
		name, layout string
		to           **time.Time
	}{
		{"Last-Modified", http.TimeFormat, &out.LastModified},
		{"X-Amz-Object-Lock-Retain-Until-Date", time.RFC3339, &out.ObjectLockRetainUntilDate},
	} {
		v := value(h, m.name)
		if v == nil {
			continue
		}
		at, err := time.Parse(m.layout, *v)
		if err != nil {
			return nil
		}
		*m.to = aws.Time(at.UTC())
	}
	for name, v := range h {
		if rest, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok {
			if out.Metadata == nil {
				out.Metadata = map[string]string{}
			}
			out.Metadata[strings.ToLower(rest)] = strings.TrimSpace(v[0])
		}
	}
	return out
}

// value is a header, nil if there is none.
func value(h http.Header, name string) *string {
	if v := h[name]; len(v) > 0 {
		return &v[0]
	}
	return nil
}
