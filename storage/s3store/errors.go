package s3store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// codeOf is S3's code of an error, "" if it has none.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func messageOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
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

// wholesale are the codes that concern the destination and not one object.
var wholesale = []string{
	"AccessDenied", "AccountProblem", "AllAccessDisabled", "AuthorizationHeaderMalformed", "ExpiredToken", "ExpiredTokenException",
	"InsufficientStorage", "InvalidAccessKeyId", "InvalidBucketName", "InvalidToken", "KMS.AccessDeniedException", "KMS.DisabledException",
	"KMS.NotFoundException", "NoSuchBucket", "PermanentRedirect", "QuotaExceeded", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
	"XMinioStorageFull",
}

// explain turns the SDK's errors into ours: short, with the operation and the
// key, and fit for a person. Errors of the body and of Seal stay what they are.
func (s *Store) explain(op, key string, err error) error {
	if _, ok := errors.AsType[*failure](err); ok {
		return fmt.Errorf("%s %s: %w", op, key, err) // of a request on the way
	}
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	f := &failure{op: op, where: s.String() + "/" + key, err: err, redact: s.redact}
	code, status := codeOf(err), statusOf(err)
	f.missing = status == http.StatusNotFound && (code == "NotFound" || code == "NoSuchKey" || code == "NoSuchVersion") &&
		slices.Contains([]string{"HeadObject", "GetObject"}, operation.Operation())
	if operation.Operation() == "GetObject" { // of a write, it says that its own condition doesn't hold
		f.changed, f.beyond = status == http.StatusPreconditionFailed, status == http.StatusRequestedRangeNotSatisfiable
	}
	f.cold = isCold(err)
	f.refused = slices.Contains(wholesale, code) || isCredentials(err) ||
		status == http.StatusForbidden && !f.cold && !isThrottling(err) || status == http.StatusMovedPermanently || status == http.StatusInsufficientStorage
	return f
}

// failure is an error of S3 in one line, with a hint where there is a usual
// cause. The SDK's own says the same over several topics, and stays available
// by unwrapping.
type failure struct {
	op, where string
	err       error
	redact    func(string) string
	missing   bool // is storage.ErrNotFound
	refused   bool // is storage.ErrRefused
	cold      bool // is storage.ErrCold
	changed   bool // is storage.ErrChanged
	beyond    bool // is storage.ErrRange
}

func (f *failure) Error() string {
	if f.missing {
		return fmt.Sprintf("%s %s: %v", f.op, f.where, storage.ErrNotFound)
	}
	return fmt.Sprintf("%s %s: %s%s", f.op, f.where, f.redact(brief(f.err).Error()), hint(f.err))
}

// redact removes the credentials from what a server says, in case that it
// repeats them. It asks nobody for them.
func (s *Store) redact(text string) string {
	if s.keys == nil {
		return text
	}
	c := s.keys.last.Load()
	if c == nil {
		return text // nothing has been signed yet
	}
	for _, secret := range []string{c.SecretAccessKey, c.SessionToken} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

func (f *failure) Unwrap() []error {
	switch {
	case f.missing:
		return []error{storage.ErrNotFound, f.err}
	case f.refused:
		return []error{storage.ErrRefused, f.err}
	case f.cold:
		return []error{storage.ErrCold, f.err}
	case f.changed:
		return []error{storage.ErrChanged, f.err}
	case f.beyond:
		return []error{storage.ErrRange, f.err}
	}
	return []error{f.err}
}

// brief says what has gone wrong: S3's code and message, or what kept the
// request from being answered. It takes nothing of the request itself, whose
// headers are secret.
func brief(err error) error {
	text := ""
	switch code, status := codeOf(err), statusOf(err); {
	case err == nil:
	case status != 0:
		// The answer to a HEAD has no body, and its "code" is made up.
		if text = http.StatusText(status); code != "" && code != "UnknownError" && messageOf(err) != "" {
			text = code + ": " + messageOf(err)
		}
		text = fmt.Sprintf("S3 answered %d %s", status, text)
	case isCredentials(err):
		text = "no usable AWS credentials"
	default:
		text = innermost(err).Error()
		if e, ok := errors.AsType[*url.Error](err); ok {
			text = e.Err.Error()
		}
	}
	if e, ok := errors.AsType[*retry.MaxAttemptsError](err); ok {
		text += fmt.Sprintf(" (after %s)", english.Plural(e.Attempt, "attempt", ""))
	}
	return errors.New(plain(text))
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// plain keeps a server's words on one line of bearable length.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + "…"
	}
	return s
}

// isCredentials reports whether no credentials could be found or renewed.
func isCredentials(err error) bool {
	return err != nil && statusOf(err) == 0 && !errors.Is(err, context.Canceled) &&
		(strings.Contains(err.Error(), "get credentials") || strings.Contains(err.Error(), "refresh cached credentials") || strings.Contains(err.Error(), "get identity"))
}

// isCold reports whether an object lies where it can't be read at once. That
// is a 403, and concerns this object alone.
func isCold(err error) bool { return codeOf(err) == "InvalidObjectState" }

// hint says what an error usually means and how to mend it.
func hint(err error) string {
	code, status := codeOf(err), statusOf(err)
	_, unknownHost := errors.AsType[*net.DNSError](err)
	_, unreachable := errors.AsType[*net.OpError](err)
	switch {
	case code == "NoSuchBucket":
		return "; check the bucket's name and the endpoint; vbcvault doesn't create buckets"
	case code == "PermanentRedirect", status == http.StatusMovedPermanently, code == "AuthorizationHeaderMalformed":
		return "; the bucket is in another region" + regionOf(err)
	case isCold(err):
		return "; it is in cold storage and must be thawed before it can be read"
	case code == "RequestTimeTooSkewed":
		return "; set this machine's clock"
	case code == "InvalidAccessKeyId", code == "SignatureDoesNotMatch":
		return "; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"
	case strings.HasPrefix(code, "ExpiredToken"), code == "InvalidToken":
		return "; renew the session, for example with aws sso login"
	case isThrottling(err):
		return "; the server asks for fewer requests: run again later, with fewer workers"
	case isCredentials(err):
		return "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give this machine a role"
	case status == http.StatusForbidden:
		return "; the policy needs " + rights.Said() + "; without " + rights.ListBucket + " a missing object looks forbidden"
	case unknownHost, unreachable:
		return "; check AWS_ENDPOINT_URL_S3, AWS_REGION, HTTPS_PROXY and the network"
	}
	return ""
}

func regionOf(err error) string {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && e.Response != nil {
		if r := e.Response.Header.Get("X-Amz-Bucket-Region"); r != "" {
			return ": set AWS_REGION=" + plain(r)
		}
	}
	return ": set AWS_REGION"
}

// saysUnsupported reports whether the server says in words, or by a code, that it
// doesn't know a header or what that asks for.
func saysUnsupported(err error) bool {
	if s := statusOf(err); s != http.StatusBadRequest && s != http.StatusNotImplemented {
		return false
	}
	text := strings.ToLower(codeOf(err) + " " + messageOf(err))
	return slices.ContainsFunc([]string{"unsupported", "not supported", "notimplemented", "not implemented"}, func(w string) bool { return strings.Contains(text, w) })
}
