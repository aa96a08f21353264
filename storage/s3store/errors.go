package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/vbcvault/vbcvault/storage"
)

// codeOf is S3's code of an error, "" if it has none.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// statusOf is the HTTP status of the answer that an error is about, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// isTaken reports whether the server says that something is in the way.
func isTaken(err error) bool {
	s := statusOf(err)
	return s == http.StatusPreconditionFailed || s == http.StatusConflict
}

// notApplied reports whether an error certainly means that nothing was stored:
// the server has understood the request and refused it.
func notApplied(err error) bool {
	switch s := statusOf(err); s {
	case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound, http.StatusNotImplemented:
		return false
	default:
		return s >= 300 && s < 500
	}
}

// wholesale are the codes that concern the destination and not one object.
var wholesale = []string{
	"AccessDenied", "NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
	"AccountProblem", "AllAccessDisabled", "PermanentRedirect", "AuthorizationHeaderMalformed", "QuotaExceeded",
	"InvalidBucketName", "RequestTimeTooSkewed", "KMS.DisabledException", "KMS.AccessDeniedException", "XMinioStorageFull",
}

// wrap explains an error of the SDK and names the object; errors of our own
// and of the body stay what they are.
func wrap(op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case codeOf(err) != "" || statusOf(err) != 0 || errors.Is(err, storage.ErrRefused):
		return explain(op, key, err)
	}
	return fmt.Errorf("%s %s: %w", op, key, err)
}

// explain turns the SDK's errors into ours: short, and fit for a person.
func explain(op, key string, err error) error {
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrRefused) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	code, status := codeOf(err), statusOf(err)
	notFound, noKey := false, false
	if _, ok := errors.AsType[*types.NotFound](err); ok {
		notFound = true
	}
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		noKey = true
	}
	switch {
	case notFound, noKey, code == "NoSuchKey", code == "NoSuchVersion":
		return fmt.Errorf("%s %s: %w", op, key, storage.ErrNotFound)
	case slices.Contains(wholesale, code), status == http.StatusForbidden, status == http.StatusMovedPermanently:
		return fmt.Errorf("%s %s: %w: %w", op, key, storage.ErrRefused, brief(err))
	}
	return fmt.Errorf("%s %s: %w", op, key, brief(err))
}

// s3Error is an error of S3 in one line. The SDK's own goes over several
// topics, request ids among them, which stay available by unwrapping.
type s3Error struct{ err error }

func (e *s3Error) Unwrap() error { return e.err }

func (e *s3Error) Error() string {
	text := ""
	if api, ok := errors.AsType[smithy.APIError](e.err); ok {
		if text = api.ErrorCode(); api.ErrorMessage() != "" {
			text += ": " + api.ErrorMessage()
		}
		if text == "" || text == "Forbidden" || text == "UnknownError" {
			text = http.StatusText(statusOf(e.err))
		}
	}
	if text == "" {
		// No answer of S3 at all: the innermost cause says why.
		inner := e.err
		for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
			inner = next
		}
		return inner.Error()
	}
	return fmt.Sprintf("S3 answered %d %s%s", statusOf(e.err), text, hint(e.err))
}

func brief(err error) error { return &s3Error{err} }

// hint says what an answer usually means.
func hint(err error) string {
	switch code, status := codeOf(err), statusOf(err); {
	case code == "NoSuchBucket":
		return " (check the bucket's name in --to; vbcvault doesn't create buckets)"
	case code == "PermanentRedirect" || status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed":
		return " (the bucket is in another region" + regionOf(err) + "; set AWS_REGION)"
	case code == "RequestTimeTooSkewed":
		return " (this machine's clock is wrong)"
	case status == http.StatusForbidden:
		return " (the policy needs s3:PutObject, s3:GetObject, s3:GetObjectVersion, s3:ListBucket, and the key's KMS actions; without s3:ListBucket a missing object looks forbidden)"
	}
	return ""
}

func regionOf(err error) string {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && e.Response != nil {
		if r := e.Response.Header.Get("X-Amz-Bucket-Region"); r != "" {
			return ", " + r
		}
	}
	return ""
}
