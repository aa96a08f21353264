package manifest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
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
	// ShareHold writes down, in the same words, how a hold was made or how it has
	// ended that another manifest of the account has too: one on this machine, whose
	// word is as good as this one's. It works as AddHold and RemoveHold do, and
	// changes nothing that is known already. A making that can't be read holds
	// everything; an end that can't be read, or of a hold that isn't known, ends
	// nothing. The hold gets t's number, if that is free.
	ShareHold(ctx context.Context, t HoldText) error
	// Covered yields the recordings in one of these states that one of holds covers,
	// which aren't asked whether they have ended.
	Covered(ctx context.Context, holds []Hold, states ...State) iter.Seq2[Row, error]
	// UnderWay counts the recordings covered by a hold whose deletion at VBC has
	// been begun, and of which nobody knows yet what becomes of it.
	UnderWay(ctx context.Context, h Hold) (int, error)
	// Deletable is a *HeldError if a recording is under a hold now, for anything that
	// VBC has ever said of it, and a *RefutedError if a reading has found its copy
	// wrong; ErrUnknown (wrapped) if neither, and it isn't known. Purging looks by
	// itself; this is for afterwards.
	Deletable(ctx context.Context, r vbc.Recording) error

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
	// Revive has a hold in force again of whose end there is no good signature. Ends
	// that this manifest was told of, or has learned, have one.
	Revive(ctx context.Context, hold storage.Digest) error
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
	Signed string         // the manifest's signature of Ended; see receipt.Key
	Noted  bool           // the chain has its end, or somebody else's has
}

// Hold is what it says. Where its text isn't the one that it was made with, nobody
// knows what it covers, and it is lost.
func (r HoldRecord) Hold() (h Hold, err error) {
	if h.Lost = !(HoldText{Hold: r.Digest, Text: r.Made}).Check(); !h.Lost {
		err = json.Unmarshal(r.Made, &h)
	}
	h.Changed = h.Lost && len(r.Made) > 0
	if err == nil && len(r.Ended) > 0 {
		h.Removed = &Removal{}
		err = json.Unmarshal(r.Ended, h.Removed)
	}
	h.Digest, h.Number = r.Digest, r.Number
	return h, err
}

// Receipt is the entry of the chain that says how the hold was made, or, if that has one,
// how it has ended.
func (r HoldRecord) Receipt(account string, run int64, made bool) (receipt.Entry, error) {
	h, err := r.Hold()
	e := receipt.Entry{Type: receipt.Held, At: h.At, Run: run, Account: account, Hold: h.Number, Digest: h.Digest}
	if err == nil && made {
		e.Type, e.At, e.Removal = receipt.Released, h.Removed.At, storage.SumOf(r.Ended)
	}
	return e, err
}

// End ends a hold, signed.
func (h *Hold) End(reason, by string, key receipt.Key) (end HoldText, signed string, err error) {
	if end, err = NewEnd(h.Digest, reason, by); err != nil {
		return end, "", err
	}
	if err = json.Unmarshal(end.Text, &h.Removed); err != nil {
		return end, "", err
	}
	signed, err = key.SignHoldEnd(end.Hold, storage.SumOf(end.Text))
	return end, signed, err
}

// HoldText is one deed about a hold in writing: how it was made, or how it has
// ended.
type HoldText struct {
	Hold  storage.Digest // of the hold: of the text of its making
	Ended bool
	Text  []byte // nil: it was there, and can't be read

	Number int64 // of the hold, where the text is from; 0 = it has none there
}

// NewHold is h as it is made now, and the text of that.
func NewHold(h Hold) (Hold, HoldText, error) {
	if !h.Selects() {
		return Hold{}, HoldText{}, errors.New("a hold needs at least one criterion")
	}
	h.Nonce, h.At, h.Removed = rand.Text(), time.Now().UTC(), nil
	made, err := json.Marshal(h)
	if err != nil {
		return Hold{}, HoldText{}, err
	}
	h.Digest = storage.SumOf(made)
	return h, HoldText{Hold: h.Digest, Text: made}, nil
}

// NewEnd is the text of a hold's end that is made now.
func NewEnd(hold storage.Digest, reason, by string) (HoldText, error) {
	ended, err := json.Marshal(Removal{Hold: hold, Reason: reason, By: by, At: time.Now().UTC()})
	return HoldText{Hold: hold, Ended: true, Text: ended}, err
}

// Made is the hold that a making is of: one that holds everything if it can't be
// read.
func (t HoldText) Made() Hold {
	var h Hold
	if !t.Check() || json.Unmarshal(t.Text, &h) != nil {
		h = Hold{Lost: true}
	}
	h.Number, h.Digest = t.Number, t.Hold
	return h
}

// End is what an end says.
func (t HoldText) End() (*Removal, error) {
	var r Removal
	err := json.Unmarshal(t.Text, &r)
	return &r, err
}

// Concerns reports whether a text is about a hold that a manifest of a destination
// is to have. Where nobody can tell, it is.
func (t HoldText) Concerns(destination string) bool {
	h := t.Made()
	return t.Ended || h.Lost || h.Destination == "" || h.Destination == destination
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
