package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

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
	listed  bool
	from    time.Time // from here on
	absent  bool      // the account has none, or shows none
	unknown bool      // the listing failed: nothing is purged
	known   map[int64]vbc.Transcript
	pages   int64
}

// of returns a recording's transcript, if VBC lists one.
func (t *transcripts) of(r vbc.Recording) (vbc.Transcript, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	text, ok := t.known[r.ID]
	return text, ok && r.Kind == vbc.Company
}

// unsure reports whether a recording may have a transcript that nobody has seen.
func (t *transcripts) unsure(r vbc.Recording) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.unknown && r.Kind == vbc.Company
}

// learnTranscripts lists the transcripts of company recordings that start from
// a moment on, unless that has been done. It is called by one goroutine at a
// time. An error ends the run; a listing that fails only keeps it from purging.
func (r *run) learnTranscripts(ctx context.Context, from time.Time) error {
	t := r.policy.transcripts
	if r.policy.NoTranscripts || t.absent || t.unknown || t.listed && !from.Before(t.from) {
		return nil
	}
	until := r.policy.Cutoff.Add(overlap) // a transcript may be dated later than its call
	if t.listed {
		from, until = r.policy.Since, t.from.Add(overlap) // the rest, at once
	}
	listing := r.vbc.Transcripts(r.policy.Account, from, until, r.pageSize())
	for page, err := range listing.Pages(ctx, r.attempt) {
		e := vbc.AsError(err)
		switch {
		case err == nil:
			t.add(page)
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case e != nil && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound):
			t.absent = true
			r.log.Info("VBC shows no transcripts of this account, so none are archived", "reason", err)
			return nil
		case isA[*vbc.AuthError](err):
			return err
		}
		r.withoutTranscripts(err.Error())
		return nil
	}
	if n := listing.Missing(); n > 0 {
		r.withoutTranscripts(fmt.Sprintf("VBC counted %d more than it showed", n))
	}
	t.listed, t.from = true, from
	return nil
}

func (t *transcripts) add(page []vbc.Transcript) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages++
	for _, text := range page {
		t.known[text.Recording] = text
	}
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
// that. The intended object is written down before it is visible, as with audio.
func (r *run) transcribe(ctx context.Context, row *item) error {
	t, lacking := r.lacksTranscript(row)
	if !lacking {
		return nil
	}
	base, err := stem(row.Recording)
	if err != nil {
		return err
	}
	var text []byte
	key, contentType := base+".transcript.txt", "text/plain; charset=utf-8"
	err = r.attemptFor(ctx, &row.patience, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) error {
		body, isJSON, err := slot.Transcript(r.work, t)
		if isJSON {
			key, contentType = base+".transcript.json", "application/json"
		}
		text = body
		return err
	})
	if err != nil {
		return err
	}
	want := storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}
	put := func(key string) (storage.Object, error) {
		return r.store.Put(r.work, key, storage.Body{
			Reader: bytes.NewReader(text), Size: want.Size,
			Seal:     func(o storage.Object) error { return r.manifest.Transcribed(r.work, row.Recording, o) },
			Occupied: adoptSame(want),
		}, storage.Attrs{ContentType: contentType})
	}
	o, err := put(key)
	if isA[*storage.OccupiedError](err) {
		o, err = put(beside(key, want.SHA256)) // an earlier one stays
	}
	if err != nil {
		return storeFault(err)
	}
	o.Content = want
	row.Copy.Transcript, row.transcribed = o, true
	return nil
}

const maxStoredTranscript = 64 << 20 // bytes

// adoptSame takes an object for the one that was to be stored if it is just that.
func adoptSame(want storage.Content) func(storage.Object) storage.Resolution {
	return func(has storage.Object) storage.Resolution {
		if has.Content == want {
			return storage.Adopt
		}
		return storage.Refuse
	}
}
