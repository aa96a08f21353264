package manifest

import (
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Row is what the manifest knows of one recording.
type Row struct {
	vbc.Recording // its Account is the manifest's

	State   State
	Copy    Copy
	Failure Failure // of the last run that failed on it

	// Reappeared says that VBC lists it again although it had confirmed its
	// deletion.
	Reappeared bool

	SeenRun int64 // the last run whose listing showed it

	// Damaged says what is wrong with the copy of a recording that VBC has no
	// more, "" if nothing is known to be.
	Damaged string

	// Displaced says that a listing has shown another recording under its id, so
	// that VBC has this one no more: nothing is fetched by that id for it.
	Displaced bool

	// Refuted says that the copy was read and found wrong. What a store remembers
	// of it proves nothing any more; only reading it does.
	Refuted bool

	Alike Alike

	// Said is what VBC has said of the call before, where that was something else:
	// a hold that covers any of it covers the recording. Oldest first.
	Said []Said

	// Unvouched says that the copy was found in the archive, and that no signed
	// receipt vouches for it: it is stored, not by us. VBC is asked once more before
	// it may justify a purge. Whatever VBC sends and is stored ends that.
	Unvouched bool
}

// Alike says what is known of a recording whose audio is, byte for byte, that of
// another one.
type Alike int

const (
	Unlike   Alike = iota // no other is known with this audio
	Suspect               // another has come with the same audio: one of the two may be wrong
	Compared              // VBC was asked once more, and sends the very same for both
)

// Bytes is how much audio there is: of the copy once it is proven, before that
// as VBC declares it, -1 if it doesn't.
func (r Row) Bytes() int64 {
	if r.Copy.ArchivedAt.IsZero() {
		return r.Size
	}
	return r.Copy.Audio.Size
}

// Copy is the recording in the store: intended (state stored) or proven.
type Copy struct {
	Audio      storage.Object
	Sidecar    storage.Object
	Transcript storage.Object // no Key: there is none, as far as is known
	StoredAt   time.Time      // the time that the sidecar gives
	ArchivedAt time.Time      // when it was first verified; zero: it never was
}

// ProvenByReading reports whether all of the copy was proven by reading it.
func (c Copy) ProvenByReading() bool {
	return c.Audio.Proof == storage.ProofRead && c.Sidecar.Proof == storage.ProofRead && (c.Transcript.Key == "" || c.Transcript.Proof == storage.ProofRead)
}

// Keys are those of its objects.
func (c Copy) Keys() (keys []string) {
	for _, o := range []storage.Object{c.Audio, c.Sidecar, c.Transcript} {
		if o.Key != "" {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// Known reports whether a copy has at least been intended.
func (c Copy) Known() bool { return c.Audio.Key != "" }

// Failure says why a recording could not be done.
type Failure struct {
	Code      string    // a short stable word for the cause, "" = an earlier program wrote it
	Reason    string    // the same for people
	Permanent bool      // trying again won't help by itself
	Attempts  int       // runs that failed on it
	At        time.Time // of the last one

	// Acknowledged is why somebody takes this failure for granted. Acknowledging
	// is the Reason that it had then and AcknowledgingCode its Code, "" if it had
	// none. A failure with another code is news again.
	Acknowledged, Acknowledging, AcknowledgingCode string
}

// Known reports whether somebody has acknowledged that it fails with this code,
// or for this reason, if the failure that was acknowledged had no code.
func (f Failure) Known(code, reason string) bool {
	switch {
	case f.Acknowledged == "":
		return false
	case f.AcknowledgingCode == "":
		return f.Acknowledging == reason
	}
	return f.AcknowledgingCode == code
}

// Unproven reports whether a row says that there is a verified copy, and knows of none.
func (r Row) Unproven() bool {
	return (r.State == Verified || r.State == Purging || r.State == Purged) && (!r.Copy.Audio.Proven() || !r.Copy.Sidecar.Proven() || r.Copy.ArchivedAt.IsZero() ||
		r.Copy.Transcript.Key != "" && !r.Copy.Transcript.Proven())
}
