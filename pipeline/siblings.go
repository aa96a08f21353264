package pipeline

import (
	"context"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// siblingTexts is what the account's other manifests on this machine know of holds.
// Where one can't be read, nothing may be deleted.
func (r *run) siblingTexts(ctx context.Context, account string) ([]manifest.HoldText, error) {
	if r.siblings == nil {
		return nil, nil
	}
	texts, unread, err := r.siblings(ctx, account)
	if err != nil {
		return nil, err
	}
	if len(unread) > 0 && r.policy.Delete {
		return nil, archive.Unread(unread)
	}
	for _, err := range unread {
		r.log.Warn("another manifest on this machine can't be read, so it is unknown which legal holds it has; with --delete, the run would stop",
			"reason", err)
	}
	return texts, nil
}

// foreseeSiblings adds to the holds of a dry run those that the run would learn.
func (r *run) foreseeSiblings(ctx context.Context, account string) error {
	texts, err := r.siblingTexts(ctx, account)
	if err != nil {
		return err
	}
	for _, t := range archive.News(r.holds, texts, r.destination) {
		i := slices.IndexFunc(r.holds, func(h manifest.Hold) bool { return h.Digest == t.Hold })
		if i < 0 {
			i, r.holds = len(r.holds), append(r.holds, manifest.Hold{})
		}
		if t.Ended {
			r.holds[i].Removed = &manifest.Removal{}
		} else {
			r.holds[i] = t.Made()
		}
	}
	return nil
}
