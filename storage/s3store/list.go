package s3store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// short is a key as this program writes it, without the destination's prefix.
func (s *Store) short(key *string) string { return strings.TrimPrefix(aws.ToString(key), s.prefix) }

// List implements storage.Store. A server that was found not to check what it
// is sent may hold the probe; it is not listed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.full(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(storage.Object{}, s.explain("list", prefix, err))
				return
			}
			for _, item := range page.Contents {
				o := storage.Object{
					Key: s.short(item.Key), ETag: aws.ToString(item.ETag),
					Content: storage.Content{Size: aws.ToInt64(item.Size)},
				}
				if o.Key != probeKey && !yield(o, nil) {
					return
				}
			}
		}
	}
}

// Names implements storage.Explorer.
func (s *Store) Names(ctx context.Context, prefix string) (names []string, err error) {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.full(prefix), Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain("list", prefix, err)
		}
		for _, dir := range page.CommonPrefixes {
			names = append(names, s.short(dir.Prefix))
		}
		for _, item := range page.Contents {
			if key := s.short(item.Key); key != probeKey {
				names = append(names, key)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Identity implements storage.Explorer: a bucket has none.
func (s *Store) Identity(context.Context) (string, error) { return "", nil }

// uploads yields the multipart uploads under prefix, and those of a probe. The
// error is ErrHidden (wrapped) where it may not list them.
func (s *Store) uploads(ctx context.Context, prefix string) iter.Seq2[types.MultipartUpload, error] {
	return func(yield func(types.MultipartUpload, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: s.full("")}
		for {
			out, err := s.client.ListMultipartUploads(ctx, in)
			if status := statusOf(err); status == http.StatusForbidden || status == http.StatusNotImplemented {
				err = fmt.Errorf("%w: %w", storage.ErrHidden, brief(err))
			} else if err != nil {
				err = s.explain("list unfinished uploads under", prefix, err)
			}
			if err != nil {
				yield(types.MultipartUpload{}, err)
				return
			}
			for _, u := range out.Uploads {
				if key := s.short(u.Key); (key == probeKey || strings.HasPrefix(key, prefix)) && !yield(u, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
	}
}

// Unfinished implements storage.Explorer.
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for u, err := range s.uploads(ctx, prefix) {
			if !yield(s.short(u.Key), err) {
				return
			}
		}
	}
}

// Tidy implements storage.Destination: it aborts the multipart uploads under
// prefix, and those of a probe. Where it may not list them, it says so and
// leaves them alone; they cost a little, and nothing depends on it.
func (s *Store) Tidy(ctx context.Context, prefix string) (aborted int, err error) {
	for u, err := range s.uploads(ctx, prefix) {
		if errors.Is(err, storage.ErrHidden) {
			s.log.Warn("unfinished uploads of interrupted runs can't be listed and stay; allow s3:ListBucketMultipartUploads, or have a lifecycle rule abort them",
				"destination", s.String(), "reason", err)
			return aborted, nil
		}
		if err != nil {
			return aborted, err
		}
		_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
		switch {
		case err == nil:
			aborted++
		case ctx.Err() != nil:
			return aborted, s.explain("abort the unfinished upload of", s.short(u.Key), context.Cause(ctx))
		case codeOf(err) != "NoSuchUpload":
			s.log.Warn("an unfinished upload can't be aborted and stays", "key", s.short(u.Key), "reason", brief(err))
		}
	}
	return aborted, nil
}
