package manifest

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Holds are legal holds: no purge, and no erasure, of what one covers is begun once
// AddHold has returned it, by whatever run.
type Holds interface {
	// Holds returns all holds in the order of their numbers, those that were
	// removed included.
	Holds(ctx context.Context) ([]Hold, error)
	// AddHold writes a hold down and returns it with its number. From that moment
	// on no purge of what it covers is begun, also not by a run that is going on.
	// Its receipt, and its copy beside the archive, are the next run's.
	AddHold(ctx context.Context, h Hold) (Hold, error)
	// RemoveHold ends a hold. The error is ErrNoHold if there is none.
	RemoveHold(ctx context.Context, number int64, reason, by string) (Hold, error)
	// UnderWay counts the recordings covered by a hold whose deletion at VBC has
	// been begun, and of which nobody knows yet what becomes of it.
	UnderWay(ctx context.Context, h Hold) (int, error)
	// Unheld is a *HeldError if a recording is under a hold now. Purging looks by
	// itself; this is for afterwards.
	Unheld(ctx context.Context, r vbc.Recording) error

	// NoteHolds adds the entries that the chain of receipts lacks. It is called by
	// runs alone, once they have taken over what the archive has of the chain:
	// entries from anywhere else would fork it.
	NoteHolds(ctx context.Context, run int64) error
	// LearnHold writes down what the archive says of a hold. One whose making
	// can't be read holds everything; an end that can't be read, or whose Release
	// isn't known, ends nothing.
	LearnHold(ctx context.Context, t HoldText) error
	// HoldTexts returns what the manifest knows of each hold, in the order of their
	// numbers, word by word.
	HoldTexts(ctx context.Context) ([]HoldRecord, error)
	// UnstoredHolds returns what isn't beside the archive yet.
	UnstoredHolds(ctx context.Context) ([]HoldText, error)
	// HoldStored writes down that a text is beside the archive.
	HoldStored(ctx context.Context, t HoldText) error
	// HoldsSettled reports whether the chain and the archive have all that was done
	// about holds.
	HoldsSettled(ctx context.Context) (bool, error)
}

// ErrNoHold says that there is no such hold, or that it has ended.
var ErrNoHold = errors.New("there is no such hold in force")

// HoldRecord is a hold as it is written down.
type HoldRecord struct {
	Number int64
	Digest storage.Digest // by which it is known
	Made   []byte         // empty: nobody knows what it covers
	Ended  []byte         // empty: it is in force
	Noted  bool           // the chain has its end, or somebody else's has
}

// HoldText is one deed about a hold in writing: how it was made, or how it has
// ended.
type HoldText struct {
	Hold  storage.Digest // of the hold: of the text of its making
	Ended bool
	Text  []byte // nil: it was there, and can't be read
}

// Check reports whether a text is what it is taken for.
func (t HoldText) Check() bool {
	if !t.Ended {
		var h Hold
		return storage.SumOf(t.Text) == t.Hold && json.Unmarshal(t.Text, &h) == nil && h.Selects()
	}
	var r Removal
	return json.Unmarshal(t.Text, &r) == nil && r.Hold == t.Hold && !r.At.IsZero()
}
