// Package storage says what vbcvault asks of a place that keeps recordings.
//
// A Store keeps objects under keys. It can be asked to keep one, to prove what
// it holds, to read one back and to list. It cannot delete: nothing in this
// program removes a recording from an archive by accident, because the code
// that could is not there.
//
// Implementations are in s3store and dirstore; storagetest holds the suite
// that both must pass.
package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Digest is the SHA-256 of the whole content of an object. The zero Digest
// means "unknown"; no content is known to have it.
type Digest [sha256.Size]byte

// SumOf returns the digest of b.
func SumOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads what Digest.String wrote: 64 hexadecimal digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if b, err := hex.DecodeString(s); err != nil || copy(d[:], b) != len(d) || len(b) != len(d) {
		return Digest{}, fmt.Errorf("parse digest %.70q: want 64 hexadecimal digits", s)
	}
	return d, nil
}

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText makes JSON hold what String writes; an unknown digest is the
// empty string.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(b))
	return err
}

// Base64 is how S3 writes a checksum in headers.
func (d Digest) Base64() string { return base64.StdEncoding.EncodeToString(d[:]) }

// IsZero reports whether the digest is unknown.
func (d Digest) IsZero() bool { return d == Digest{} }

// Content identifies bytes: how many, and their SHA-256.
type Content struct {
	Size   int64  `json:"size"` // bytes
	SHA256 Digest `json:"sha256"`
}

// Proven reports whether both halves are known, as in every Content that
// justifies anything. (Size 0 is a proven size: of nothing.)
func (c Content) Proven() bool { return c.Size >= 0 && !c.SHA256.IsZero() }

// Object is one stored object, with what its store needs to prove it again.
// It holds no secrets and is kept in the manifest and in receipts.
type Object struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"` // of a versioned bucket, else ""
	ETag      string `json:"etag,omitempty"`       // as the store wrote it, quotes included; "" where there is none
	Content

	// Checksum is the SHA-256 in the store's own form, where that isn't
	// Content.SHA256: for an S3 multipart object "base64-N", the digest of
	// the N part digests (a "composite" checksum). "" otherwise.
	Checksum string `json:"checksum,omitempty"`

	// Proof says, in an answer of Stat, how the store's content was made sure
	// of: one of the Proof constants, else "".
	Proof string `json:"proof,omitempty"`

	// Expires is when the store has announced that it will remove the
	// object by itself (an S3 lifecycle rule); zero if it hasn't.
	Expires time.Time `json:"expires,omitzero"`

	// LockedUntil is, in an answer of Stat, until when nobody can delete the
	// object (S3's Object Lock), and Encryption how it is encrypted where it
	// lies (as "aws:kms"); zero if the store doesn't say.
	LockedUntil time.Time `json:"locked_until,omitzero"`
	Encryption  string    `json:"encryption,omitempty"`

	// Lacks says, in an answer of Stat, what is missing of how the store was
	// asked to keep its objects, "" if nothing is.
	Lacks string `json:"-"`

	// Seen tells this very object from every other that has had, or will have,
	// its key: by version, ETag and time, or what a file system knows a file by.
	// Answers of Stat and Reread have it where the store can tell. A question
	// has it of a Reread of this process: see Stat.
	Seen string `json:"-"`

	// Mark is what the store knows an object by that a Put has made, whatever
	// becomes of its bytes: Seal is told of it before anything is visible, and
	// Stat answers it. It isn't the content's digest: where that is all that the
	// store has kept, Stat answers it where the bytes are not of it any more.
	// "" where the store can't tell.
	Mark string `json:"mark,omitempty"`

	// Adopted says, in an answer of Put, that nothing was written: the object had
	// been there.
	Adopted bool `json:"-"`

	// Whole says, in an answer of Stat and in a question of Body.Occupied, that the
	// bytes are those that somebody's Put had sent, by what that left beside them:
	// whoever it was, this isn't a damaged object. false where the store can't tell.
	Whole bool `json:"-"`

	// Own says, in a question of Body.Occupied, that the occupant bears the mark
	// of this Put, or of one that has sent the very same bytes, and isn't that any
	// more: it was damaged since.
	Own bool `json:"-"`
}

