package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// upload is a multipart upload in progress. Nothing of it is visible until it
// is completed.
type upload struct {
	*Store
	key   string
	id    *string
	parts []types.CompletedPart
	whole hash.Hash // over all bytes
	tops  hash.Hash // over the parts' digests: the composite checksum
	size  int64
}

// putLarge stores a body of which the first part is in the buffer already.
func (s *Store) putLarge(ctx context.Context, key string, r *counter, buffer []byte, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: s.key(key), ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
		ContentType: optional(attrs.ContentType), Metadata: metadata(storage.Object{}, attrs),
	})
	if err != nil {
		return storage.Object{}, err
	}
	u := &upload{Store: s, key: key, id: out.UploadId, whole: sha256.New(), tops: sha256.New()}
	// A crash from here on, until the upload is completed, leaves parts that
	// nobody sees and that Tidy removes.
	completed := false
	defer func() {
		if !completed {
			u.abort(ctx)
		}
	}()
	if err := u.sendAll(ctx, r, buffer); err != nil {
		return storage.Object{}, err
	}
	o := u.object()
	if err := seal(body, o); err != nil {
		return storage.Object{}, err
	}
	if ctx.Err() != nil {
		return storage.Object{}, context.Cause(ctx)
	}
	o, err = s.publish(ctx, o, body.Occupied, func(ifMatch string) (storage.Object, error) {
		return u.complete(ctx, o, ifMatch)
	})
	completed = err == nil
	return o, err
}

// sendAll sends the buffer, then reads and sends until the body's end.
func (u *upload) sendAll(ctx context.Context, r *counter, buffer []byte) error {
	for b := buffer; len(b) > 0; {
		if err := u.send(ctx, b); err != nil {
			return err
		}
		n, err := io.ReadFull(r, buffer)
		if err != nil && r.broken() {
			return r.err
		}
		b = buffer[:n]
	}
	return nil
}

// send uploads one part.
func (u *upload) send(ctx context.Context, b []byte) error {
	sum := storage.Digest(sha256.Sum256(b))
	u.whole.Write(b)
	u.tops.Write(sum[:])
	u.size += int64(len(b))
	part := types.CompletedPart{PartNumber: aws.Int32(int32(len(u.parts) + 1)), ChecksumSHA256: aws.String(sum.Base64())}
	out, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: u.Store.key(u.key), UploadId: u.id, PartNumber: part.PartNumber,
		Body: newBody(b), ContentLength: aws.Int64(int64(len(b))), ChecksumSHA256: part.ChecksumSHA256,
	}, withPayloadHash(sum))
	if err != nil {
		return fmt.Errorf("part %d: %w", len(u.parts)+1, err)
	}
	part.ETag = out.ETag
	u.parts = append(u.parts, part)
	return nil
}

// object is what the upload will be once it is completed.
func (u *upload) object() storage.Object {
	return storage.Object{
		Key:      u.key,
		Content:  storage.Content{Size: u.size, SHA256: storage.Digest(u.whole.Sum(nil))},
		Checksum: fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(u.tops.Sum(nil)), len(u.parts)),
	}
}

var errComposite = errors.New("the server's checksum of the whole upload is not that of what was sent")

func (u *upload) complete(ctx context.Context, o storage.Object, ifMatch string) (storage.Object, error) {
	out, err := u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: u.Store.key(u.key), UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
		IfNoneMatch:     u.ifNoneMatch(ifMatch), IfMatch: optional(ifMatch),
	})
	if err != nil {
		return storage.Object{}, err
	}
	if sum := aws.ToString(out.ChecksumSHA256); sum != "" && sum != o.Checksum {
		return storage.Object{}, fmt.Errorf("%w: %s, not %s", errComposite, sum, o.Checksum)
	}
	o.VersionID, o.ETag = aws.ToString(out.VersionId), aws.ToString(out.ETag)
	return o, nil
}

const abortTimeout = 10 * time.Second

// abort drops the parts, also when ctx has ended. What it can't drop, the next
// run's Tidy will.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.bucket, Key: u.Store.key(u.key), UploadId: u.id})
	if err != nil && codeOf(err) != "NoSuchUpload" {
		u.log.Debug("an upload could not be aborted; the next run tidies up", "key", u.key, "reason", brief(err))
	}
}
