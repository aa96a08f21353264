package s3store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

var _ storage.Diagnoser = (*Store)(nil)

// Diagnose implements storage.Diagnoser, with one request for each check. Only
// a server that doesn't check what it is sent keeps something of it: the probe.
func (s *Store) Diagnose(ctx context.Context) []storage.Finding {
	bucket := s.diagnoseBucket(ctx)
	if bucket.Level == storage.Failure {
		return []storage.Finding{bucket} // nothing else can be looked at
	}
	out := []storage.Finding{bucket, s.diagnoseListing(ctx), s.diagnoseWriting(ctx), s.diagnoseUploads(ctx)}
	for _, check := range []func(context.Context) storage.Finding{s.diagnoseVersioning, s.diagnoseAccess, s.diagnosePolicy, s.diagnoseLifecycle, s.diagnoseLock} {
		out = append(out, check(ctx))
	}
	return out
}

func (s *Store) diagnoseBucket(ctx context.Context) storage.Finding {
	f := storage.Finding{Check: "bucket"}
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	ours := s.client.Options().Region
	switch {
	case err != nil:
		f.Level, f.Means, f.Mend = storage.Failure, s.explain("check", "", err).Error(), "check the bucket's name, its region and the credentials"
	case !s.foreign && out.BucketRegion != nil && *out.BucketRegion != ours:
		f.Level, f.Means = storage.Failure, fmt.Sprintf("it is in region %s, but requests go to %s", *out.BucketRegion, ours)
		f.Mend = "set AWS_REGION=" + *out.BucketRegion
	default:
		f.Level, f.Means = storage.OK, fmt.Sprintf("%s exists, in region %s", s, ours)
	}
	return f
}

func (s *Store) diagnoseListing(ctx context.Context) storage.Finding {
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.full(""), MaxKeys: aws.Int32(1)})
	if err != nil {
		return storage.Finding{Check: "listing", Level: storage.Failure, Means: s.explain("list", "", err).Error(),
			Mend: "allow " + rights.ListBucket + ": without it a missing object looks like a forbidden one"}
	}
	return storage.Finding{Check: "listing", Level: storage.OK, Means: "objects can be listed"}
}

// diagnoseWriting is the probe of every run.
func (s *Store) diagnoseWriting(ctx context.Context) storage.Finding {
	f := storage.Finding{Check: "writing and checksums"}
	_, err := s.Probe(ctx, "")
	switch {
	case err != nil:
		f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "allow "+rights.PutObject+" under the prefix, and with KMS encryption the actions of the key"
	case s.digests() != withSHA256:
		f.Level = storage.Warning
		f.Means = "the server refuses checksums (x-amz-checksum-sha256): vbcvault sends none and reads every copy back, which takes longer. This check left an object, " + probeKey
		f.Mend = "use a server that verifies x-amz-checksum-sha256, if possible"
	case s.readBack.Load():
		f.Level = storage.Warning
		f.Means = "the server doesn't verify checksums: vbcvault reads every copy back, which takes longer. This check left an object, " + probeKey
		f.Mend = "use a server that verifies x-amz-checksum-sha256, if possible"
	case s.looksFirst.Load():
		f.Level, f.Means = storage.Warning, "it is writable and verifies checksums, but may ignore If-None-Match: vbcvault checks before each write"
		f.Mend = "let only one machine write there"
	default:
		f.Level, f.Means = storage.OK, "it is writable, and verifies checksums"
	}
	return f
}

func (s *Store) diagnoseUploads(ctx context.Context) storage.Finding {
	_, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: s.full(""), MaxUploads: aws.Int32(1)})
	if err != nil {
		return s.unseen("unfinished uploads", err, rights.ListUploads, "those of interrupted runs stay, and cost a little")
	}
	return storage.Finding{Check: "unfinished uploads", Level: storage.OK, Means: "those of interrupted runs can be found and removed"}
}

// unseen is a setting that can't be looked at.
func (s *Store) unseen(check string, err error, action, otherwise string) storage.Finding {
	f := storage.Finding{Check: check, Level: storage.Warning, Means: fmt.Sprintf("can't be checked (%s); %s", s.redact(brief(err).Error()), otherwise)}
	f.Mend = "the server doesn't support this request; see its documentation"
	if statusOf(err) == http.StatusForbidden {
		f.Mend = "allow " + action + " for this check"
	}
	return f
}

func (s *Store) diagnoseVersioning(ctx context.Context) storage.Finding {
	const check = "versioning"
	out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.bucket})
	switch {
	case err != nil:
		return s.unseen(check, err, rights.GetVersioning, "with it, deleted objects can be recovered")
	case out.Status == types.BucketVersioningStatusEnabled:
		return storage.Finding{Check: check, Level: storage.OK, Means: "on: objects that somebody deletes or overwrites can be recovered"}
	}
	return storage.Finding{Check: check, Level: storage.Warning, Means: "off: objects that somebody deletes in the bucket can't be recovered",
		Mend: "turn it on; vbcvault itself neither deletes nor overwrites intact copies"}
}

