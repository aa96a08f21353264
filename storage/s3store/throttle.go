package s3store

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	maxAttempts = 4               // of one request, by the SDK
	maxBackoff  = 5 * time.Second // between them

	// A server that asks for less is given more time: half a minute in all, or
	// what it asks for.
	maxThrottled  = 6
	firstThrottle = time.Second
	maxRetryAfter = time.Minute // of what it asks for, each time
)

// retryer is the SDK's, which doesn't know every way to say "too fast".
type retryer struct{ *retry.Standard }

func newRetryer() aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = maxThrottled, maxBackoff
	})}
}

// GetRetryToken implements aws.Retryer. The SDK's bucket of retries runs dry when
// many workers are asked to slow down at once, and fails what would have passed.
func (r retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if isThrottling(err) {
		return func(error) error { return nil }, nil
	}
	return r.Standard.GetRetryToken(ctx, err)
}

// IsErrorRetryable implements aws.Retryer.
func (r retryer) IsErrorRetryable(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	return isThrottling(err) || r.Standard.IsErrorRetryable(err)
}

// RetryDelay implements aws.Retryer. The error ends the attempts.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if isThrottling(err) {
		return throttled(attempt, err), nil
	}
	if attempt >= maxAttempts {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return r.Standard.RetryDelay(attempt, err)
}

// throttled is how long to wait before a request that came too fast is sent
// again: what the server says, up to a bound, else twice as long each time. What
// is added at random keeps the workers apart.
func throttled(attempt int, err error) time.Duration {
	pause := firstThrottle << min(attempt-1, 6)
	if asked, ok := retryAfter(err); ok {
		pause = min(max(asked, firstThrottle), maxRetryAfter)
	}
	return pause + rand.N(pause/4) //nolint:gosec // only to keep workers apart
}

// retryAfter reads the header, in seconds or as a time.
func retryAfter(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || e.Response == nil {
		return 0, false
	}
	text := strings.TrimSpace(e.Response.Header.Get("Retry-After"))
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 {
		return time.Duration(min(n, 1e6) * float64(time.Second)), true // more doesn't fit
	}
	if t, err := http.ParseTime(text); err == nil {
		return time.Until(t), true
	}
	return 0, false
}

// slower are codes of "too fast", of Amazon and of others.
var slower = []string{
	"SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "TooManyRequestsException", "RequestLimitExceeded", "RequestLimitReached",
	"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "BandwidthLimitExceeded",
	"RateLimitExceeded", "RateExceeded", "OperationRateExceeded", "ServiceUnavailable", "ServerBusy", "Busy", "XMinioServerNotInitialized",
}

// isThrottling reports whether the server asks for fewer requests, or for some
// time: by status, by code, or in words.
func isThrottling(err error) bool {
	switch status := statusOf(err); {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return true
	case status == http.StatusForbidden && !slices.Contains(slower, codeOf(err)):
		return false // a right that is missing, whatever it says of rates
	}
	if slices.Contains(slower, codeOf(err)) {
		return true
	}
	message := strings.ToLower(messageOf(err))
	return slices.ContainsFunc([]string{"reduce your request rate", "too many requests", "rate limit", "slow down"}, func(w string) bool { return strings.Contains(message, w) })
}
