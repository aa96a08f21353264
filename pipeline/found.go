package pipeline

import (
	"context"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// What was found in an archive, and no signed receipt vouches for, anybody may have
// put there: the metadata beside it, which says what the audio must be, as well. The
// store proves that it is there, and only VBC that it is the recording. So before it
// justifies a purge VBC is asked once more, at the price of one download. What VBC has
// no more stays as it was found.

// compareFound brings a recording from VBC whose copy was found in the archive. Where
// that is, byte for byte, what VBC sends, it is adopted and keeps its age; else ours
// goes beside it. What was found stays known until all of the audio has come: a crash,
// an outage or a 404 before that leaves it as it was, to be compared by the next run.
func (r *run) compareFound(ctx context.Context, row *item) error {
	if row.State == manifest.Purging {
		// Whatever has become of the deletion that was begun: VBC has it.
		if err := r.conclude(row, receipt.StillThere, 0); err != nil {
			return err
		}
		row.State = manifest.Verified
	}
	if err := r.manifest.Comparing(r.work, row.Recording); err != nil {
		return err
	}
	found, beside := row.Copy, ""
	if layout.IsBeside(found.Audio.Key) {
		beside = found.Audio.Key
	}
	err := r.transferTo(ctx, row, beside)
	if none, ok := errors.AsType[*noAudioError](err); ok {
		return none.err // the next run looks whether VBC has it
	}
	if err != nil {
		return err
	}
	if now := row.Copy.Audio; now.Key == found.Audio.Key && now.Content == found.Audio.Content {
		row.Copy.ArchivedAt, row.renewed = found.ArchivedAt, false
		r.log.Debug("a copy that was found in the archive is what VBC sends", "recording", row.Recording.String())
		return nil
	}
	r.log.Warn("a copy that was found in the archive isn't what VBC sends, or lies under another name; it stays there, and the recording is archived beside it",
		"recording", row.Recording.String(), "found", found.Audio.Key)
	return nil
}

// vouchForAll takes all that was found in the archive for what VBC has sent: somebody
// has said so.
func (r *run) vouchForAll() error {
	n, err := r.manifest.VouchForAll(r.work)
	if err == nil && n > 0 {
		r.log.Info("copies that were found in the archive are trusted from now on, as requested", "recordings", n)
	}
	return err
}

// wantsAudio reports whether a run needs a recording's audio from VBC.
func (r *run) wantsAudio(row manifest.Row) bool {
	if !row.Copy.Known() {
		return true
	}
	may, _ := r.policy.mayPurge(row)
	return may && r.policy.mustCompare(row)
}
