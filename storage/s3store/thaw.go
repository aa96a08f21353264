package s3store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
)

var _ storage.Thawer = (*Store)(nil)

// How long thawing takes at most, as Amazon writes: "within 1–5 minutes",
// "3–5 hours", "5–12 hours", "within 12 hours", "within 48 hours". See
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
var (
	flexible = map[storage.Tier]time.Duration{storage.Expedited: 5 * time.Minute, storage.Standard: 5 * time.Hour, storage.Bulk: 12 * time.Hour}
	deep     = map[storage.Tier]time.Duration{storage.Standard: 12 * time.Hour, storage.Bulk: 48 * time.Hour}
)

// tiers are S3's names.
var tiers = map[storage.Tier]types.Tier{storage.Expedited: types.TierExpedited, storage.Standard: types.TierStandard, storage.Bulk: types.TierBulk}

// Frost implements storage.Thawer by a HEAD.
func (s *Store) Frost(ctx context.Context, o storage.Object) (storage.Frost, error) {
	if err := storage.CheckKey(o.Key); err != nil {
		return storage.Frost{}, s.explain("check", o.Key, err)
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID)})
	if err != nil {
		return storage.Frost{}, s.explain("check", o.Key, err)
	}
	f := storage.Frost{Class: plain(string(out.StorageClass)), Takes: flexible, Thawing: strings.Contains(aws.ToString(out.Restore), `ongoing-request="true"`)}
	if out.ArchiveStatus != "" { // of INTELLIGENT_TIERING
		f.Class += "/" + plain(string(out.ArchiveStatus))
	}
	if out.StorageClass == types.StorageClassDeepArchive || out.ArchiveStatus == types.ArchiveStatusDeepArchiveAccess {
		f.Takes = deep
	}
	return f, nil
}

// Thaw implements storage.Thawer by S3's RestoreObject. What lies in
// INTELLIGENT_TIERING comes back for good, and S3 refuses a number of days.
func (s *Store) Thaw(ctx context.Context, o storage.Object, f storage.Frost, t storage.Tier, days int) error {
	if err := storage.CheckKey(o.Key); err != nil {
		return s.explain("thaw", o.Key, err)
	}
	if _, ok := f.Takes[t]; !ok {
		return fmt.Errorf("thaw %s: %s has no %s retrieval", o.Key, f.Class, t)
	}
	how := &types.RestoreRequest{GlacierJobParameters: &types.GlacierJobParameters{Tier: tiers[t]}}
	if !strings.HasPrefix(f.Class, string(types.StorageClassIntelligentTiering)) {
		how.Days = aws.Int32(int32(days))
	}
	_, err := s.client.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID), RestoreRequest: how})
	if codeOf(err) == "RestoreAlreadyInProgress" {
		return nil // asked for a moment ago
	}
	if err != nil {
		return s.explain("thaw", o.Key, err)
	}
	return nil
}
