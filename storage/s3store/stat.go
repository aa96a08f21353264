package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// Stat implements storage.Store: one HEAD, and a GET where the HEAD brings no
// checksum that proves anything.
func (s *Store) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	if err := storage.CheckKey(want.Key); err != nil {
		return storage.Object{}, fmt.Errorf("look at %s: %w", want.Key, err)
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.bucket, Key: s.key(want.Key), VersionId: optional(want.VersionID), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return storage.Object{}, explain("look at", want.Key, err)
	}
	has := storage.Object{
		Key: want.Key, VersionID: aws.ToString(out.VersionId), ETag: aws.ToString(out.ETag),
		Content: storage.Content{Size: aws.ToInt64(out.ContentLength)}, Expires: expiry(aws.ToString(out.Expiration)),
	}
	sum := aws.ToString(out.ChecksumSHA256)
	whole, err := base64.StdEncoding.DecodeString(sum)
	switch {
	case s.readBack.Load():
		return s.readWhole(ctx, has)
	case err == nil && len(whole) == len(has.SHA256):
		has.SHA256 = storage.Digest(whole)
		return has, nil
	case sum != "" && sum == want.Checksum && has.Size == want.Size:
		// The server's digest over the parts' digests is the one that we
		// computed together with the digest of the whole.
		has.SHA256, has.Checksum = want.SHA256, sum
		return has, nil
	}
	return s.readWhole(ctx, has)
}

// readWhole proves an object by reading it.
func (s *Store) readWhole(ctx context.Context, o storage.Object) (storage.Object, error) {
	r, err := s.Open(ctx, o)
	if err != nil {
		return storage.Object{}, err
	}
	defer r.Close()
	h := sha256.New()
	if o.Size, err = io.Copy(h, r); err != nil {
		return storage.Object{}, fmt.Errorf("read back %s: %w", o.Key, err)
	}
	o.SHA256 = storage.Digest(h.Sum(nil))
	return o, nil
}

var expiryDate = regexp.MustCompile(`expiry-date="([^"]+)"`)

// expiry reads x-amz-expiration, with which S3 announces that a lifecycle rule
// will remove the object. A date that can't be read counts as near.
func expiry(header string) time.Time {
	if header == "" {
		return time.Time{}
	}
	if m := expiryDate.FindStringSubmatch(header); m != nil {
		if t, err := http.ParseTime(m[1]); err == nil {
			return t.UTC()
		}
	}
	return time.Unix(0, 0).UTC()
}
