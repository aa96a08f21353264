package s3store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
)

// probeKey is where the probe pretends to write. Where all is well, nothing is
// ever stored there.
const probeKey = storage.Reserved + "probe"

// Probe implements storage.Destination. It sends a PUT with a wrong checksum.
// A server that refuses it for the checksum has shown two things: that we may
// write, since permissions are looked at first, and that it checks what it is
// sent. One that takes it doesn't check; from then on every object is read
// back before it counts as proven, and looked for before it is written.
func (s *Store) Probe(ctx context.Context, _ string) (string, error) {
	wrong := storage.SumOf([]byte("vbcvault: these are other bytes"))
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.key(probeKey), Body: newBody([]byte("vbcvault probe\n")), ChecksumSHA256: aws.String(wrong.Base64()),
	})
	switch {
	case err == nil:
		s.readBack.Store(true)
		s.lookFirst.Store(true)
		s.log.Warn("the destination doesn't check what it is sent; every object is read back before it counts as proven",
			"destination", s.String(), "left_there", probeKey)
		return "", nil
	case isChecksumRefusal(err):
		return "", nil
	case errors.Is(err, context.Canceled):
		return "", context.Cause(ctx)
	}
	err = explain("try", s.String(), err)
	if !errors.Is(err, storage.ErrRefused) {
		err = fmt.Errorf("%w: %w", storage.ErrRefused, err)
	}
	return "", err
}

// isChecksumRefusal reports whether a PUT was refused for its checksum.
// Servers use several codes for that.
func isChecksumRefusal(err error) bool {
	if statusOf(err) != http.StatusBadRequest {
		return false
	}
	switch codeOf(err) {
	case "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "ChecksumMismatch":
		return true
	case "InvalidRequest", "InvalidArgument":
		return strings.Contains(strings.ToLower(err.Error()), "checksum")
	}
	return false
}

// Tidy implements storage.Destination: it aborts multipart uploads. Where it
// may not list them, it says so and leaves them alone.
func (s *Store) Tidy(ctx context.Context, prefix string) (aborted int, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: aws.String(s.under(prefix))}
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if statusOf(err) == http.StatusForbidden || statusOf(err) == http.StatusNotImplemented {
			s.log.Info("unfinished uploads of interrupted runs can't be listed (s3:ListBucketMultipartUploads) and stay; a lifecycle rule can remove them")
			return aborted, nil
		}
		if err != nil {
			return aborted, explain("list unfinished uploads in", s.String(), err)
		}
		for _, u := range out.Uploads {
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
			switch {
			case err == nil:
				aborted++
			case codeOf(err) != "NoSuchUpload":
				s.log.Warn("an unfinished upload can't be aborted", "key", aws.ToString(u.Key), "reason", brief(err))
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return aborted, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// under is a relative prefix's full one. A slash at the end stays.
func (s *Store) under(prefix string) string {
	full := path.Join(s.prefix, prefix)
	if strings.HasSuffix(prefix, "/") || prefix == "" && s.prefix != "" {
		full += "/"
	}
	return full
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.under(prefix))})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx)
			if err != nil {
				yield(storage.Object{}, explain("list", s.String(), err))
				return
			}
			for _, item := range out.Contents {
				key := aws.ToString(item.Key)
				if s.prefix != "" {
					key = strings.TrimPrefix(key, s.prefix+"/")
				}
				o := storage.Object{Key: key, ETag: aws.ToString(item.ETag), Content: storage.Content{Size: aws.ToInt64(item.Size)}}
				if key != probeKey && !yield(o, nil) {
					return
				}
			}
		}
	}
}
