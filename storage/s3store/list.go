package s3store

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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

// Tidy implements storage.Destination: it aborts the multipart uploads under
// prefix, and those of a probe. Where it may not list them, it says so and
// leaves them alone; they cost a little, and nothing depends on it.
func (s *Store) Tidy(ctx context.Context, prefix string) (aborted int, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: s.full("")}
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if status := statusOf(err); status == http.StatusForbidden || status == http.StatusNotImplemented {
			s.log.Warn("unfinished uploads of interrupted runs can't be listed and stay; allow s3:ListBucketMultipartUploads, or have a lifecycle rule abort them",
				"destination", s.String(), "reason", brief(err))
			return aborted, nil
		}
		if err != nil {
			return aborted, s.explain("list unfinished uploads under", prefix, err)
		}
		for _, u := range out.Uploads {
			key := s.short(u.Key)
			if key != probeKey && !strings.HasPrefix(key, prefix) {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
			switch {
			case err == nil:
				aborted++
			case ctx.Err() != nil:
				return aborted, s.explain("abort the unfinished upload of", key, context.Cause(ctx))
			case codeOf(err) != "NoSuchUpload":
				s.log.Warn("an unfinished upload can't be aborted and stays", "key", key, "reason", brief(err))
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return aborted, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}
