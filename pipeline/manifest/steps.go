package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Steps are the transitions of the state machine; see Step. Each is a *StateError,
// and changes nothing, for a recording that isn't known, or is in no state from
// which the step is allowed. Recordings are told apart by their Nth too. Steps with a receipt
// add that to the chain in the same change.
type Steps interface {
	// Stored writes down the intended copy, before it becomes visible in the
	// store. It is an *AlikeError if another recording has the same audio, and
	// then nothing is written: see StoredAlike. What is stored comes from VBC, so
	// the copy isn't unvouched any more; one that is the same, in the same place,
	// keeps its age.
	Stored(ctx context.Context, r vbc.Recording, c Copy) error
	// StoredAlike is Stored for audio that another recording has, and that VBC has
	// sent twice. The other one, if it may still be at VBC, is suspect from then on.
	StoredAlike(ctx context.Context, r vbc.Recording, c Copy) error
	// Transcribed adds an intended transcript to a copy, before it becomes visible
	// in the store. The copy as a whole is to be verified again. A recording whose
	// purge was begun stays in the state purging.
	Transcribed(ctx context.Context, r vbc.Recording, transcript storage.Object) error
	// Verified writes down that the store has confirmed the copy at the time at.
	// done says that this was all there was to do, and earlier failures are over.
	Verified(ctx context.Context, r vbc.Recording, c Copy, at time.Time, done bool) error
	// Relist forgets a copy that turned out to be missing, damaged or another's,
	// save its transcript, which is looked at by itself. The audio must come from
	// VBC again. What was found wrong of it is remembered, as by Refuse.
	Relist(ctx context.Context, r vbc.Recording, wrong ...Refused) error

	// Purging writes down the receipt's intent. Only when it has returned nil may
	// the DELETE be sent. It is a *HeldError if the recording is under a hold at
	// that very moment, a *SuspectError if its copy may be another one's audio, a
	// *RefutedError if a reading has found the copy wrong, unless refuted says that the
	// caller knows of that and has read it again; and then nothing is written. A hold
	// that AddHold has returned is always seen, and so is a Doubt.
	Purging(ctx context.Context, r vbc.Recording, c Copy, intent receipt.Entry, refuted bool) error
	// Purged writes down that the recording is no longer at VBC.
	Purged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error
	// Withdrawn writes down that a DELETE, whose intent is on disk, was not sent.
	// It is not for recordings of which an earlier one may have been: what became
	// of that is an open question.
	Withdrawn(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error
	// NotPurged writes down that a recording whose purge was begun is still at VBC.
	NotPurged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error
	// Found writes down that a copy has been found in the store, and proven, of a
	// recording that VBC has no more: another manifest, or a later state of this
	// one, has archived it. Nobody has compared it with what VBC sent: it is
	// unvouched.
	Found(ctx context.Context, r vbc.Recording, c Copy, outcome receipt.Entry) error

	// Failed writes down that run could not do the recording: the Code, Reason and
	// Permanent of f. One whose purge was begun stays in the state purging: whether
	// VBC still has it is an open question, and not to be forgotten. What was
	// acknowledged when failures had no codes goes by the code from now on, if it
	// still fails for that reason.
	Failed(ctx context.Context, r vbc.Recording, run int64, f Failure) error
	// Gone writes down that VBC has the recording no more, and that there is no copy.
	Gone(ctx context.Context, r vbc.Recording) error
}

// Doubts are what somebody has seen of a copy, or says of it. Where that is
// something bad, a verified copy is only stored again; nothing is refused.
type Doubts interface {
	// Doubt writes down that a copy isn't what it should be, while VBC may still
	// have the recording: the next run reads it, and archives the recording anew if
	// it is still wrong. Until then nothing that the store remembers of it counts.
	Doubt(ctx context.Context, r vbc.Recording) error
	// Rewritten writes down that what was read and found wrong has been replaced,
	// in this run: what the store remembers counts again.
	Rewritten(ctx context.Context, r vbc.Recording) error
	// Damaged writes down what is wrong with a copy that VBC can't replace any
	// more; "" says that it has been read, and is whole again.
	Damaged(ctx context.Context, r vbc.Recording, what string) error
	// Suspected writes down that a recording's copy may be another one's audio.
	Suspected(ctx context.Context, r vbc.Recording) error
	// Compared writes down what VBC, asked once more for a suspect recording, has
	// shown of it.
	Compared(ctx context.Context, r vbc.Recording, how Alike) error
	// Comparing writes down that VBC is about to be asked once more for a recording
	// whose copy is unvouched: it may be stored from then on. What was found stays
	// known until then. A copy that is vouched for is left alone.
	Comparing(ctx context.Context, r vbc.Recording) error
	// VouchForAll writes down that somebody vouches for all unvouched copies, and
	// returns how many there were.
	VouchForAll(ctx context.Context) (int64, error)
	// Redate has the age of a copy count from at. What was written down when it was
	// archived was a wrong clock's time.
	Redate(ctx context.Context, r vbc.Recording, at time.Time) error
	// Acknowledge writes down why somebody takes a recording's last failure for
	// granted.
	Acknowledge(ctx context.Context, r vbc.Recording, why string) error
}

// Erasures are the steps from purged, or gone, on, which somebody has asked for.
type Erasures interface {
	// Erasing writes down that a recording is about to be erased from the archive.
	// Only when it has returned nil may that be begun. It is a *HeldError if the
	// recording is under a hold at that very moment, and then nothing is written.
	Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error
	// ErasingFound is Erasing for what lies in the archive and the manifest doesn't
	// know. It gets a row of its own, whose Nth it sets: so an erasure is always one
	// of a row, and whoever compares these with receipts finds both.
	ErasingFound(ctx context.Context, row *Row, begun receipt.Entry) error
	// Erased writes down that nothing of a recording is in the archive any more.
	// The row keeps its id, its start, and sizes and digests of what was there.
	// What quotes the call elsewhere in the manifest, in troubles, filters and the
	// ends of runs, doesn't any more. What VBC said of it, then and before, is on
	// disk until Scrub.
	Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error
	// Scrub leaves nothing on disk of rows as they once were. It may take as long,
	// and as much room, as copying the manifest. Nothing else may use it meanwhile.
	Scrub(ctx context.Context) error
}

// AlikeError says that a recording's audio is, byte for byte, another one's.
// One of the two may be wrong.
type AlikeError struct{ Recording, Other vbc.Recording }

func (e *AlikeError) Error() string {
	return fmt.Sprintf("VBC sent audio for %s that is byte for byte the same as that of %s", e.Recording, e.Other)
}

// SuspectError says that a recording may have another one's audio, and that VBC
// has to be asked before it may be purged.
type SuspectError struct{ Recording vbc.Recording }

func (e *SuspectError) Error() string {
	return fmt.Sprintf("the copy of %s may have another recording's audio", e.Recording)
}

// RefutedError says that somebody has read a copy since whoever would purge it has looked
// at it, as the page does for whoever listens, and has found it wrong: what was seen before
// justifies nothing.
type RefutedError struct{ Recording vbc.Recording }

func (e *RefutedError) Error() string {
	return fmt.Sprintf("the copy of %s was read meanwhile and found wrong: it must be read again before the deletion", e.Recording)
}

// HeldError says that a recording is under a hold, and may not be purged.
type HeldError struct {
	Recording vbc.Recording
	Number    int64
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is under hold %d", e.Recording, e.Number)
}
