package s3store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// short is a key as this program writes it, without the destination's prefix.
func (s *Store) short(key *string) string { return strings.TrimPrefix(aws.ToString(key), s.prefix) }

// List implements storage.Store. A server that was found not to check what it
// is sent may hold the probe; it is not listed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		last := ""
		for page, err := range s.pages(ctx, prefix, nil) {
			if err != nil {
				yield(storage.Object{}, err)
				return
			}
			for _, item := range page.Contents {
				o := storage.Object{
					Key: s.short(item.Key), ETag: etagOf(item.ETag),
					Content: storage.Content{Size: aws.ToInt64(item.Size)},
				}
				if o.Key <= last && last != "" { // whoever compares with it would miss some
					yield(storage.Object{}, s.explain("list", prefix, fmt.Errorf("the server's listing is not sorted by key: %q comes after %q", plain(o.Key), plain(last))))
					return
				}
				if last = o.Key; o.Key != probeKey && !yield(o, nil) {
					return
				}
			}
		}
	}
}

// Names implements storage.Explorer.
func (s *Store) Names(ctx context.Context, prefix string) (names []string, err error) {
	for page, err := range s.pages(ctx, prefix, aws.String("/")) {
		if err != nil {
			return nil, err
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

// housekeeping is how long one request may take on which nothing depends.
const housekeeping = time.Minute

// uploads yields the multipart uploads under prefix, and those of a probe. The
// error is ErrHidden (wrapped), whatever the server has answered: not all know
// that listing, and nothing depends on it. It is another one only if ctx has ended.
func (s *Store) uploads(ctx context.Context, prefix string) iter.Seq2[types.MultipartUpload, error] {
	return func(yield func(types.MultipartUpload, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: s.full("")}
		for c, more := (course{}), true; more; {
			out, err := s.listUploads(ctx, in)
			if err != nil {
				yield(types.MultipartUpload{}, s.hidden(ctx, err))
				return
			}
			first := ""
			for i, u := range out.Uploads {
				if i == 0 {
					first = aws.ToString(u.Key) + "\x00" + aws.ToString(u.UploadId)
				}
				if key := s.short(u.Key); (key == probeKey || strings.HasPrefix(key, prefix)) && !yield(u, nil) {
					return
				}
			}
			if more, err = c.next(out.IsTruncated, first, out.NextKeyMarker, out.NextUploadIdMarker); err != nil {
				yield(types.MultipartUpload{}, s.hidden(ctx, err))
				return
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
	}
}

func (s *Store) listUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, housekeeping)
	defer cancel()
	return s.client.ListMultipartUploads(ctx, in)
}

func (s *Store) hidden(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return s.explain("list unfinished uploads under", s.prefix, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s", storage.ErrHidden, s.redact(brief(err).Error()))
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

// maxStubborn is how many uploads in a row may not be aborted before the rest
// is left alone.
const maxStubborn = 3

// Tidy implements storage.Destination: it aborts the multipart uploads under
// prefix, and those of a probe. Whatever the server refuses of that, it says so
// and leaves them alone; they cost a little, and nothing depends on it. The error
// is never another one than that ctx has ended.
func (s *Store) Tidy(ctx context.Context, prefix string) (aborted int, err error) {
	stubborn := 0
	for u, err := range s.uploads(ctx, prefix) {
		if errors.Is(err, storage.ErrHidden) {
			s.log.Warn("unfinished uploads of interrupted runs can't be listed and stay; allow "+rights.ListUploads+", or add a lifecycle rule that aborts them",
				"destination", s.String(), "reason", err)
			return aborted, nil
		}
		if err != nil {
			return aborted, err
		}
		err = s.abortUpload(ctx, u)
		switch {
		case err == nil:
			aborted++
			stubborn = 0
		case ctx.Err() != nil:
			return aborted, s.explain("abort the unfinished upload of", s.short(u.Key), context.Cause(ctx))
		case codeOf(err) != "NoSuchUpload":
			s.log.Warn("an unfinished upload can't be aborted and stays", "key", s.short(u.Key), "reason", s.redact(brief(err).Error()))
			if stubborn++; stubborn >= maxStubborn {
				return aborted, nil // the next run tries again
			}
		}
	}
	return aborted, nil
}

func (s *Store) abortUpload(ctx context.Context, u types.MultipartUpload) error {
	ctx, cancel := context.WithTimeout(ctx, housekeeping)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
	return err
}
