package check

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// identity is a recording as receipts tell it apart: by kind, owner, id and the
// second of its start. It is a piece of a digest, so that recordings can be sorted into
// parts by it (package spill).
type identity [16]byte

func identityOf(kind vbc.Kind, owner string, id, start int64) (i identity) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", kind, owner, id, start))
	copy(i[:], sum[:])
	return i
}

// word is what a log has said of a recording last.
type word uint8

const (
	nothing  word = iota
	intended      // to be deleted at VBC
	gone          // no longer there
	back          // still there, or its deletion was not sent
	beingErased
	erased
)

// What logs have ever said of a recording, each with one for logs that no known key
// has signed.
const (
	wasGone uint16 = 1 << iota
	wasBeingErased
	wasErased
	goneUnsigned
	beingErasedUnsigned
	erasedUnsigned
	ownCopy // copy is the own log's
	several // copies of different sizes: VBC has changed it
	loose   // last doesn't bind the row, see stories.tell
	fits    // a row is as last says
)

// unsigned is what is said of the same by a log that no known key has signed.
const unsignedShift = 3

// story is what the logs say of one recording.
type story struct {
	copy  uint64 // audio and metadata, as the last entry that names a copy has them
	size  uint32 // of the audio, its last 32 bits
	text  uint32 // transcript; 0 = none
	flags uint16
	last  word  // the own log's
	rows  uint8 // of it in the manifest; 255 = that many or more

	// The first entry of the own log after which there should be a row, and the first
	// that calls it erased, by told.order; 0 = there is none.
	ended, erased uint64
}

func (s story) said(flag uint16) bool { return s.flags&flag != 0 }

// stories are what the logs tell of the recordings in one part, see parts.
type stories struct {
	of     map[identity]story
	copies map[identity][]uint64 // of those with several
}

func newStories() stories { return stories{map[identity]story{}, map[identity][]uint64{}} }

// source says whose entry it is.
type source struct {
	own    bool
	signed bool // a known key vouches for it
	loose  bool // the row may honestly be older: the entry was taken over, or is being added just now
}

// told is what one entry says of a recording, as far as stories need it.
type told struct {
	identity
	order uint64 // of all entries that are read
	said  word
	flag  uint16 // wasGone, wasBeingErased or wasErased, or 0
	from  source

	named      bool // a copy
	copy       uint64
	size, text uint32

	unproven bool // it says that VBC has no more what no entry before has proven
}

// toldBy is what an entry says; ok is false if nothing. start is in Unix seconds.
func toldBy(e receipt.Entry, start int64, from source) (t told, ok bool) {
	t = told{identity: identityOf(e.Kind, e.Owner, e.ID, start), from: from}
	switch {
	case e.Type == receipt.Intent:
		t.said = intended
	case e.Type == receipt.Erasing:
		t.said, t.flag = beingErased, wasBeingErased
	case e.Type == receipt.Erased:
		t.said, t.flag = erased, wasErased
	case e.Type == receipt.Archived:
	case e.Type != receipt.Result:
		return t, false
	case e.Outcome == receipt.Deleted, e.Outcome == receipt.NotThere:
		t.said, t.flag = gone, wasGone
	default:
		t.said = back
	}
	if t.named = e.Audio != nil && e.Sidecar != nil; t.named {
		t.copy, t.size = sumOf(*e.Audio, *e.Sidecar), uint32(e.Audio.Size)
		if e.Transcript != nil {
			t.text = uint32(sumOf(*e.Transcript)) | 1
		}
	}
	return t, true
}

// goneAgain reports whether an outcome says once more of a recording that it is no
// longer at VBC, and an earlier one with its intent has said so: a manifest that was
// restored finds out by itself what became of a deletion, whatever it has taken over.
func (all stories) goneAgain(t told) bool {
	s := all.of[t.identity]
	return s.last == gone && s.said(ownCopy)
}

// tell takes one entry into the stories.
func (all stories) tell(t told) {
	s, flag := all.of[t.identity], t.flag
	if !t.from.signed {
		flag <<= unsignedShift
	}
	s.flags |= flag
	if t.named && (t.from.own || !s.said(ownCopy)) && t.from.signed {
		all.name(&s, t)
	}
	if t.from.own && t.said != nothing {
		s.last = t.said
		s.flags &^= loose
		if t.from.loose {
			s.flags |= loose
		}
	}
	if s.ended == 0 && t.from.own && (t.said == gone || t.said == erased) {
		s.ended = t.order
	}
	if s.erased == 0 && t.from.signed && t.said == erased {
		s.erased = t.order
	}
	all.of[t.identity] = s
}

// name remembers the copy that an entry names.
func (all stories) name(s *story, t told) {
	if t.from.own && s.said(ownCopy) && s.size != t.size && !s.said(several) {
		s.flags |= several
		all.copies[t.identity] = append(all.copies[t.identity], s.copy)
	}
	if s.said(several) {
		all.copies[t.identity] = append(all.copies[t.identity], t.copy)
	}
	s.copy, s.size, s.text = t.copy, t.size, t.text
	if t.from.own {
		s.flags |= ownCopy
	}
}

// loosen has nothing that was told before bind a row.
func (all stories) loosen() {
	for i, s := range all.of {
		s.flags |= loose
		all.of[i] = s
	}
}

// sumOf is a piece of a digest of what objects are.
func sumOf(objects ...storage.Object) uint64 {
	var b []byte
	for _, o := range objects {
		b = fmt.Appendf(b, "%q %d %s\n", o.Key, o.Size, o.SHA256)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}
