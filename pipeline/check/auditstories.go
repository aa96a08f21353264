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
// second of its start. There may be millions, so it is a piece of a digest.
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
}

func (s story) said(flag uint16) bool { return s.flags&flag != 0 }

// stories are all that the logs tell.
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

// goneAgain reports whether an outcome says once more of a recording that it is no
// longer at VBC, and an earlier one with its intent has said so: a manifest that was
// restored finds out by itself what became of a deletion, whatever it has taken over.
func (all stories) goneAgain(e receipt.Entry, start int64) bool {
	s := all.of[identityOf(e.Kind, e.Owner, e.ID, start)]
	return (e.Outcome == receipt.Deleted || e.Outcome == receipt.NotThere) && e.Audio == nil && s.last == gone && s.said(ownCopy)
}

// tell takes one entry into the stories. start is in Unix seconds.
func (all stories) tell(e receipt.Entry, start int64, from source) {
	said, flag := nothing, uint16(0)
	switch {
	case e.Type == receipt.Intent:
		said = intended
	case e.Type == receipt.Erasing:
		said, flag = beingErased, wasBeingErased
	case e.Type == receipt.Erased:
		said, flag = erased, wasErased
	case e.Type == receipt.Archived:
	case e.Type != receipt.Result:
		return
	case e.Outcome == receipt.Deleted, e.Outcome == receipt.NotThere:
		said, flag = gone, wasGone
	default:
		said = back
	}
	i := identityOf(e.Kind, e.Owner, e.ID, start)
	s := all.of[i]
	if !from.signed {
		flag <<= unsignedShift
	}
	s.flags |= flag
	if e.Audio != nil && e.Sidecar != nil && (from.own || !s.said(ownCopy)) && from.signed {
		all.name(i, &s, e, from.own)
	}
	if from.own && said != nothing {
		s.last = said
		s.flags &^= loose
		if from.loose {
			s.flags |= loose
		}
	}
	all.of[i] = s
}

// name remembers the copy that an entry names.
func (all stories) name(i identity, s *story, e receipt.Entry, own bool) {
	text := uint32(0)
	if e.Transcript != nil {
		text = uint32(sumOf(*e.Transcript)) | 1
	}
	sum, size := sumOf(*e.Audio, *e.Sidecar), uint32(e.Audio.Size)
	if own && s.said(ownCopy) && s.size != size && !s.said(several) {
		s.flags |= several
		all.copies[i] = append(all.copies[i], s.copy)
	}
	if s.said(several) {
		all.copies[i] = append(all.copies[i], sum)
	}
	s.copy, s.size, s.text = sum, size, text
	if own {
		s.flags |= ownCopy
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
