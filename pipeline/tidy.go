package pipeline

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/storage"
)

// tidy removes what interrupted runs have left unfinished in the destination: what
// the manifest has noted, what the store lists or finds, and, where that is a
// directory, temporary files and locks in every part of the archive. It is no more
// than housekeeping: what it can't remove, it leaves.
func (r *run) tidy(ctx context.Context) error {
	removed := 0
	// Where uploads are noted, one look at what the server lists is enough: for
	// those of programs that noted none.
	parts := []string{accountPrefix(r.account)}
	if u, noted := r.store.(storage.Uploader); noted {
		n, err := r.abortNoted(ctx, u)
		if err != nil {
			return err
		}
		removed += n
		u.JournalUploads(r.manifest)
	} else {
		parts = append(parts, receiptsPrefix(r.account), holdsPrefix(r.account), erasuresPrefix(r.account), catalogPrefix(r.account))
	}
	for _, prefix := range parts {
		n, err := r.store.Tidy(ctx, prefix)
		removed += n
		if ctx.Err() != nil || errors.Is(err, storage.ErrRefused) {
			return err
		}
		if err != nil {
			r.log.Warn("unfinished objects of interrupted runs can't be removed from the destination and stay there", "under", prefix, "reason", err)
		}
	}
	if removed > 0 {
		r.log.Info("removed unfinished objects of interrupted runs from the destination", "uploads", removed)
	}
	return nil
}

// abortNoted aborts the uploads that an earlier run has begun and, as far as the
// manifest knows, not ended. One that was completed although the answer was lost is
// no upload any more, and its object stays.
func (r *run) abortNoted(ctx context.Context, store storage.Uploader) (aborted int, err error) {
	noted, err := r.manifest.Uploads(ctx)
	if err != nil {
		return 0, err
	}
	for _, u := range noted {
		err := store.AbortUpload(ctx, u.Key, u.ID)
		if ctx.Err() != nil {
			return aborted, err
		}
		if err != nil {
			r.log.Warn("unfinished uploads of interrupted runs can't be aborted and stay; allow s3:AbortMultipartUpload, or add a lifecycle rule that aborts them",
				"uploads", len(noted)-aborted, "reason", err)
			break
		}
		r.manifest.UploadEnded(u.Key, u.ID)
		aborted++
	}
	return aborted, r.manifest.ForgetUploads(ctx)
}
