package manifest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// State is how far a recording has come; the package comment explains each.
type State string

const (
	Listed   State = "listed"
	Stored   State = "stored"
	Verified State = "verified"
	Purging  State = "purging"
	Purged   State = "purged"
	Failed   State = "failed"
	Gone     State = "gone"
	Erasing  State = "erasing"
	Erased   State = "erased"
)

// States are all states, in the order in which a recording goes through them.
func States() []State {
	return []State{Listed, Stored, Verified, Purging, Purged, Failed, Gone, Erasing, Erased}
}

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

// read reports whether all of the copy was proven by reading it.
func (c Copy) read() bool {
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
	Reason    string
	Permanent bool      // trying again won't help by itself
	Attempts  int       // runs that failed on it
	At        time.Time // of the last one

	// Acknowledged is why somebody takes this failure for granted, and
	// Acknowledging the Reason that it had then: another is news again.
	Acknowledged, Acknowledging string
}

// Known reports whether somebody has acknowledged that it fails for this reason.
func (f Failure) Known(reason string) bool {
	return f.Acknowledged != "" && f.Acknowledging == reason
}

const columns = `kind, owner, id, start, raw, state, audio, sidecar, transcript, stored_at, archived_at, reason, permanent, attempts, failed_at, reappeared, seen_run, acknowledged, acknowledging, damaged, nth, displaced <> 0, refuted, alike`

func (m *Manifest) scan(rows *sql.Rows) (Row, error) { return m.scanWith(rows) }

// scanWith is scan for a query with more columns than these.
func (m *Manifest) scanWith(rows *sql.Rows, more ...any) (Row, error) {
	var r Row
	var kind, owner, raw, audio, sidecar, transcript string
	var id, nth, start, stored, archived, failed int64
	err := rows.Scan(append([]any{&kind, &owner, &id, &start, &raw, &r.State, &audio, &sidecar, &transcript, &stored, &archived,
		&r.Failure.Reason, &r.Failure.Permanent, &r.Failure.Attempts, &failed, &r.Reappeared, &r.SeenRun,
		&r.Failure.Acknowledged, &r.Failure.Acknowledging, &r.Damaged, &nth, &r.Displaced, &r.Refuted, &r.Alike}, more...)...)
	if err != nil {
		return Row{}, err
	}
	r.Recording = vbc.ParseRecording(vbc.Kind(kind), owner, json.RawMessage(raw))
	if r.Unreadable != "" && len(raw) <= vbc.MaxRecording { // else an earlier version took it
		return Row{}, fmt.Errorf("%s %s: %s", kind, owner, r.Unreadable)
	}
	r.Account, r.Owner, r.Nth = m.account, owner, nth
	r.Copy.StoredAt, r.Copy.ArchivedAt, r.Failure.At = fromMillis(stored), fromMillis(archived), fromMillis(failed)
	if r.Copy.Audio, err = decodeObject(audio); err != nil {
		return Row{}, err
	}
	if r.Copy.Sidecar, err = decodeObject(sidecar); err != nil {
		return Row{}, err
	}
	r.Copy.Transcript, err = decodeObject(transcript)
	return r, err
}

func decodeObject(s string) (o storage.Object, err error) {
	if s != "" {
		err = json.Unmarshal([]byte(s), &o)
	}
	return o, err
}

func encodeObject(o storage.Object) string {
	if o.Key == "" {
		return ""
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return string(b)
}
