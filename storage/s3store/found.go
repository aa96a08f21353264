package s3store

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Origin says to whom keys belong.
type Origin int

const (
	OfEnvironment Origin = iota // variables of the environment, or an Access
	OfProfile                   // a file of this user's
	OfSession                   // a person who has signed in, or a program that this user may run
	OfMachine                   // a role of this machine or container: whoever runs here has it
)

// Keys are what requests are signed with. They are secret.
type Keys struct {
	AccessKeyID, SecretAccessKey string
	SessionToken                 string // of temporary ones
	From                         Origin
}

// FindKeys finds what requests to S3 would be signed with: those of an Access, else
// those of the standard chain. It may ask the machine's own services, and AWS for a
// session, and sends nothing to S3. Nil stands for an empty Access.
func FindKeys(ctx context.Context, a *Access) (Keys, error) {
	var all lines
	defer all.close()
	cfg, err := configure(ctx, Options{Access: a}, &all)
	if err != nil {
		return Keys{}, err
	}
	if cfg.Credentials == nil {
		return Keys{}, errors.New("no usable AWS credentials")
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return Keys{}, errors.New("no usable AWS credentials")
	}
	return Keys{AccessKeyID: found.AccessKeyID, SecretAccessKey: found.SecretAccessKey, SessionToken: found.SessionToken, From: originOf(found.Source)}, nil
}

// originOf goes by how the SDK calls where it has found keys.
func originOf(source string) Origin {
	switch {
	case strings.HasPrefix(source, "EnvConfig"), strings.HasPrefix(source, "Static"):
		return OfEnvironment
	case strings.HasPrefix(source, "SharedConfig"):
		return OfProfile
	case strings.HasPrefix(source, "EC2Role"), strings.HasPrefix(source, "CredentialsEndpoint"), strings.HasPrefix(source, "WebIdentity"):
		return OfMachine
	}
	return OfSession
}

// Region asks where the bucket is, with one request. Amazon says it also where the
// bucket can't be looked into; others may not, and then it is "". The error is that of
// the request, if that says nothing of the region.
func (s *Store) Region(ctx context.Context) (string, error) {
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && e.Response != nil {
		if region := e.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return plain(region), nil
		}
	}
	return "", s.explain("look for", "", err)
}

// Foreign reports whether the bucket is at a server that isn't known to be Amazon's own.
func (s *Store) Foreign() bool { return s.foreign }
