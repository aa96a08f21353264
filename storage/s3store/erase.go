package s3store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// Eraser removes objects with all their versions.
type Eraser struct{ store *Store }

var _ storage.Eraser = (*Eraser)(nil)

// NewEraser makes the eraser of a bucket.
func NewEraser(s *Store) *Eraser { return &Eraser{s} }

// version is one version of an object.
type version struct {
	id     string
	marker bool // it says that the object is deleted, and has no content
}

// versions finds all versions of an object. A bucket that never kept any has
// one at most, without a name: not every server knows it as "null".
func (e *Eraser) versions(ctx context.Context, key string) (found []version, err error) {
	s := e.store
	if out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.bucket}); err == nil && out.Status == "" {
		_, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.full(key)})
		if err != nil {
			if err = s.explain("look at", key, err); errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return nil, err
		}
		return []version{{}}, nil
	}
	in := &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: s.full(key)}
	for {
		out, err := s.client.ListObjectVersions(ctx, in)
		if err != nil {
			return nil, s.explain("look for the versions of", key, err)
		}
		for _, v := range out.Versions {
			if aws.ToString(v.Key) == *s.full(key) { // and not a longer name
				found = append(found, version{id: aws.ToString(v.VersionId)})
			}
		}
		for _, m := range out.DeleteMarkers {
			if aws.ToString(m.Key) == *s.full(key) {
				found = append(found, version{id: aws.ToString(m.VersionId), marker: true})
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return found, nil
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

// Retained implements storage.Eraser. It tells what the credentials may see;
// S3 itself refuses the rest.
func (e *Eraser) Retained(ctx context.Context, key string) error {
	found, err := e.versions(ctx, key)
	if err != nil {
		return err
	}
	var until time.Time
	for _, v := range found {
		if v.marker {
			continue
		}
		out, err := e.store.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &e.store.bucket, Key: e.store.full(key), VersionId: optional(v.id)})
		if err != nil {
			return e.store.explain("look at", key, err)
		}
		if out.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn {
			return &storage.RetainedError{Key: key}
		}
		if t := aws.ToTime(out.ObjectLockRetainUntilDate); t.After(until) {
			until = t
		}
	}
	if until.After(time.Now()) {
		return &storage.RetainedError{Key: key, Until: until}
	}
	return nil
}

// Erase implements storage.Eraser.
func (e *Eraser) Erase(ctx context.Context, key string) (int, error) {
	found, err := e.versions(ctx, key)
	if err != nil {
		return 0, err
	}
	for i, v := range found {
		_, err := e.store.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &e.store.bucket, Key: e.store.full(key), VersionId: optional(v.id)})
		if err != nil {
			return i, e.store.explain("erase", key, err)
		}
	}
	left, err := e.versions(ctx, key)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("erase %s: the server still has %d versions of it", key, len(left))
	}
	return len(found), err
}
