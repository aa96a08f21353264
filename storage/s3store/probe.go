package s3store

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
)

// probeKey is where the probe pretends to write. Where all is well, nothing is
// ever stored there.
const probeKey = storage.Reserved + "probe"

var (
	probeBody = []byte("vbcvault asks whether this server checks what it is sent.\n")
	probeHash = storage.SumOf(probeBody)
	otherHash = storage.SumOf([]byte("other bytes"))
)

// Probe implements storage.Destination. It sends a PUT with a wrong checksum.
// A server that refuses it for the checksum has shown two things: that we may
// write, since permissions are looked at first, and that it checks what it is
// sent. One that takes it doesn't check: from then on every object is read
// back before it counts as proven, and looked for before it is written, since
// such a server may ignore conditions just as well.
//
// A bucket has no identity of its own beyond its name.
func (s *Store) Probe(ctx context.Context, _ string) (string, error) {
	err := s.probeObject(ctx, condition{})
	switch {
	case err == nil:
		s.readBack.Store(true)
		s.looksFirst.Store(true)
		s.log.Warn("the destination doesn't check what it is sent: vbcvault reads everything back, which takes longer, and looks before each write",
			"destination", s.String(), "left_there", probeKey)
	case !isChecksumRefusal(err):
		return "", s.unfit(ctx, err)
	}
	if err := s.probeProtection(ctx); err != nil {
		return "", s.unfit(ctx, err)
	}
	if s.foreign && s.asksConditions && !s.readBack.Load() {
		if err := s.probeCondition(ctx); err != nil {
			return "", s.unfit(ctx, err)
		}
	}
	return "", nil
}

// unfit marks an error of the probe: whatever it is, the destination is not to
// be used.
func (s *Store) unfit(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("try whether %s can be written: %w", s, context.Cause(ctx))
	}
	return &failure{op: "try whether it can be written", where: s.String(), err: err, redact: s.redact, refused: true}
}

func (s *Store) probeObject(ctx context.Context, c condition) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.full(probeKey), Body: bytes.NewReader(probeBody), ContentLength: aws.Int64(int64(len(probeBody))),
		ChecksumSHA256: aws.String(otherHash.Base64()), IfMatch: c.ifMatch,
	}, signed(probeHash))
	return err
}

// probeCondition asks for the replacement of an object that isn't there, again
// with a wrong checksum, so that nothing is written in any case. A server that
// heeds conditions misses the object; one that gets as far as complaining about
// the checksum may never have looked.
func (s *Store) probeCondition(ctx context.Context) error {
	err := s.probeObject(ctx, condition{ifMatch: aws.String(`"00000000000000000000000000000000"`)})
	switch status := statusOf(err); {
	case status == http.StatusPreconditionFailed, status == http.StatusNotFound && codeOf(err) != "NoSuchBucket":
		return nil
	case status == http.StatusNotImplemented:
		s.dropConditions()
		return nil
	case err == nil, isChecksumRefusal(err):
		s.looksFirst.Store(true)
		s.log.Info("the destination doesn't show that it heeds conditions: vbcvault looks before each write", "destination", s.String())
		return nil
	}
	return err
}

// checksParts reports whether the server checks parts, which is what a
// composite checksum rests on. Amazon's own S3 does. Of any other server that
// is found out when it first matters, with three requests that leave nothing.
func (s *Store) checksParts(ctx context.Context) (bool, error) {
	s.partsMu.Lock()
	defer s.partsMu.Unlock()
	if s.foreign && !s.partsAsked && !s.readBack.Load() {
		if err := s.probePart(ctx); err != nil {
			return false, err
		}
		s.partsAsked = true
	}
	return !s.readBack.Load(), nil
}

// probePart sends a part with a wrong checksum. A crash in the middle leaves an
// upload that Tidy aborts.
func (s *Store) probePart(ctx context.Context) error {
	u, err := s.begin(ctx, probeKey, storage.Attrs{})
	if err != nil {
		return err
	}
	defer u.abort(ctx)
	_, err = s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.full(probeKey), UploadId: u.id, PartNumber: aws.Int32(1),
		Body: bytes.NewReader(probeBody), ContentLength: aws.Int64(int64(len(probeBody))), ChecksumSHA256: aws.String(otherHash.Base64()),
	}, signed(probeHash))
	switch {
	case isChecksumRefusal(err):
		return nil
	case err != nil:
		return err
	}
	s.readBack.Store(true)
	s.log.Warn("the destination doesn't check the parts of large objects: vbcvault reads everything back, which takes longer", "destination", s.String())
	return nil
}

// isChecksumRefusal reports whether the server has found the checksum wrong.
// Servers have several codes for that.
func isChecksumRefusal(err error) bool {
	if statusOf(err) != http.StatusBadRequest {
		return false
	}
	switch codeOf(err) {
	case "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "ChecksumMismatch":
		return true
	case "InvalidRequest", "InvalidArgument":
		message := strings.ToLower(messageOf(err))
		return strings.Contains(message, "checksum") || strings.Contains(message, "digest")
	}
	return false
}
