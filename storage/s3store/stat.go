package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

// Stat implements storage.Store. It is one HEAD, and then a GET of everything
// where the HEAD brings no checksum that proves the content; on a server that
// doesn't check what it is sent it is the GET alone.
//
// In a versioned bucket it is the current version that counts, whichever that
// is: one below a delete marker, or below another version, is on its way out.
func (s *Store) Stat(ctx context.Context, want storage.Object) (has storage.Object, err error) {
	err = s.patiently(ctx, want.Key, func() (err error) {
		has, err = s.stat(ctx, want)
		return err
	})
	return has, err
}

func (s *Store) stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	if err := storage.CheckKey(want.Key); err != nil {
		return storage.Object{}, s.explain("check", want.Key, err)
	}
	if s.readBack.Load() && want.Seen == "" {
		return s.readWhole(ctx, storage.Object{Key: want.Key})
	}
	has, proven, err := s.head(ctx, want)
	if s.foreign && doubtful(err) { // it may not know the question for a checksum, which a HEAD's answer doesn't say
		s.log.Debug("the destination refuses to describe an object; reading it back", "key", want.Key, "reason", brief(err))
		return s.readWhole(ctx, storage.Object{Key: want.Key})
	}
	if err == nil && want.Seen != "" && has.Seen == want.Seen {
		has.Content, has.Checksum, has.Proof, has.Mark = want.Content, want.Checksum, storage.ProofRead, want.Mark
		return has, nil
	}
	proven = proven && !s.readBack.Load()
	if err == nil && proven && has.Checksum != "" {
		proven, err = s.checksParts(ctx)
	}
	if err != nil {
		return storage.Object{}, s.explain("check", want.Key, err)
	}
	if !proven {
		return s.readWhole(ctx, has)
	}
	return has, nil
}

// head asks for the checksum that the server keeps, and reports whether that
// proves the content.
func (s *Store) head(ctx context.Context, want storage.Object) (has storage.Object, proven bool, err error) {
	out, err := s.headObject(ctx, s.full(want.Key))
	if err != nil {
		return storage.Object{}, false, err
	}
	has = storage.Object{
		Key: want.Key, VersionID: aws.ToString(out.VersionId), ETag: etagOf(out.ETag),
		Content: storage.Content{Size: aws.ToInt64(out.ContentLength)}, Expires: expiry(aws.ToString(out.Expiration)),
		Seen: seen(out.VersionId, out.ETag, out.LastModified),
	}
	defer func() { has.Mark, has.Whole = markOf(has, out.Metadata), isWhole(has, out.Metadata) }()
	s.describe(&has, kept{out.ObjectLockMode, out.ObjectLockRetainUntilDate, out.LastModified, out.ServerSideEncryption, out.SSEKMSKeyId})
	sum := aws.ToString(out.ChecksumSHA256)
	if isComposite(sum, out.ChecksumType, has.ETag) || want.Checksum != "" && sameComposite(sum, want.Checksum) {
		has.Checksum = sum
		// The server's digest over the parts' digests is the one that was
		// computed together with the digest of the whole, so these are the
		// bytes that the latter is of.
		if want.Proven() && has.Size == want.Size && sameComposite(sum, want.Checksum) {
			has.SHA256, has.Checksum, has.Proof = want.SHA256, want.Checksum, storage.ProofParts
			return has, true, nil
		}
		return has, false, nil
	}
	if whole, _ := base64.StdEncoding.DecodeString(sum); len(whole) == len(has.SHA256) {
		has.SHA256, has.Proof = storage.Digest(whole), storage.ProofChecksum
		return has, true, nil
	}
	return has, false, nil // no checksum, or none that we know
}

// isComposite reports whether a checksum is over the digests of parts. Some
// servers leave the number of parts out, some the type. (Where all is left out, it
// is known by being the one that was asked for.)
func isComposite(sum string, t types.ChecksumType, etag string) bool {
	return sum != "" && (t == types.ChecksumTypeComposite || strings.Contains(sum, "-") || t == "" && strings.Contains(etag, "-"))
}

