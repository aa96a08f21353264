package pipeline

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// alikeError says that a recording is archived, and not purged, since its audio
// is another one's.
type alikeError struct{ Recording, Other vbc.Recording }

func (e *alikeError) Error() string {
	return fmt.Sprintf("it is archived but not deleted at VBC: its audio is byte for byte the same as that of %s, and VBC sends the same audio again", e.Other)
}

// storedTwice writes down the intended copy of a recording whose audio VBC has
// sent twice, the same each time, whether it is another one's or not.
func (t *transfer) storedTwice(o storage.Object) error {
	if err := t.manifest.StoredAlike(t.work, t.row.Recording, t.copied(o)); err != nil {
		return err
	}
	now, err := t.manifest.Row(t.work, t.row.Key(), t.row.Nth)
	t.row.Alike = now.Alike
	return err
}

// distrust notes that an export had another recording's audio for this one: what
// else has come out of it is compared, and nothing more is taken.
func (t *transfer) distrust(from *spool.File) error {
	reason := fmt.Sprintf("an export contains another recording's audio for %s", t.row.Recording)
	taken, first := from.Distrust()
	if !first {
		return nil
	}
	t.exporter.giveUp(reason)
	for _, row := range taken {
		if row.ID == t.row.ID && row.Owner == t.row.Owner && row.Nth == t.row.Nth {
			continue // this is what VBC has just sent for it
		}
		if err := t.manifest.Suspected(t.work, row.Recording); err != nil {
			return err
		}
	}
	return nil
}

// tellApart settles what is known of a recording that may have another one's
// audio: VBC is asked once more for it. Where it sends something else, the copy
// is forgotten, and the recording archived anew.
func (r *run) tellApart(ctx context.Context, row *item) error {
	row.compared = true
	if row.Alike == manifest.Compared {
		other, err := r.manifest.Twin(r.work, row.Recording, row.Copy.Audio.SHA256)
		last := r.policy.Delete && r.policy.AcceptEqualAudio // what is to be purged all the same is compared once more
		if err != nil || other != nil && !last {
			return err
		}
		row.Alike = manifest.Suspect // the other one has been archived anew: this one's is looked at again
	}
	if there, err := r.stillHas(ctx, row); err != nil {
		return err
	} else if !there {
		return r.compared(row) // what its id brings now is another recording's
	}
	direct, err := r.contentAtVBC(ctx, row.Recording, &row.patience)
	if e := vbc.AsError(err); e != nil && e.NotFound() {
		return r.compared(row) // VBC can't tell any more
	}
	if err != nil {
		return err
	}
	if direct == row.Copy.Audio.Content {
		return r.compared(row)
	}
	r.log.Warn("the copy differs from what VBC sends for this recording; archiving it again", "recording", row.Recording.String())
	if err := r.manifest.Relist(r.work, row.Recording); err != nil {
		return err
	}
	row.Copy, row.Alike = manifest.Copy{Transcript: row.Copy.Transcript}, manifest.Unlike
	return nil
}

// suspect is tellApart for a recording whose purge the manifest has refused: since
// its turn came, the export that its audio is from has been found wrong.
func (r *run) suspect(ctx context.Context, row *item, _ error) (ends bool, err error) {
	row.Alike = manifest.Suspect
	if err := r.tellApart(ctx, row); err != nil {
		return false, err
	}
	row.purge = row.purge && !r.policy.aliked(row.Row)
	return false, nil
}

// compared writes down that nothing more can be found out by asking VBC.
func (r *run) compared(row *item) error {
	other, err := r.manifest.Twin(r.work, row.Recording, row.Copy.Audio.SHA256)
	if err != nil {
		return err
	}
	row.Alike = manifest.Compared
	if other == nil {
		row.Alike = manifest.Unlike
	}
	return r.manifest.Compared(r.work, row.Recording, row.Alike)
}

// alike is the failure of a recording that has another one's audio.
func (r *run) alike(row *item) error {
	other, err := r.manifest.Twin(r.work, row.Recording, row.Copy.Audio.SHA256)
	if err != nil || other == nil {
		return err
	}
	return &alikeError{Recording: row.Recording, Other: *other}
}
