package s3store

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
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
// such a server may ignore conditions just as well. One that refuses the
// question itself is written to without a checksum, and read back as well.
//
// The identity is the bucket's name and endpoint; another one than was known is
// refused before anything is sent.
func (s *Store) Probe(ctx context.Context, known string) (string, error) {
	if err := s.Identify(known); err != nil {
		return "", err
	}
	refusal, err := s.probeChecksum(ctx)
	if err != nil {
		return "", s.unfit(ctx, err)
	}
	if err := s.probeProtection(ctx); err != nil {
		return "", s.unfit(ctx, err)
	}
	if s.foreign && s.asksConditions && (!s.readBack.Load() || s.digests() != withSHA256) {
		if err := s.probeCondition(ctx, refusal); err != nil {
			return "", s.unfit(ctx, err)
		}
	}
	return s.identity(), nil
}

// probeChecksum finds out what the server makes of a checksum. refusal is what
// it has answered to a wrong one.
func (s *Store) probeChecksum(ctx context.Context) (refusal, err error) {
	s.sends.Store(int32(withSHA256))
	refusal = s.probeObject(ctx, otherHash, condition{})
	switch {
	case refusal == nil:
		s.distrust("the destination doesn't verify checksums: vbcvault reads every copy back, which takes longer, and checks before each write")
		return nil, nil
	case s.findsWrong(refusal):
		return refusal, nil
	case !s.foreign || !doubtful(refusal):
		return refusal, refusal
	}
	// It may have refused the header and not the checksum. A right one tells.
	err = s.probeObject(ctx, probeHash, condition{})
	if err == nil && passing(refusal) {
		// It may have had other troubles, which are over.
		if refusal = s.probeObject(ctx, otherHash, condition{}); refusal == nil {
			s.distrust("the destination doesn't verify checksums: vbcvault reads every copy back, which takes longer, and checks before each write")
			return nil, nil
		}
	}
	if err == nil {
		s.log.Debug("the destination verifies checksums", "destination", s.String(), "left_there", probeKey, "to_a_wrong_checksum", brief(refusal))
		return refusal, nil
	}
	for _, how := range []digests{withMD5, withNone} {
		if !doubtful(err) {
			break
		}
		s.sends.Store(int32(how))
		if err = s.probeObject(ctx, probeHash, condition{}); err == nil {
			s.distrust("the destination refuses checksums: vbcvault sends none and reads every copy back, which takes longer, and checks before each write",
				"reason", s.redact(brief(refusal).Error()))
			return refusal, nil
		}
	}
	s.sends.Store(int32(withSHA256))
	return refusal, err
}

// distrust has everything be read back, and looked for before it is written.
func (s *Store) distrust(why string, more ...any) {
	s.readBack.Store(true)
	s.looksFirst.Store(true)
	s.log.Warn(why, append([]any{"destination", s.String(), "left_there", probeKey}, more...)...)
}

// unfit marks an error of the probe: whatever it is, the destination is not to
// be used.
func (s *Store) unfit(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("check whether %s is writable: %w", s, context.Cause(ctx))
	}
	return &failure{op: "check whether it is writable", where: s.String(), err: err, redact: s.redact, refused: true}
}

// probeObject sends the probe with the checksum of something, and with its true
// digest in the signature.
func (s *Store) probeObject(ctx context.Context, claimed storage.Digest, c condition) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.full(probeKey), Body: bytes.NewReader(probeBody), ContentLength: aws.Int64(int64(len(probeBody))),
		ChecksumSHA256: aws.String(claimed.Base64()), IfMatch: c.ifMatch,
	}, signed(probeHash))
	return err
}

// probeCondition asks for the replacement of an object that isn't there, again
// with a wrong checksum, so that nothing is written in any case. A server that
// heeds conditions misses the object; one that gets as far as complaining about
// the checksum may never have looked. refusal is how it complains of that.
func (s *Store) probeCondition(ctx context.Context, refusal error) error {
	err := s.probeObject(ctx, otherHash, condition{ifMatch: aws.String(`"00000000000000000000000000000000"`)})
	switch status := statusOf(err); {
	case status == http.StatusPreconditionFailed, status == http.StatusNotFound && codeOf(err) != "NoSuchBucket":
		return nil
	case err == nil, s.findsWrong(err), s.digests() == withSHA256 && sameRefusal(err, refusal):
		s.looksFirst.Store(true)
		s.log.Info("the destination may ignore conditions (If-Match, If-None-Match): vbcvault checks before each write", "destination", s.String())
		return nil
	case doubtful(err):
		s.dropConditions()
		return nil
	}
	return err
}

// sameRefusal reports whether a server gives the same reason twice: the second
// thing that is asked of it makes no difference.
func sameRefusal(a, b error) bool {
	return statusOf(a) == statusOf(b) && codeOf(a) == codeOf(b) && messageOf(a) == messageOf(b) && statusOf(a) != 0
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
	refusal := u.probe(ctx, otherHash)
	switch {
	case s.findsWrong(refusal):
		return nil
	case refusal != nil && !doubtful(refusal):
		return refusal
	case refusal != nil && u.probe(ctx, probeHash) == nil && (!passing(refusal) || u.probe(ctx, otherHash) != nil):
		return nil // a right one is taken, and a wrong one isn't
	}
	s.readBack.Store(true)
	s.log.Warn("the destination doesn't verify the checksums of large objects: vbcvault reads every copy back, which takes longer", "destination", s.String())
	return nil
}

// probe sends a part with the checksum of something.
func (u *upload) probe(ctx context.Context, claimed storage.Digest) error {
	_, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: u.full(probeKey), UploadId: u.id, PartNumber: aws.Int32(1),
		Body: bytes.NewReader(probeBody), ContentLength: aws.Int64(int64(len(probeBody))), ChecksumSHA256: aws.String(claimed.Base64()),
	}, signed(probeHash))
	return err
}

// findsWrong reports whether the server has certainly found the checksum wrong.
// Servers have several codes for that. What only mentions checksums may refuse
// the header altogether, except at Amazon's, which knows it.
func (s *Store) findsWrong(err error) bool {
	status, message := statusOf(err), strings.ToLower(messageOf(err))
	if status < 400 || status > 499 {
		return false
	}
	switch codeOf(err) {
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "ChecksumMismatch":
		return !slices.ContainsFunc([]string{"support", "implement", "unknown", "not allowed", "unexpected", "unrecognized"}, func(w string) bool { return strings.Contains(message, w) })
	case "InvalidRequest", "InvalidArgument", "InvalidDigest":
		return !s.foreign && (strings.Contains(message, "checksum") || strings.Contains(message, "digest"))
	}
	return false
}

// doubtful reports whether a server may have refused a header that it doesn't
// know, and would do the same without it. Servers say that in many ways.
func doubtful(err error) bool {
	if slices.Contains(wholesale, codeOf(err)) {
		return false
	}
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusExpectationFailed,
		http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError, http.StatusNotImplemented:
		return true
	}
	return false
}

// passing reports whether a refusal may be for troubles of the server's, which a
// moment later may be over.
func passing(err error) bool {
	return statusOf(err) >= 500 || codeOf(err) == "RequestTimeout"
}
