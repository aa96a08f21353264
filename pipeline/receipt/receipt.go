// Package receipt is the record of what was deleted at VBC and why that was
// safe. Every purge leaves two entries: the intent, on disk before the DELETE
// is sent, with the proven copy that justifies it; and the outcome. A legal
// hold leaves one when it is made and one when it ends, an erasure from the
// archive one when it begins and one when nothing is left.
//
// Entries form a chain: each carries the SHA-256 of the line before it, so none
// can be changed, removed or slipped in without breaking what follows. The
// chain's head, the SHA-256 of its last line, stands for all of it. A chain
// lives in a manifest and, run by run, in objects beside the archive, whose
// names carry the head: cutting off the end doesn't go unnoticed either.
//
// The lines are also the leaves of a Merkle tree, as of certificate transparency.
// A Checkpoint is its size and root, signed with the manifest's Key: whoever knows
// the key's verifier needs to trust neither the machine nor the archive. Each object
// ends with one. An Inclusion proves that one line is in the log that a checkpoint
// speaks of, without the rest of it.
//
// So these words mean one thing each: entry and line, its bytes; chain, the entries by
// their digests; log, a chain with its tree and checkpoints; head, the digest of the
// last line; root, that of the tree; checkpoint, size and root. A log that forks has
// several ends, and tip is what package manifest calls one that it has seen.
//
// Entries hold no caller's data, since they may lie under Object Lock for
// longer than the recordings may.
package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Entry is one line of a chain. Seq, Chain and Prev are set by Seal.
type Entry struct {
	Seq   int64          `json:"seq"`   // 1, 2, 3, …
	Chain string         `json:"chain"` // the same in all entries of a chain
	Prev  storage.Digest `json:"prev"`  // of the line before; "" in the first

	Type    Type      `json:"type"`
	At      time.Time `json:"at"` // UTC
	Run     int64     `json:"run"`
	Account string    `json:"account"`
	Kind    vbc.Kind  `json:"kind,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	ID      int64     `json:"id,omitempty"`

	// Start tells apart recordings that have had the same id. Entries of earlier
	// programs have none.
	Start time.Time `json:"start,omitzero"` // UTC

	// The copy: where it is (destination and object), and when and how the
	// store confirmed it. An outcome has it only where no intent went before.
	Destination string          `json:"destination,omitempty"`
	Audio       *storage.Object `json:"audio,omitempty"`
	Sidecar     *storage.Object `json:"sidecar,omitempty"`
	Transcript  *storage.Object `json:"transcript,omitempty"` // where there is one
	Verified    time.Time       `json:"verified,omitzero"`

	// Found says of a copy that it was found in the archive, and that nobody has
	// compared it with what VBC sends: a deletion isn't justified by it.
	Found bool `json:"found,omitempty"`

	// Of an outcome: what was found, and the DELETE's HTTP status if it was
	// one that told.
	Outcome Outcome `json:"outcome,omitempty"`
	Status  int     `json:"status,omitempty"`

	// Of a hold: its number in the manifest, the SHA-256 of what it says, by
	// which it is known everywhere, and that of what its end says. Of the begin
	// of an erasure: the SHA-256 of its reason, and of a listening that of what is
	// written of it. These texts name people, and lie elsewhere.
	Hold    int64          `json:"hold,omitempty"`
	Digest  storage.Digest `json:"digest,omitzero"`
	Removal storage.Digest `json:"removal,omitzero"`

	// Of a log that was seen: how far it had come, and of a key that signs from here
	// on: its verifier.
	Log      *SeenLog `json:"log,omitempty"`
	Verifier string   `json:"verifier,omitempty"`

	// Of a manifest that several machines share: the number of the lease under which the
	// entry was written, which only rises, and the word that its holder alone has.
	Fence  int64  `json:"fence,omitempty"`
	Holder string `json:"holder,omitempty"`
}

// SeenLog is how far another manifest's log had come when this one saw it beside
// their archive.
type SeenLog struct {
	Chain    string         `json:"chain"`
	Size     int64          `json:"size"` // entries
	Head     storage.Digest `json:"head"` // of the last line
	Root     Root           `json:"root"`
	Verifier string         `json:"verifier,omitempty"` // of the key that has signed that; "" = nobody has
}

// Format of logs: 2 has signed checkpoints, 3 entries of type Listened, 4 fences and
// holders in entries of manifests that machines share. A program that doesn't know an
// entry's type, or one of its fields, calls the log broken.
const Format = 4

// Type distinguishes entries.
type Type string

const (
	Intent   Type = "intent"  // of a purge
	Result   Type = "outcome" // of the same
	Held     Type = "hold"    // a hold was made
	Released Type = "release" // and removed
	Erasing  Type = "erasing" // a recording is being erased from the archive
	Erased   Type = "erased"  // and nothing is left of it

	Listened Type = "listened" // somebody has played or downloaded the copy in the archive

	Archived Type = "archived" // somebody has asked for a copy to be vouched for, which no other entry does
	Seen     Type = "seen"     // the log of another manifest
	Signing  Type = "signing"  // entries before this one were not signed when they were written
)

// Outcome is what became of an intended purge.
type Outcome string

const (
	Deleted    Outcome = "deleted"     // VBC confirmed the DELETE
	NotThere   Outcome = "not there"   // VBC says that it has no such recording (404)
	StillThere Outcome = "still there" // VBC still has it, whatever it had answered before
	NotSent    Outcome = "not sent"    // the DELETE wasn't sent: what justified it was too old, or a hold had been made
)

// New begins an entry about a recording.
func New(t Type, run int64, r vbc.Recording) Entry {
	return Entry{Type: t, At: time.Now().UTC(), Run: run, Account: r.Account, Kind: r.Kind, Owner: r.Owner, ID: r.ID, Start: r.Start.UTC()}
}

// Recording identifies what an entry is about, for messages.
func (e Entry) Recording() vbc.Recording {
	return vbc.Recording{Account: e.Account, Kind: e.Kind, Owner: e.Owner, ID: e.ID, Start: e.Start}
}

// Key is the key of the recording that an entry is about.
func (e Entry) Key() vbc.Key { return vbc.Key{Kind: e.Kind, Owner: e.Owner, ID: e.ID} }

// Vouches reports whether an entry says of a copy that its store has confirmed it.
func (e Entry) Vouches() bool { return e.Type == Intent || e.Type == Archived }

// check refuses entries that this program would not have written.
func (e Entry) check() error {
	switch {
	case e.Type == Held || e.Type == Released:
		if e.Account == "" || e.Hold <= 0 || e.Digest.IsZero() || e.Removal.IsZero() == (e.Type == Released) || e.ID != 0 || e.Outcome != "" {
			return errors.New("it doesn't name a hold")
		}
	case e.Type == Seen:
		if e.Log == nil || e.Log.Chain == "" || e.Log.Size <= 0 || e.Log.Head.IsZero() || e.Account == "" || e.ID != 0 {
			return errors.New("it doesn't name a log")
		}
	case e.Type == Signing:
		if e.Verifier == "" || e.ID != 0 {
			return errors.New("it doesn't name a key")
		}
	case e.Found && e.Audio == nil:
		return errors.New("it names no copy that was found")
	case e.Log != nil || e.Verifier != "":
		return errors.New("it names a log, and is about something else")
	case e.Type == Listened:
		if e.ID <= 0 || e.Account == "" || e.Kind == "" || e.Digest.IsZero() || e.Audio != nil || e.Outcome != "" {
			return errors.New("it doesn't name a recording and what is written of who listened")
		}
	case e.Type != Archived && e.Type != Intent && e.Type != Result && e.Type != Erasing && e.Type != Erased:
		return fmt.Errorf("its type %.20q is unknown", string(e.Type))
	case e.ID <= 0 || e.Account == "" || e.Kind == "":
		return errors.New("it doesn't name a recording")
	case e.Vouches() && (e.Audio == nil || e.Sidecar == nil || !e.Audio.Proven() || !e.Sidecar.Proven() || e.Transcript != nil && !e.Transcript.Proven() || e.Verified.IsZero()):
		return errors.New("it names no verified copy")
	case (e.Type == Erasing || e.Type == Erased) && (e.Audio == nil || e.Sidecar == nil || e.Digest.IsZero() != (e.Type == Erased) || e.Outcome != ""):
		return errors.New("it doesn't name what was erased")
	case e.Type == Result && e.Outcome != Deleted && e.Outcome != NotThere && e.Outcome != StillThere && e.Outcome != NotSent:
		return fmt.Errorf("its outcome %.20q is unknown", string(e.Outcome))
	}
	return nil
}

// Chain is a chain up to some entry. The zero Chain, save ID, is an empty one.
// It is used by one goroutine.
type Chain struct {
	ID   string
	Last int64          // Seq of the last entry, 0 if there is none
	Head storage.Digest // of the last line
}

// Break says where a chain is broken, and how.
type Break struct {
	Chain string
	Seq   int64 // the entry that should have been there
	Why   string
}

func (b *Break) Error() string {
	return fmt.Sprintf("the chain of receipts %s is broken at entry %d: %s", b.Chain, b.Seq, b.Why)
}

// Seal makes e the next entry and returns its line, without a newline.
func (c *Chain) Seal(e Entry) ([]byte, error) {
	e.Seq, e.Chain, e.Prev = c.Last+1, c.ID, c.Head
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	c.Last, c.Head = e.Seq, storage.SumOf(line)
	return line, nil
}

// Next checks that line is the chain's next entry, and goes on to it. The error
// is a *Break, and leaves the chain where it was. An empty ID takes that of the
// first line.
func (c *Chain) Next(line []byte) (Entry, error) {
	broken := func(format string, args ...any) (Entry, error) {
		return Entry{}, &Break{Chain: c.ID, Seq: c.Last + 1, Why: fmt.Sprintf(format, args...)}
	}
	var e Entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields() // a newer program's entries can't be judged by an older one
	if err := d.Decode(&e); err != nil {
		return broken("this program does not know such an entry: %v", err)
	}
	switch {
	case c.ID != "" && e.Chain != c.ID:
		return broken("it belongs to another chain, %.40q", e.Chain)
	case e.Seq != c.Last+1:
		return broken("entry %d is in its place", e.Seq)
	case e.Prev != c.Head:
		return broken("it was written after another entry %d (%.16s…) than the one before it (%.16s…)", c.Last, e.Prev, c.Head)
	}
	if err := e.check(); err != nil {
		return broken("%v", err)
	}
	c.ID, c.Last, c.Head = e.Chain, e.Seq, storage.SumOf(line)
	return e, nil
}
