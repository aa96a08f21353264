package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// lacksTranscript reports whether VBC has a transcript that the copy lacks.
func (r *run) lacksTranscript(row *item) bool {
	_, listed := r.transcripts.of(row.Recording)
	return listed && row.Copy.Transcript.Key == "" && !row.Displaced
}

// transcriptError says that a recording's transcript could not be had.
type transcriptError struct{ err error }

func (e *transcriptError) Error() string { return e.err.Error() }
func (e *transcriptError) Unwrap() error { return e.err }

// errSeveralTranscripts says that nobody knows which is the transcript.
var errSeveralTranscripts = errors.New("VBC lists several transcripts of it, and vbcvault can archive only one (--no-transcripts skips transcripts)")

// Where so many transcripts in a row can't be had, the rest aren't asked for in
// this run: audio is what matters.
const maxWithout = 5

// afford returns an error if a transcript is not to be asked for.
func (t *transcripts) afford(r vbc.Recording) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.several[r.ID]:
		return errSeveralTranscripts
	case t.inARow >= maxWithout:
		return fmt.Errorf("its transcript was not requested, because the last %d transcripts failed", maxWithout)
	}
	return nil
}

// asked notes how asking for a transcript ended.
func (t *transcripts) asked(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.inARow = 0
	} else if e := vbc.AsError(err); e == nil || !e.NotFound() {
		t.inARow++
	}
}

// transcribe adds to a copy the transcript that it lacks. A new copy whose
// transcript can't be had is verified all the same, so that at least that is known.
func (r *run) transcribe(ctx context.Context, row *item) error {
	err := r.addTranscript(ctx, row)
	if err == nil || !row.Copy.ArchivedAt.IsZero() {
		return err
	}
	return errors.Join(err, r.verify(row))
}

// addTranscript adds to a copy the transcript that it lacks. Nothing is proven by
// that.
func (r *run) addTranscript(ctx context.Context, row *item) error {
	t, _ := r.transcripts.of(row.Recording)
	if err := r.transcripts.afford(row.Recording); err != nil {
		return &transcriptError{err}
	}
	var text []byte
	var isJSON bool
	err := r.attemptFor(ctx, &row.patience, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) (err error) {
		text, isJSON, err = slot.Transcript(r.work, t)
		return err
	})
	r.transcripts.asked(err)
	if err != nil {
		return &transcriptError{err}
	}
	o, err := r.putTranscript(row, text, isJSON)
	if err != nil {
		return storeFault(err)
	}
	row.Copy.Transcript, row.transcribed = o, true
	return nil
}

// putTranscript stores a transcript, or finds that an earlier try has. The
// intended object is written down before it is visible, as with audio.
func (r *run) putTranscript(row *item, text []byte, isJSON bool) (storage.Object, error) {
	base, err := layout.Stem(row.Recording)
	if err != nil {
		return storage.Object{}, err
	}
	key, contentType := base+".transcript.txt", "text/plain; charset=utf-8"
	if isJSON {
		key, contentType = base+".transcript.json", "application/json"
	}
	want := storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}
	var intended storage.Object
	put := func(key string) (storage.Object, error) {
		// What a reading has found wrong here, the store may remember as whole.
		wrong, err := r.manifest.RefusedAt(r.work, key)
		if err != nil {
			return storage.Object{}, err
		}
		return r.store.Put(r.work, key, storage.Body{
			Reader: bytes.NewReader(text), Size: want.Size,
			Seal: func(o storage.Object) error {
				intended = o
				return r.manifest.Transcribed(r.work, row.Recording, o)
			},
			Occupied: func(has storage.Object) storage.Resolution {
				if has.Content == want {
					return storage.Adopt
				}
				return r.resolve(row, has)
			},
			Reread: row.Refuted || len(wrong) > 0,
		}, storage.Attrs{ContentType: contentType})
	}
	o, err := layout.PutBeside(key, want.SHA256, r.staying(row), put)
	if err != nil && intended.Key != "" {
		// It may be there all the same, and the copy goes on without it.
		err = errors.Join(err, r.manifest.Refuse(context.WithoutCancel(r.work), manifest.Refused{Put: intended}))
	}
	o.Content = want
	return o, err
}

// lostTranscript deals with a transcript that the store doesn't hold as it
// should, while audio and metadata are not in doubt: it is fetched once more if
// VBC lists it in this run. Else the recording fails as it is, and stays at VBC,
// unless there never was more than an intention, or transcripts are left out.
func (r *run) lostTranscript(row *item, cause error) (again bool, err error) {
	lost, ok := errors.AsType[*evidence.Mismatch](cause)
	if !ok || lost.Want.Key != row.Copy.Transcript.Key {
		return false, nil
	}
	t := r.transcripts
	_, listed := t.of(row.Recording)
	neverThere := row.Copy.Transcript.Proof == "" && t.complete(row.Recording)
	if !listed && !neverThere && !r.policy.NoTranscripts {
		return false, cause
	}
	r.log.Warn("the archived transcript is damaged or missing", "recording", row.Recording.String(), "reason", cause)
	if err := r.manifest.Refuse(r.work, refused(row.Copy, cause, row.transcribed, row.Copy.Transcript)...); err != nil {
		return false, errors.Join(cause, err)
	}
	row.Copy.Transcript = storage.Object{}
	if err := r.manifest.Transcribed(r.work, row.Recording, storage.Object{}); err != nil || row.transcribed {
		row.transcribed = false
		return false, errors.Join(cause, err) // the store has just been given it
	}
	return true, nil
}
