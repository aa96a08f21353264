package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
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
	size   int64
}

// unversioned reports whether the bucket has never kept versions. Credentials that may
// not see that are an error: not every server finds the one version of such a bucket's
// objects by its name. One that doesn't know the request has versions, if it has any.
func (s *Store) unversioned(ctx context.Context) (bool, error) {
	out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.bucket})
	if statusOf(err) == http.StatusForbidden {
		return false, fmt.Errorf("%w; erasing needs %s", s.explain("check whether versions are kept in", "", err), rights.GetVersioning)
	}
	return err == nil && out.Status == "", nil
}

// Keys implements storage.Eraser.
func (e *Eraser) Keys(ctx context.Context, prefix string, wanted func(string) bool) (keys []string, err error) {
	s := e.store
	add := func(key string, _ version) {
		if wanted == nil || wanted(key) {
			keys = append(keys, key)
		}
	}
	if never, err := s.unversioned(ctx); err != nil {
		return nil, err
	} else if never {
		for o, err := range s.List(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			add(o.Key, version{})
		}
		return keys, nil
	}
	err = e.eachVersion(ctx, prefix, add)
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// Versions implements storage.Eraser.
func (e *Eraser) Versions(ctx context.Context, key string) (found []storage.Object, err error) {
	all, err := e.versions(ctx, key)
	for _, v := range all {
		if !v.marker {
			found = append(found, storage.Object{Key: key, VersionID: v.id, Content: storage.Content{Size: v.size}})
		}
	}
	return found, err
}

// versions finds all versions of an object. A bucket that never kept any has
// one at most, without a name: not every server knows it as "null".
func (e *Eraser) versions(ctx context.Context, key string) (found []version, err error) {
	s := e.store
	never, err := s.unversioned(ctx)
	if err != nil {
		return nil, err
	}
	if never {
		out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.full(key)})
		if err != nil {
			if err = s.explain("check", key, err); errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return nil, err
		}
		return []version{{size: aws.ToInt64(out.ContentLength)}}, nil
	}
	err = e.eachVersion(ctx, key, func(has string, v version) {
		if has == key { // and not a longer name
			found = append(found, v)
		}
	})
	return found, err
}

// eachVersion goes through all versions under a prefix.
func (e *Eraser) eachVersion(ctx context.Context, prefix string, do func(key string, v version)) error {
	s := e.store
	in := &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: s.full(prefix)}
	var c course
	for {
		out, err := s.client.ListObjectVersions(ctx, in)
		if err != nil {
			return s.explain("list the versions of", prefix, err)
		}
		for _, v := range out.Versions {
			do(s.short(v.Key), version{id: aws.ToString(v.VersionId), size: aws.ToInt64(v.Size)})
		}
		for _, m := range out.DeleteMarkers {
			do(s.short(m.Key), version{id: aws.ToString(m.VersionId), marker: true})
		}
		first := ""
		if len(out.Versions) > 0 {
			first = "v" + aws.ToString(out.Versions[0].Key) + "\x00" + aws.ToString(out.Versions[0].VersionId)
		}
		if len(out.DeleteMarkers) > 0 {
			first += "\x00m" + aws.ToString(out.DeleteMarkers[0].Key) + "\x00" + aws.ToString(out.DeleteMarkers[0].VersionId)
		}
		more, err := c.next(out.IsTruncated, first, out.NextKeyMarker, out.NextVersionIdMarker)
		if err != nil {
			return s.explain("list the versions of", prefix, err)
		}
		if !more {
			return nil
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
			return e.store.explain("check", key, err)
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
	e.store.recent.drop(key)
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