func (s *Store) diagnoseAccess(ctx context.Context) storage.Finding {
	const check = "public access"
	mend := "turn on all four settings of Block Public Access"
	out, err := s.client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &s.bucket})
	switch {
	case codeOf(err) == "NoSuchPublicAccessBlockConfiguration":
		return storage.Finding{Check: check, Level: storage.Warning, Means: "not blocked for this bucket; the account may block it for all buckets", Mend: mend}
	case err != nil:
		return s.unseen(check, err, rights.GetPublicAccess, "recordings must not be public")
	}
	c := out.PublicAccessBlockConfiguration
	if c == nil || !aws.ToBool(c.BlockPublicAcls) || !aws.ToBool(c.BlockPublicPolicy) || !aws.ToBool(c.IgnorePublicAcls) || !aws.ToBool(c.RestrictPublicBuckets) {
		return storage.Finding{Check: check, Level: storage.Warning, Means: "not blocked completely", Mend: mend}
	}
	return storage.Finding{Check: check, Level: storage.OK, Means: "blocked"}
}

func (s *Store) diagnosePolicy(ctx context.Context) storage.Finding {
	const check = "bucket policy"
	out, err := s.client.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: &s.bucket})
	switch {
	case codeOf(err) == "NoSuchBucketPolicy":
	case err != nil:
		return s.unseen(check, err, rights.GetPolicyStatus, "it can make recordings public")
	case out.PolicyStatus != nil && aws.ToBool(out.PolicyStatus.IsPublic):
		return storage.Finding{Check: check, Level: storage.Failure, Means: "it makes the bucket public: anybody can hear the recordings", Mend: "block public access, and change the policy"}
	}
	return storage.Finding{Check: check, Level: storage.OK, Means: "doesn't make the bucket public"}
}

// LifecycleRules is the name of the check that finds rules which remove copies.
const LifecycleRules = "lifecycle rules"

func (s *Store) diagnoseLifecycle(ctx context.Context) storage.Finding {
	const check = LifecycleRules
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &s.bucket})
	switch {
	case codeOf(err) == "NoSuchLifecycleConfiguration":
		return storage.Finding{Check: check, Level: storage.OK, Means: "none: no rule deletes copies"}
	case err != nil:
		return s.unseen(check, err, rights.GetLifecycle, "a rule that deletes copies is still detected at each copy")
	}
	var removing []string
	for _, rule := range out.Rules {
		if when := s.removes(rule); when != "" {
			removing = append(removing, fmt.Sprintf("%q %s", aws.ToString(rule.ID), when))
		}
	}
	if len(removing) > 0 {
		return storage.Finding{Check: check, Level: storage.Failure,
			Means: "copies are deleted by " + strings.Join(removing, ", ") + "; their recordings are not deleted at VBC",
			Mend:  "change the rule so that it doesn't apply to the prefix"}
	}
	return storage.Finding{Check: check, Level: storage.OK, Means: "no rule deletes copies"}
}

// removes says when a rule removes current objects under our prefix, "" if it
// doesn't. A rule for objects with tags or of some size is taken to.
func (s *Store) removes(r types.LifecycleRule) string {
	if r.Status != types.ExpirationStatusEnabled || r.Expiration == nil || r.Expiration.Days == nil && r.Expiration.Date == nil {
		return ""
	}
	prefixes := []string{aws.ToString(r.Prefix)} //nolint:staticcheck // servers still send the old form
	if f := r.Filter; f != nil {
		prefixes = append(prefixes, aws.ToString(f.Prefix))
		if f.And != nil {
			prefixes = append(prefixes, aws.ToString(f.And.Prefix))
		}
	}
	if slices.ContainsFunc(prefixes, func(p string) bool { return !strings.HasPrefix(s.prefix, p) && !strings.HasPrefix(p, s.prefix) }) {
		return ""
	}
	if d := r.Expiration.Days; d != nil {
		return "after " + english.Plural(int(*d), "day", "")
	}
	return "on " + r.Expiration.Date.UTC().Format("2006-01-02")
}

func (s *Store) diagnoseLock(ctx context.Context) storage.Finding {
	const check = "object lock"
	out, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.bucket})
	none := storage.Finding{Check: check, Level: storage.OK, Means: "off: everybody with permission to delete objects can delete copies"}
	switch {
	case codeOf(err) == "ObjectLockConfigurationNotFoundError", codeOf(err) == "NoSuchObjectLockConfiguration":
		return none
	case err != nil:
		return s.unseen(check, err, rights.GetLock, "it prevents early deletion of copies")
	}
	c := out.ObjectLockConfiguration
	switch {
	case c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled:
		return none
	case c.Rule == nil || c.Rule.DefaultRetention == nil:
		return storage.Finding{Check: check, Level: storage.OK, Means: "on, without a default retention: new copies are not locked"}
	}
	d := c.Rule.DefaultRetention
	long := english.Plural(int(aws.ToInt32(d.Days)), "day", "")
	if d.Years != nil {
		long = english.Plural(int(*d.Years), "year", "")
	}
	return storage.Finding{Check: check, Level: storage.OK, Means: fmt.Sprintf("on: every new copy is locked for %s (%s)", long, strings.ToLower(string(d.Mode)))}
}
