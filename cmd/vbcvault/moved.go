package main

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// sameBucket refuses a bucket that isn't the manifest's, such as one of the same
// name that a cron job without AWS_ENDPOINT_URL_S3 reaches, before anything is
// sent to it or to VBC. A directory tells by itself when it is probed.
func sameBucket(ctx context.Context, m manifest.Bound, store any) error {
	s, ok := store.(*s3store.Store)
	if !ok {
		return nil
	}
	bound, err := m.Binding(ctx)
	if err != nil {
		return err
	}
	return s.Identify(bound.Identity)
}
