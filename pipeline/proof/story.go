package proof

import (
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Event is what one receipt says, for people.
type Event struct {
	At      time.Time    `json:"at"` // UTC
	Type    receipt.Type `json:"type"`
	Says    string       `json:"says"`
	Receipt string       `json:"receipt"` // its file
	Log     string       `json:"log"`     // its chain
	Entry   int64        `json:"entry"`   // its place there
}

// told is a receipt and where it lies in a proof.
type told struct {
	receipt.Entry
	file string
}

// merged has the receipts of all logs by their times. Each log keeps its own order,
// whatever its clock said.
func merged(logs [][]told) (all []told) {
	for {
		first := -1
		for i, l := range logs {
			if len(l) > 0 && (first < 0 || l[0].At.Before(logs[first][0].At)) {
				first = i
			}
		}
		if first < 0 {
			return all
		}
		all = append(all, logs[first][0])
		logs[first] = logs[first][1:]
	}
}

// story is what all receipts together say.
type story struct {
	all     []told
	voucher *told // the last one that vouches for a copy; nil = none does
	erased  bool  // after that
	deleted *told // after that, VBC has confirmed that it has it no more
}

func storyOf(all []told) story {
	s := story{all: all}
	for i := range all {
		e := &all[i]
		if Vouches(e.Entry) {
			s.voucher, s.erased, s.deleted = e, false, nil
		}
		switch {
		case e.Type == receipt.Erased:
			s.erased = true
		case e.Type == receipt.Result && (e.Outcome == receipt.Deleted || e.Outcome == receipt.NotThere):
			s.deleted = e
		case e.Type == receipt.Result && e.Outcome == receipt.StillThere:
			s.deleted = nil
		}
	}
	return s
}

// events are the receipts for people, by their times: a hold is written into the log
// at the end of the run after it.
func (s story) events() (all []Event) {
	for _, e := range s.all {
		all = append(all, Event{At: e.At.UTC(), Type: e.Type, Says: says(e.Entry), Receipt: e.file, Log: e.Chain, Entry: e.Seq})
	}
	slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	return all
}

// summary says in one sentence what the receipts prove.
func (s story) summary() string {
	switch {
	case s.erased:
		return "The recording was erased from the archive, on request. There is no copy of it in this proof."
	case s.voucher == nil:
		return "No receipt vouches for a copy of this recording."
	case s.deleted == nil:
		return fmt.Sprintf("The archive has had this copy since %s at the latest. No receipt says that the recording was deleted at VBC.", utc(s.voucher.Verified))
	case s.deleted.Outcome == receipt.NotThere:
		return fmt.Sprintf("The archive had this copy on %s. On %s VBC no longer had the recording.", utc(s.verified()), utc(s.deleted.At))
	}
	return fmt.Sprintf("The archive had this copy on %s. VBC confirmed the deletion of the recording on %s.", utc(s.verified()), utc(s.deleted.At))
}

// verified is when the copy was confirmed. An outcome with a copy of its own was
// written down right then.
func (s story) verified() time.Time {
	if s.voucher.Verified.IsZero() {
		return s.voucher.At
	}
	return s.voucher.Verified
}

// says is what a receipt says, in plain English.
func says(e receipt.Entry) string {
	switch e.Type {
	case receipt.Intent:
		return "The deletion at VBC was started. Before that, " + confirmed(e) + whoseWord(e)
	case receipt.Archived:
		return "Somebody asked for a receipt about the copy. For this, " + confirmed(e)
	case receipt.Result:
		text := outcome(e)
		if Vouches(e) {
			text += " The archive had a verified copy at that time."
		}
		return text + whoseWord(e)
	case receipt.Erasing:
		return fmt.Sprintf("The erasure of the recording from the archive was started, on request. The SHA-256 of the request is %s.", e.Digest)
	case receipt.Erased:
		return "Nothing of the recording was left in the archive."
	case receipt.Held:
		return fmt.Sprintf("Legal hold %d was added. The SHA-256 of its text is %s.", e.Hold, e.Digest)
	case receipt.Released:
		return fmt.Sprintf("Legal hold %d, with the SHA-256 %s, was removed. The SHA-256 of the text of its end is %s.", e.Hold, e.Digest, e.Removal)
	case receipt.Listened:
		return fmt.Sprintf("Somebody played or downloaded the copy in the archive. The SHA-256 of what is written of that is %s.", e.Digest)
	case receipt.Signing:
		return fmt.Sprintf("Entries 1 to %d of this log were not signed when they were written. They are signed from here on.", e.Seq-1)
	}
	return "Entry of type " + string(e.Type) + "."
}

// whoseWord says where nothing but the archive says what a copy is.
func whoseWord(e receipt.Entry) string {
	if !e.Found {
		return ""
	}
	return " The copy was found in the archive, and nobody has compared it with what VBC sends."
}

// confirmed says how and when the copy was made sure of.
func confirmed(e receipt.Entry) string {
	how := "the destination confirmed size and SHA-256 of the copy"
	switch e.Audio.Proof {
	case storage.ProofRead:
		how = "every byte of the copy was read in the destination, and its size and SHA-256 were correct"
	case storage.ProofParts:
		how = "the destination confirmed size and SHA-256 of all parts of the copy"
	}
	text := fmt.Sprintf("%s (%s).", how, utc(e.Verified))
	if !e.Audio.LockedUntil.IsZero() {
		text += fmt.Sprintf(" The destination said that nobody can delete the audio before %s.", utc(e.Audio.LockedUntil))
	}
	return text
}

func outcome(e receipt.Entry) string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" (HTTP status %d)", e.Status)
	}
	switch e.Outcome {
	case receipt.Deleted:
		return "VBC confirmed the deletion" + status + "."
	case receipt.NotThere:
		return "VBC no longer had the recording" + status + "."
	case receipt.StillThere:
		return "VBC still had the recording" + status + "."
	}
	return "The deletion was cancelled before it was sent."
}
