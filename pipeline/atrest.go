package pipeline

import (
	"context"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// atRest reports whether all that a run would do with a recording is to hold it
// back: it is archived, and under a hold. That isn't work, and no progress waits for
// it.
func (r *run) atRest(row manifest.Row) bool {
	return r.policy.Delete && row.State == manifest.Verified && row.Failure.Reason == "" &&
		row.Alike == manifest.Unlike && !row.Refuted && !fromTheFuture(row.Copy.ArchivedAt) &&
		r.policy.eligible(row.Recording) && r.policy.held(row) && !r.lacksTranscript(&item{Row: row})
}

// rests reports whether a recording is at rest, and counts it as held back if so.
func (r *run) rests(row manifest.Row) bool {
	if !r.atRest(row) {
		return false
	}
	r.stats.HoldBack(code.Hold)
	return true
}

// countAtRest counts what is pending and at rest.
func (r *run) countAtRest(ctx context.Context, sel manifest.Selection) (n int64, err error) {
	if !sel.Verified {
		return 0, nil
	}
	for row, err := range r.manifest.Covered(ctx, manifest.InForce(r.holds), manifest.Verified) {
		if err != nil {
			return n, err
		}
		if row.SeenRun != sel.Run && !row.Start.After(sel.Before) && r.atRest(row) {
			n++
		}
	}
	return n, nil
}

// OnlyDeletionFailed reports whether a failure is about a deletion alone, which a
// hold makes superfluous: the recording is archived.
func OnlyDeletionFailed(row manifest.Row) bool {
	c := row.Failure.Code
	return !row.Copy.ArchivedAt.IsZero() && !row.Refuted &&
		(strings.HasPrefix(c, code.DeletionMark) || c == code.Reappeared || c == code.Expiring)
}
