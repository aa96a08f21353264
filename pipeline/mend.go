package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// mend deals with a copy that isn't what it should be. While the recording is at
// VBC nothing is lost: it is archived anew. A store that doesn't hold what it has
// just been given gets no second download in this run.
func (r *run) mend(ctx context.Context, row *item, wrong error) (ends bool, err error) {
	if again, err := r.lostTranscript(row, wrong); err != nil || again {
		return false, err
	}
	if there, e := r.stillHas(ctx, row); e != nil {
		return false, errors.Join(wrong, e)
	} else if !there {
		return true, r.onlyCopy(row, wrong)
	}
	r.log.Warn("the copy is damaged or missing", "recording", row.Recording.String(), "reason", wrong)
	if evidence.Refutes(wrong) {
		row.Refuted = true // so that what lies there isn't taken for whole again
		if e := r.manifest.Doubt(r.work, row.Recording); e != nil {
			return false, errors.Join(wrong, e)
		}
	}
	if e := r.manifest.Relist(r.work, row.Recording, refused(row.Copy, wrong, row.fresh, row.Copy.Audio, row.Copy.Sidecar)...); e != nil || row.fresh {
		return false, errors.Join(wrong, e)
	}
	row.Copy = manifest.Copy{Transcript: row.Copy.Transcript} // which isn't in doubt
	return false, nil
}

// onlyCopy ends with a recording whose copy isn't what it should be, and that
// VBC has no more: nothing is downloaded in its place, and what lies there stays,
// unless a whole copy lies beside it.
func (r *run) onlyCopy(row *item, wrong error) error {
	if found, err := r.find(row); err != nil || found {
		return err
	}
	return errors.Join(fmt.Errorf("VBC no longer has this recording: %w", wrong), r.manifest.Damaged(r.work, row.Recording, wrong.Error()))
}
