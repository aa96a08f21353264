package archive

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/storage"
)

// tidy removes what interrupted runs have left unfinished in the destination: what
// the manifest has noted, what the store lists or finds, and, where that is a
// directory, temporary files and locks in every part of the archive. It is no more
// than housekeeping: what it can't remove, it leaves.
func (a *Archive) tidy(ctx context.Context) error {
	removed := 0
	// Where uploads are noted, one look at what the server lists is enough: for
	// those of programs that noted none.
	parts := []string{layout.Recordings(a.account)}
	if u, noted := a.store.(storage.Uploader); noted {
		n, err := a.abortNoted(ctx, u)
		if err != nil {
			return err
		}
		removed += n
		u.JournalUploads(a.manifest)
	} else {
		parts = append(parts, layout.Receipts(a.account), layout.Holds(a.account), layout.Erasures(a.account), layout.Listenings(a.account), layout.Catalog(a.account))
	}
	for _, prefix := range parts {
		n, err := a.store.Tidy(ctx, prefix)
		removed += n
		if ctx.Err() != nil || errors.Is(err, storage.ErrRefused) {
			return err
		}
		if err != nil {
			a.log.Warn("unfinished objects of interrupted runs can't be removed from the destination and stay there", "under", prefix, "reason", err)
		}
	}
	if removed > 0 {
		a.log.Info("removed unfinished objects of interrupted runs from the destination", "uploads", removed)
	}
	return nil
}

// abortNoted aborts the uploads that an earlier run has begun and, as far as the
// manifest knows, not ended. One that was completed although the answer was lost is
// no upload any more, and its object stays.
func (a *Archive) abortNoted(ctx context.Context, store storage.Uploader) (aborted int, err error) {
	noted, err := a.manifest.Uploads(ctx)
	if err != nil {
		return 0, err
	}
	for _, u := range noted {
		err := store.AbortUpload(ctx, u.Key, u.ID)
		if ctx.Err() != nil {
			return aborted, err
		}
		if err != nil {
			a.log.Warn("unfinished uploads of interrupted runs can't be aborted and stay; allow s3:AbortMultipartUpload, or add a lifecycle rule that aborts them",
				"uploads", len(noted)-aborted, "reason", err)
			break
		}
		a.manifest.UploadEnded(u.Key, u.ID)
		aborted++
	}
	return aborted, a.manifest.ForgetUploads(ctx)
}