// Bears reports whether an object of the same key is what a Put has made, or one
// that has sent the very same bytes, whatever has become of these since.
func (o Object) Bears(put Object) bool {
	if o.Mark != "" && (o.Mark == put.Mark || !put.SHA256.IsZero() && o.Mark == put.SHA256.String()) {
		return true
	}
	return !o.SHA256.IsZero() && o.SHA256 == put.SHA256 // as a store remembers it of what it has cut off
}

// How a Stat has made sure of what the store holds.
const (
	ProofChecksum = "checksum"          // SHA-256 that the store has checked on arrival and keeps
	ProofParts    = "checksum of parts" // the same over the SHA-256 of an upload's parts
	ProofRead     = "read back"         // every byte was read and hashed
)

// Attrs is what is kept beside an object's bytes. Metadata keys are lower-case
// ASCII; values are ASCII. A store without metadata ignores it.
type Attrs struct {
	ContentType string
	Metadata    map[string]string

	// Bulk says that no run needs to read it back soon, so that it may lie
	// where that is cheap and slow.
	Bulk bool

	// Modified is the time that a file is given, unless it is zero. Stores
	// that have no files ignore it.
	Modified time.Time

	// Derived says that the object can be made anew at any time out of what
	// else is known, and will be: no store locks it, though it encrypts it.
	Derived bool
}

// Body is what Put stores.
type Body struct {
	// Reader is read once, to io.EOF, by one goroutine. An error from it
	// ends the Put, and nothing becomes visible.
	Reader io.Reader

	// Size is how many bytes Reader is expected to bring, 0 if that isn't
	// known. It is a hint that saves memory; whatever comes is stored.
	Size int64

	// Seal, if not nil, is called exactly once: after Reader has returned
	// io.EOF and before anything is visible under the key. It learns what
	// was read; an error from it ends the Put (Put returns it wrapped), and
	// nothing becomes visible.
	Seal func(Object) error

	// Occupied, if not nil, is asked when something is already stored under
	// the key. occupant.Content is proven, by the store's own checksum or by
	// reading it back, never taken from metadata; where it was to be read (see
	// Reread) and lies in cold storage, it is not known, and not Proven. It is
	// called after Seal. A nil Occupied means Refuse.
	Occupied func(occupant Object) Resolution

	// Reread has what is already there be read, and hashed, whatever checksum the
	// store keeps of it: that is known to be wrong.
	Reread bool

	// Within says that this Put is called from within another's Seal. It waits
	// for nothing that the other one holds; nor does any Put without a Seal.
	Within bool
}

// Resolution is what to do about an object that is already there.
type Resolution int

const (
	// Refuse ends the Put with an *OccupiedError.
	Refuse Resolution = iota
	// Adopt takes the occupant for the object that was to be stored.
	Adopt
	// Replace overwrites exactly this occupant (If-Match on its ETag) and
	// fails with an *OccupiedError if it has changed meanwhile. It is for
	// what is known to be one's own and damaged, and for what is Derived. A whole
	// copy of a recording is never replaced.
	Replace
)

// Store keeps objects. All methods may be called concurrently.
type Store interface {
	// Put stores body under key, creating it: it never overwrites, except
	// where Body.Occupied says Replace. On nil the object is durable, and
	// the returned Object holds what was sent together with the key, version
	// and ETag that the store gave it; it proves nothing, Stat does. On an
	// error the object may or may not have been stored. After Adopt the
	// returned Object is the occupant. Put retries what can
	// be retried without reading Body again, the caller the rest.
	//
	// Memory is bounded by one part per call, whatever the size.
	Put(ctx context.Context, key string, body Body, attrs Attrs) (Object, error)

	// Stat asks the store what it holds under want.Key now: of a versioned
	// object the current version, whatever want.VersionID says. The answer's
	// Content comes from the store: from a checksum that it has verified on
	// arrival and keeps, or from reading the object back. want.Content and want.Checksum are only used to compare with
	// (a composite checksum proves a digest that it was computed together
	// with); they are never echoed unless the store has confirmed them.
	// Where want.Seen is what a Reread of this process has answered, and the store
	// shows that the object is still the very same, its Content is want.Content,
	// and nothing is read again.
	// The error is ErrNotFound (wrapped) if there is no such object.
	Stat(ctx context.Context, want Object) (Object, error)

	// Reread is Stat by reading and hashing every byte, whatever checksum the
	// store keeps: that is its memory of what it was sent once. The error is
	// ErrCold (wrapped) where it can't be read at once.
	Reread(ctx context.Context, want Object) (Object, error)

	// Open reads an object. The caller closes it. The error is ErrNotFound
	// (wrapped) if there is no such object.
	Open(ctx context.Context, o Object) (io.ReadCloser, error)

	// OpenRange reads n bytes of an object from byte off on, and nothing else is
	// transferred: fewer than n come only where the object ends. off is not negative
	// and n is positive. The caller closes it. A body that the store breaks off ends
	// with another error than io.EOF. Where o.ETag is set and the store has ETags, and
	// where o is Proven and the object has another size, bytes of another object are
	// never answered: the error is ErrChanged (wrapped). It is ErrNotFound (wrapped) if
	// there is no such object, ErrCold (wrapped) if it must be thawed first, and
	// ErrRange (wrapped) if off is at the end of the object or behind it. What fails
	// before the first byte is retried as by Open, what fails later is not.
	OpenRange(ctx context.Context, o Object, off, n int64) (io.ReadCloser, error)

	// List yields the objects whose key begins with prefix, in the order of
	// their keys, with Key, Size and ETag set and nothing proven. After an
	// error it stops.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
}

