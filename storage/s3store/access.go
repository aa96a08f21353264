package s3store

import (
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Access is how to reach S3. What is empty is as the environment, or the profile,
// says.
type Access struct {
	Region   string
	Endpoint string // of a compatible server; AWS_ENDPOINT_URL and the like don't count then
	Profile  string // of the shared configuration

	// AccessKeyID and SecretAccessKey sign requests; SessionToken belongs to them, if
	// they are temporary.
	AccessKeyID, SecretAccessKey, SessionToken string
}

// options are what the SDK is told. A nil Access has none.
func (a *Access) options() (all []func(*config.LoadOptions) error) {
	if a == nil {
		return nil
	}
	if a.Region != "" {
		all = append(all, config.WithRegion(a.Region))
	}
	if a.Profile != "" {
		all = append(all, config.WithSharedConfigProfile(a.Profile))
	}
	if a.AccessKeyID != "" {
		all = append(all, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.SecretAccessKey, a.SessionToken)))
	}
	return all
}
