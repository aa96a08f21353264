package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// transcripts is what this run knows of VBC's transcripts. They are listed for
// the account, so that looking costs one request per page and not one per
// recording, before anything of what is listed with them is purged: nobody
// knows whether a purge takes a transcript along. The API knows such a listing
// of company recordings only.
type transcripts struct {
	mu      sync.RWMutex
	ids     map[int64]string // by recording, which most have for their own id: then ""
	unknown bool             // the listing failed: nothing is purged

	// Of the goroutine that lists.
	listed bool
	from   time.Time // from here on
	absent bool      // the account has none, or shows none
	pages  int64
}

func newTranscripts() *transcripts { return &transcripts{ids: map[int64]string{}} }

// of returns a recording's transcript, if VBC lists one.
func (t *transcripts) of(r vbc.Recording) (vbc.Transcript, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok := t.ids[r.ID]
	if id == "" {
		id = fmt.Sprint(r.ID)
	}
	return vbc.Transcript{Recording: r.ID, ID: id}, ok && r.Kind == vbc.Company
}

// unsure reports whether a recording may have a transcript that nobody has seen.
func (t *transcripts) unsure(r vbc.Recording) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.unknown && r.Kind == vbc.Company
}

func (t *transcripts) add(page []vbc.Transcript) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages++
	for _, text := range page {
		if text.ID == fmt.Sprint(text.Recording) {
			text.ID = ""
		}
		t.ids[text.Recording] = text.ID
	}
}

// learnTranscripts lists the transcripts of company recordings that start from
// a moment on, unless that has been done. It is called by one goroutine at a
// time. An error ends the run; a listing that fails only keeps it from purging.
func (r *run) learnTranscripts(ctx context.Context, from time.Time) error {
	t := r.policy.transcripts
	if r.policy.NoTranscripts || t.absent || t.unknown || t.listed && !from.Before(t.from) {
		return nil
	}
	// Nobody knows whether VBC dates a transcript by its call or by its making,
	// so what is to be purged has no upper limit to its listing.
	var until time.Time
	switch {
	case t.listed:
		from, until = r.policy.Since, t.from // the rest, at once
	case !r.policy.Delete:
		until = r.policy.Cutoff.Add(overlap) // what it misses, a later run finds
	}
	err := r.listTranscripts(ctx, from, until)
	if e := vbc.AsError(err); e != nil && e.Status == http.StatusBadRequest {
		err = r.listTranscripts(ctx, time.Time{}, time.Time{}) // perhaps it is the limits that it doesn't know
	}
	switch e := vbc.AsError(err); {
	case err == nil:
		t.listed, t.from = true, from
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isA[*vbc.AuthError](err):
		return err
	case e != nil && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound):
		return r.noTranscripts(ctx, err)
	}
	r.withoutTranscripts(err.Error())
	return nil
}

func (r *run) listTranscripts(ctx context.Context, from, until time.Time) error {
	listing := r.vbc.Transcripts(r.policy.Account, from, until, r.pageSize())
	for page, err := range listing.Pages(ctx, r.attempt) {
		if err != nil {
			return err
		}
		r.policy.transcripts.add(page)
	}
	if n := listing.Missing(); n > 0 {
		return fmt.Errorf("VBC counted %d more than it showed", n)
	}
	return nil
}

// noTranscripts takes VBC's word that the account has no transcripts, unless
// it had some before: then it may be a right that is gone, and not they.
func (r *run) noTranscripts(ctx context.Context, why error) error {
	if r.reads != nil {
		known, err := r.reads.Learned(ctx)
		if err != nil {
			return err
		}
		if known.Transcripts {
			r.withoutTranscripts("this account has had some, and now " + why.Error())
			return nil
		}
	}
	r.policy.transcripts.absent = true
	r.log.Info("VBC shows no transcripts of this account, so none are archived", "reason", why)
	return nil
}

// withoutTranscripts notes that nobody knows which recordings have transcripts.
func (r *run) withoutTranscripts(why string) {
	t := r.policy.transcripts
	t.mu.Lock()
	t.unknown = true
	t.mu.Unlock()
	fate := ""
	if r.policy.Delete {
		fate = ", so no company recording is deleted in this run (--no-transcripts leaves transcripts out)"
	}
	r.problem("the transcripts could not be listed" + fate + ": " + why)
}

// lacksTranscript reports whether VBC has a transcript that the copy lacks.
func (r *run) lacksTranscript(row *item) (vbc.Transcript, bool) {
	t, ok := r.policy.transcripts.of(row.Recording)
	return t, ok && row.Copy.Transcript.Key == ""
}

// transcribe adds to a copy the transcript that it lacks. Nothing is proven by
// that.
func (r *run) transcribe(ctx context.Context, row *item) error {
	t, lacking := r.lacksTranscript(row)
	if !lacking {
		return nil
	}
	var text []byte
	var isJSON bool
	err := r.attemptFor(ctx, &row.patience, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) (err error) {
		text, isJSON, err = slot.Transcript(r.work, t)
		return err
	})
	if err != nil {
		return err
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
	base, err := stem(row.Recording)
	if err != nil {
		return storage.Object{}, err
	}
	key, contentType := base+".transcript.txt", "text/plain; charset=utf-8"
	if isJSON {
		key, contentType = base+".transcript.json", "application/json"
	}
	want := storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}
	put := func(key string) (storage.Object, error) {
		return r.store.Put(r.work, key, storage.Body{
			Reader: bytes.NewReader(text), Size: want.Size,
			Seal: func(o storage.Object) error { return r.manifest.Transcribed(r.work, row.Recording, o) },
			Occupied: func(has storage.Object) storage.Resolution {
				if has.Content == want {
					return storage.Adopt
				}
				return r.resolve(row.damaged, has)
			},
		}, storage.Attrs{ContentType: contentType})
	}
	o, err := put(key)
	if isA[*storage.OccupiedError](err) {
		o, err = put(beside(key, want.SHA256)) // an earlier one stays
	}
	o.Content = want
	return o, err
}

// lostTranscript deals with a transcript that the store doesn't hold as it
// should, while audio and metadata are not in doubt: it is fetched once more if
// VBC lists it in this run. Else the recording fails as it is, and stays at VBC.
func (r *run) lostTranscript(row *item, cause error) (again bool, err error) {
	lost, ok := errors.AsType[*evidence.Mismatch](cause)
	if !ok || lost.Want.Key != row.Copy.Transcript.Key {
		return false, nil
	}
	if _, listed := r.policy.transcripts.of(row.Recording); !listed {
		return false, cause
	}
	r.log.Warn("the archived transcript is not what it should be", "recording", row.Recording.String(), "reason", cause)
	row.damaged.Transcript, row.Copy.Transcript = row.Copy.Transcript, storage.Object{}
	if err := r.manifest.Transcribed(r.work, row.Recording, storage.Object{}); err != nil || row.transcribed {
		row.transcribed = false
		return false, errors.Join(cause, err) // the store has just been given it
	}
	return true, nil
}

const maxStoredTranscript = 64 << 20 // bytes