// Destination is a Store that can say whether it is fit for use.
type Destination interface {
	Store
	Explorer

	// Probe is called once per run, before anything is stored. It proves
	// that objects may be written and whether the store checks what it is
	// sent, and writes nothing where all is well. known is the identity that
	// an earlier Probe returned, "" the first time; a destination with an
	// identity of its own (a directory) refuses to be taken for another one.
	// Every error of Probe means: don't use this destination.
	Probe(ctx context.Context, known string) (identity string, err error)

	// Memory says what the answers of Stat rest on.
	Memory() Memory

	// Tidy removes what crashed runs have left unfinished under prefix and
	// nobody can see (parts of multipart uploads, temporary files), and
	// returns how many. It is called while this process has no Put under way; what
	// another is at work on stays, where that can be told.
	Tidy(ctx context.Context, prefix string) (int, error)

	// String is the destination's URL, as the user writes it.
	String() string
}

// Memory is what a store keeps of an object besides its bytes.
type Memory int

const (
	// NoMemory keeps nothing: each Stat reads.
	NoMemory Memory = iota
	// ForeignMemory keeps the checksum of what arrived, and whether it ever looks
	// at the bytes again nobody knows.
	ForeignMemory
	// GoodMemory keeps the checksum, and looks after the bytes: Amazon S3, which
	// says that it checks what is at rest and repairs it.
	GoodMemory
)

// Protector is a Store that can be asked for more than to hold bytes, and can
// make up for it where it wasn't asked from the beginning.
type Protector interface {
	// Protect has an object that Stat has returned kept as later ones are, as
	// far as that can be done in place. Nothing is ever protected less by it.
	Protect(ctx context.Context, o Object) error
}

// Mounted is a Store whose objects are only as durable as the file system below
// it: what that calls written is all that there is to go by.
type Mounted interface {
	// Mount names the network or FUSE file system that objects lie on, as in
	// "fuse.rclone"; "" if they lie on a disk of this machine, or the system
	// can't tell. It looks anew each time.
	Mount() (kind string, err error)
}

// ErrNotFound says that there is no such object.
var ErrNotFound = errors.New("no such object")

// ErrRange says that an object has no bytes where they were asked for.
var ErrRange = errors.New("the object has no such range")

// ErrChanged says that there is another object by now than the one that was meant.
var ErrChanged = errors.New("the object has changed")

// ErrRefused says that the store will not take or show anything, whichever
// object it is asked about: access denied, no such bucket, disk full.
var ErrRefused = errors.New("destination refused")

// OccupiedError says that another object is under the key, and stays.
type OccupiedError struct {
	Occupant Object
}

func (e *OccupiedError) Error() string {
	if !e.Occupant.Proven() {
		return e.Occupant.Key + " can't be written: the destination says that an object is there, but doesn't show it"
	}
	return fmt.Sprintf("another object is already stored as %s (%d bytes, SHA-256 %s)", e.Occupant.Key, e.Occupant.Size, e.Occupant.SHA256)
}
