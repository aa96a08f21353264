package s3store

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vbcvault/vbcvault/storage"
)

// A bucket is known by its name and by who keeps it: one of the same name at
// another endpoint is another bucket.

// Identity implements storage.Explorer. It sends nothing.
func (s *Store) Identity(context.Context) (string, error) { return s.identity(), nil }

// Identify says whether this is the bucket that has an identity, and refuses
// another one. It sends nothing. Any is taken where none is known.
func (s *Store) Identify(known string) error {
	if is := s.identity(); known != "" && known != is {
		return &AnotherBucketError{Known: known, Is: is}
	}
	return nil
}

// AnotherBucketError says that a bucket isn't the one that an archive is in. It
// is storage.ErrRefused.
type AnotherBucketError struct {
	Known, Is string // identities
}

func (e *AnotherBucketError) Error() string {
	return fmt.Sprintf("%v: this manifest belongs to %s, but this command uses %s, which is another bucket", storage.ErrRefused, e.Known, e.Is)
}

func (e *AnotherBucketError) Unwrap() error { return storage.ErrRefused }

// identity is what a person would call the bucket. Bucket names are unique
// within each of Amazon's partitions, so that region and endpoint are only ways
// there.
func (s *Store) identity() string {
	return fmt.Sprintf("bucket %s at %s", s.bucket, keeper(s.client.Options().BaseEndpoint, s.client.Options().Region))
}

// keeper is who answers at an endpoint: Amazon, or a host.
func keeper(endpoint *string, region string) string {
	if isAmazon(endpoint) {
		return "Amazon S3" + partition(aws.ToString(endpoint), region)
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return *endpoint // Open has refused it
	}
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		host = "localhost"
	} else if ip != nil {
		host = ip.String()
	}
	if usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]; port != "" && port != usual {
		host = net.JoinHostPort(host, port)
	}
	return host + strings.TrimSuffix(path.Clean("/"+u.Path), "/")
}

// partition names the parts of Amazon's cloud that share nothing with the rest.
func partition(endpoint, region string) string {
	u, _ := url.Parse(endpoint)
	switch {
	case strings.HasPrefix(region, "cn-"), u != nil && strings.HasSuffix(u.Hostname(), ".cn"):
		return " in China"
	case strings.HasPrefix(region, "us-gov-"):
		return " in GovCloud"
	case strings.HasPrefix(region, "eusc-"), u != nil && strings.HasSuffix(u.Hostname(), ".eu"):
		return " in the European Sovereign Cloud"
	case strings.HasPrefix(region, "us-iso"), strings.HasPrefix(region, "eu-iso"):
		return " " + strings.Join(strings.SplitN(region, "-", 3)[:2], "-")
	}
	return ""
}

// Unusable says why a bucket of this name can't hold an archive, "" if nothing
// in its name speaks against it.
func Unusable(bucket string) string {
	if !strings.HasSuffix(bucket, "--x-s3") && !strings.HasSuffix(bucket, "--xa-s3") {
		return ""
	}
	return "it is a directory bucket (S3 Express One Zone): such a bucket keeps objects in one zone only, lists them unsorted and has no versions, " +
		"so an archive can't be checked or erased there; use a general purpose bucket"
}
