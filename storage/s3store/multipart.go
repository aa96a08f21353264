package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
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
	tops  hash.Hash // over the parts' digests: makes the composite checksum
	size  int64     // bytes
	mark  string    // see markUpload

	encryption    types.ServerSideEncryption // as the server has announced it
	encryptionKey *string
}

// putLarge stores a body whose first part is in the buffer already, part by
// part as it comes. It gives the buffer back once that is sent.
func (s *Store) putLarge(ctx context.Context, key string, first []byte, give func(), body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	u, err := s.begin(ctx, key, attrs)
	if err != nil {
		return storage.Object{}, err
	}
	// A crash from here on, until the upload is completed, leaves parts that
	// nobody sees: who has the journal aborts them, and where the server lists
	// them, Tidy does.
	completed := false
	defer func() {
		if completed {
			u.ended()
		} else {
			u.abort(ctx)
		}
	}()
	if s.journal != nil {
		if err := s.journal.UploadBegun(ctx, key, *u.id); err != nil {
			return storage.Object{}, err
		}
	}
	err = u.send(ctx, first)
	give()
	for ended := false; err == nil && !ended; {
		ended, err = u.sendNext(ctx, body.Reader)
	}
	if err != nil {
		return storage.Object{}, fmt.Errorf("part %d: %w", len(u.parts)+1, err)
	}
	o := u.object()
	if err := seal(ctx, body, o); err != nil {
		return storage.Object{}, err
	}
	p := publication{Store: s, object: o, occupied: body.Occupied, reread: body.Reread}
	p.request = func(c condition) (storage.Object, error) {
		stored, err := u.complete(ctx, o, c)
		completed = err == nil
		return stored, err
	}
	return p.publish(ctx)
}

func (s *Store) begin(ctx context.Context, key string, attrs storage.Attrs) (*upload, error) {
	mark := rand.Text()
	metadata := map[string]string{markUpload: mark}
	maps.Copy(metadata, attrs.Metadata)
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: s.full(key), ContentType: optional(attrs.ContentType), Metadata: metadata,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
	}, s.protected(attrs))
	if err != nil {
		return nil, err
	}
	return &upload{
		Store: s, key: key, id: out.UploadId, mark: mark, whole: sha256.New(), tops: sha256.New(),
		encryption: out.ServerSideEncryption, encryptionKey: out.SSEKMSKeyId,
	}, nil
}

// sendNext fills a buffer and sends it, if anything is left.
func (u *upload) sendNext(ctx context.Context, r io.Reader) (ended bool, err error) {
	buffer, err := u.Store.parts.take(ctx)
	if err != nil {
		return false, err
	}
	defer u.Store.parts.give(buffer)
	n, ended, err := fill(ctx, r, buffer)
	if err == nil && n > 0 {
		err = u.send(ctx, buffer[:n])
	}
	return ended, err
}

// send uploads one part.
func (u *upload) send(ctx context.Context, b []byte) error {
	sum := storage.Digest(sha256.Sum256(b))
	u.whole.Write(b)
	u.tops.Write(sum[:])
	u.size += int64(len(b))
	part := types.CompletedPart{PartNumber: aws.Int32(int32(len(u.parts) + 1)), ChecksumSHA256: aws.String(sum.Base64())}
	out, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: u.full(u.key), UploadId: u.id, PartNumber: part.PartNumber,
		Body: bytes.NewReader(b), ContentLength: aws.Int64(int64(len(b))), ChecksumSHA256: part.ChecksumSHA256,
	}, signed(sum))
	if err != nil {
		return err
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
		Mark:     u.mark,
	}
}

// complete makes the upload visible, if the condition holds. The server
// compares the parts' checksums with what it has received.
func (u *upload) complete(ctx context.Context, o storage.Object, c condition) (storage.Object, error) {
	out, err := u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: u.full(u.key), UploadId: u.id, ChecksumType: types.ChecksumTypeComposite,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
		IfNoneMatch:     c.ifNoneMatch, IfMatch: c.ifMatch,
	})
	if err != nil {
		return storage.Object{}, err
	}
	if sum := aws.ToString(out.ChecksumSHA256); sum != "" && !sameComposite(sum, o.Checksum) {
		// It is there, and isn't what was sent; reading it back will tell.
		return storage.Object{}, fmt.Errorf("the server assembled an object with checksum %s, not %s", sum, o.Checksum)
	}
	o.VersionID, o.ETag = aws.ToString(out.VersionId), etagOf(out.ETag)
	return o, nil
}

const abortTimeout = 10 * time.Second

// abort drops the parts, also when ctx has ended. What it can't drop, the next
// run will.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := u.drop(ctx, u.key, aws.ToString(u.id)); err != nil {
		u.log.Debug("an upload could not be aborted; the next run removes it", "key", u.key, "reason", brief(err))
		return
	}
	u.ended()
}

// ended says that nothing is left of the upload but, perhaps, an object.
func (u *upload) ended() {
	if u.journal != nil {
		u.journal.UploadEnded(u.key, aws.ToString(u.id))
	}
}

// drop aborts an upload. One that was completed after all is not touched by it:
// the server knows no such upload any more.
func (s *Store) drop(ctx context.Context, key, id string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.full(key), UploadId: &id})
	if err != nil && statusOf(err) == http.StatusNotFound && codeOf(err) != "NoSuchBucket" {
		return nil
	}
	return err
}

// JournalUploads implements storage.Uploader.
func (s *Store) JournalUploads(j storage.UploadJournal) { s.journal = j }

// AbortUpload implements storage.Uploader.
func (s *Store) AbortUpload(ctx context.Context, key, id string) error {
	if err := s.drop(ctx, key, id); err != nil {
		return s.explain("abort the unfinished upload of", key, err)
	}
	return nil
}

// What objects are marked with, as metadata: those of one piece with the digest of
// what was sent, which is there for people too; those of several, whose digest
// isn't known when they are begun, with a word of their own.
const (
	markUpload = "vbcvault-upload"
	markDigest = "sha256"
)

// markOf is an object's mark. A digest that the bytes have is none: it says nothing
// that they don't.
func markOf(o storage.Object, metadata map[string]string) string {
	if mark := metadata[markUpload]; mark != "" {
		return mark
	}
	if sum := metadata[markDigest]; sum != o.SHA256.String() {
		return sum
	}
	return ""
}

// isWhole reports whether an object's bytes have the digest that was noted beside
// them when they were sent.
func isWhole(o storage.Object, metadata map[string]string) bool {
	return o.Proven() && metadata[markDigest] == o.SHA256.String()
}
