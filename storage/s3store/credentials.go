package s3store

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/logging"
)

// lastKeys remembers what it was last asked for, so that an error can be shown
// without it, and without a question to whoever gives credentials out.
type lastKeys struct {
	aws.CredentialsProvider
	last atomic.Pointer[aws.Credentials]
}

// Retrieve implements aws.CredentialsProvider.
func (k *lastKeys) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := k.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		k.last.Store(&c)
	}
	return c, err
}

// sdkLogger takes what the SDK would write to stderr by itself.
type sdkLogger struct{ s *Store }

// Logf implements logging.Logger.
func (l sdkLogger) Logf(_ logging.Classification, format string, args ...any) {
	l.s.log.Debug("the AWS SDK says", "text", l.s.redact(plain(fmt.Sprintf(format, args...))))
}