// sameComposite compares composite checksums; the number of parts only where
// both have it.
func sameComposite(a, b string) bool {
	sumA, partsA, _ := strings.Cut(a, "-")
	sumB, partsB, _ := strings.Cut(b, "-")
	return sumA != "" && sumA == sumB && (partsA == partsB || partsA == "" || partsB == "")
}

// readWhole proves an object by reading it. What the answer says of it counts,
// since the object may be another one than a moment ago.
func (s *Store) readWhole(ctx context.Context, o storage.Object) (storage.Object, error) {
	out, err := s.get(ctx, o)
	if err != nil {
		return storage.Object{}, s.explain("read back", o.Key, err)
	}
	defer out.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, out.Body)
	if err == nil && out.ContentLength != nil && n != *out.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return storage.Object{}, s.explain("read back", o.Key, err)
	}
	has := storage.Object{
		Key: o.Key, VersionID: aws.ToString(out.VersionId), ETag: etagOf(out.ETag),
		Content: storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}, Expires: expiry(aws.ToString(out.Expiration)),
		Proof: storage.ProofRead, Seen: seen(out.VersionId, out.ETag, out.LastModified),
	}
	has.Mark, has.Whole = markOf(has, out.Metadata), isWhole(has, out.Metadata)
	s.describe(&has, kept{out.ObjectLockMode, out.ObjectLockRetainUntilDate, out.LastModified, out.ServerSideEncryption, out.SSEKMSKeyId})
	if has.Lacks != "" { // some servers say only to a HEAD how an object is kept
		now, _, err := s.head(ctx, storage.Object{Key: o.Key})
		if err == nil && now.Seen == has.Seen {
			has.Lacks, has.LockedUntil, has.Encryption = now.Lacks, now.LockedUntil, now.Encryption
		}
	}
	if has.ETag == o.ETag {
		has.Checksum = o.Checksum // of these very bytes
	}
	return has, nil
}

// Reread implements storage.Store: a GET of everything. Like Stat it is about the
// current version.
func (s *Store) Reread(ctx context.Context, want storage.Object) (storage.Object, error) {
	if err := storage.CheckKey(want.Key); err != nil {
		return storage.Object{}, s.explain("read back", want.Key, err)
	}
	var has storage.Object
	err := s.patiently(ctx, want.Key, func() (err error) {
		has, err = s.readWhole(ctx, storage.Object{Key: want.Key, ETag: want.ETag, Checksum: want.Checksum})
		return err
	})
	return has, err
}

// seen tells an object from every other that has had its key. The same bytes
// written again have the same ETag, hence the time.
func seen(version, etag *string, modified *time.Time) string {
	if etagOf(etag) == "" || modified == nil {
		return ""
	}
	return fmt.Sprint(aws.ToString(version), " ", *etag, " ", modified.Unix())
}

// etagOf is an object's ETag, "" if it has none: some servers have nothing to make
// one of, and send empty quotes with all that they hold.
func etagOf(etag *string) string {
	if e := aws.ToString(etag); strings.Trim(strings.TrimPrefix(e, "W/"), `" `) != "" {
		return e
	}
	return ""
}

func (s *Store) get(ctx context.Context, o storage.Object) (*s3.GetObjectOutput, error) {
	return s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID)})
}

var expiryDate = regexp.MustCompile(`expiry-date="([^"]*)"`)

// expiry reads x-amz-expiration, with which S3 announces that a lifecycle rule
// will remove the object. An announcement that can't be read counts as due.
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

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	if err := storage.CheckKey(o.Key); err != nil {
		return nil, s.explain("open", o.Key, err)
	}
	var body io.ReadCloser
	err := s.patiently(ctx, o.Key, func() error {
		out, err := s.get(ctx, o)
		if err != nil {
			return s.explain("open", o.Key, err)
		}
		body = out.Body
		return nil
	})
	return body, err
}
