// Package evidence makes the one thing that justifies a purge: proof, given by
// the store itself, that it holds exactly the bytes that VBC sent.
package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/moment"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Verified says: at this time the store confirmed the whole copy of this
// recording. Verify makes it and nothing else can; the zero value is refused
// wherever evidence is asked for.
type Verified struct {
	recording  vbc.Recording
	audio      storage.Object
	sidecar    storage.Object
	transcript storage.Object // no Key = there is none
	at         time.Time
	asked      moment.Moment // the same, by other clocks
}

// Stater is what proof takes: a store that says what it holds.
type Stater interface {
	Stat(ctx context.Context, want storage.Object) (storage.Object, error)
}

// Mismatch says that the store does not hold what it should.
type Mismatch struct {
	Want    storage.Object
	Has     storage.Object
	Missing bool // there is nothing under the key
}

func (e *Mismatch) Error() string {
	if e.Missing {
		return fmt.Sprintf("the destination has no %s", e.Want.Key)
	}
	if !e.Has.Proven() {
		return fmt.Sprintf("%s in the destination was found damaged, and is in cold storage now, where it can't be read again", e.Want.Key)
	}
	return fmt.Sprintf("%s in the destination is not the copy: it has %d bytes with SHA-256 %s, the copy has %d bytes with %s",
		e.Want.Key, e.Has.Size, e.Has.SHA256, e.Want.Size, e.Want.SHA256)
}

// Unprotected says that the store holds the bytes, and not as it was asked to:
// not locked for as long, or encrypted otherwise.
type Unprotected struct{ Has storage.Object }

func (e *Unprotected) Error() string {
	return fmt.Sprintf("the copy %s is not protected as requested, so the recording is not deleted at VBC: %s", e.Has.Key, e.Has.Lacks)
}

// Changed says that the store holds another object than the one that was read.
type Changed struct{ Key string }

func (e *Changed) Error() string {
	return fmt.Sprintf("%s in the destination is not the object that was just read", e.Key)
}

// Verify asks the store for audio and sidecar, and for the transcript if it has
// a Key, and compares them with what VBC sent. The error is a *Mismatch if the
// store holds something else or nothing, an *Unprotected if it lacks something
// of how it is to be kept, a *Changed if an object was read a moment ago and is
// another one now, and any other error if it couldn't be asked.
func Verify(ctx context.Context, store Stater, r vbc.Recording, audio, sidecar, transcript storage.Object) (Verified, error) {
	v := Verified{recording: r, at: time.Now(), asked: moment.Now()} // before asking: never newer than the answers
	var err error
	if v.audio, err = confirm(ctx, store, audio); err != nil {
		return Verified{}, err
	}
	if v.sidecar, err = confirm(ctx, store, sidecar); err != nil {
		return Verified{}, err
	}
	if transcript.Key == "" {
		return v, nil
	}
	if v.transcript, err = confirm(ctx, store, transcript); err != nil {
		return Verified{}, err
	}
	return v, nil
}

func confirm(ctx context.Context, store Stater, want storage.Object) (storage.Object, error) {
	if want.Key == "" || !want.Proven() {
		return storage.Object{}, fmt.Errorf("verify %q: size and checksum of the copy are unknown", want.Key)
	}
	has, err := store.Stat(ctx, want)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return storage.Object{}, &Mismatch{Want: want, Missing: true}
	case err != nil:
		return storage.Object{}, fmt.Errorf("verify: %w", err)
	case has.Content != want.Content:
		return storage.Object{}, &Mismatch{Want: want, Has: has}
	case want.Seen != "" && has.Seen != want.Seen:
		return storage.Object{}, &Changed{Key: want.Key}
	case has.Lacks != "":
		return storage.Object{}, &Unprotected{Has: has}
	}
	has.Checksum = cmp.Or(want.Checksum, has.Checksum) // what the store says of the parts of what it has read back spares the next reading
	return has, nil
}

// Recording is what the evidence is about.
func (v Verified) Recording() vbc.Recording { return v.recording }

// Audio is the proven copy of the audio, as the store described it.
func (v Verified) Audio() storage.Object { return v.audio }

// Sidecar is the proven copy of the metadata.
func (v Verified) Sidecar() storage.Object { return v.sidecar }

// Transcript is the proven copy of the transcript; without a Key if there is none.
func (v Verified) Transcript() storage.Object { return v.transcript }

// Read reports whether every byte of the copy was read, in this run.
func (v Verified) Read() bool {
	read := func(o storage.Object) bool { return o.Proof == storage.ProofRead }
	return read(v.audio) && read(v.sidecar) && (v.transcript.Key == "" || read(v.transcript))
}

// At is when the store was asked.
func (v Verified) At() time.Time { return v.at }

// Expires is when the store will remove the copy by itself, zero if never.
func (v Verified) Expires() time.Time {
	var first time.Time
	for _, o := range []storage.Object{v.audio, v.sidecar, v.transcript} {
		if on := o.Expires; first.IsZero() || !on.IsZero() && on.Before(first) {
			first = on
		}
	}
	return first
}

// Since returns an error unless this is evidence, and not older than t: what
// was true before a wait may no longer be.
func (v Verified) Since(t time.Time) error {
	switch {
	case v.at.IsZero() || v.recording.ID == 0 || !v.audio.Proven() || !v.sidecar.Proven() || v.transcript.Key != "" && !v.transcript.Proven():
		return errors.New("the copy is not verified")
	case v.at.Before(t):
		return fmt.Errorf("the check of the copy of %s is older than the request to delete the recording", v.recording)
	}
	return nil
}

// Refutes reports whether an error says that something was read and found wrong.
func Refutes(err error) bool {
	wrong, ok := errors.AsType[*Mismatch](err)
	return ok && !wrong.Missing && wrong.Has.Proof == storage.ProofRead
}
