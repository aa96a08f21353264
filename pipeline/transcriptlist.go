package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// transcripts is what this run knows of VBC's transcripts. They are listed for
// the account, so that looking costs one request per page and not one per
// recording, before anything of what is listed with them is purged: nobody
// knows whether a purge takes a transcript along. The API knows such a listing
// of company recordings only.
type transcripts struct {
	mu      sync.RWMutex
	listed  bool             // to the end,
	from    time.Time        // from here on
	ids     map[int64]string // by recording, which most have for their own id: then ""
	several map[int64]bool   // recordings with more than one
	unknown bool             // the listing failed: nothing is purged
	inARow  int              // that could not be had, though VBC has them

	// Of the goroutine that lists.
	absent bool // the account has none, or shows none
	pages  int64
}

func newTranscripts() *transcripts {
	return &transcripts{ids: map[int64]string{}, several: map[int64]bool{}}
}

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

// complete reports whether a recording's transcript would have been listed.
func (t *transcripts) complete(r vbc.Recording) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.listed && !t.unknown && !r.Start.Before(t.from)
}

// hasTranscript reports whether there is nothing to learn of a recording's
// transcript: the archive has it, and nothing is in doubt.
func hasTranscript(row manifest.Row) bool {
	return row.Copy.Transcript.Key != "" && row.State == manifest.Verified && row.Failure.Reason == ""
}

func (t *transcripts) add(page []vbc.Transcript) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages++
	for _, text := range page {
		if text.ID == fmt.Sprint(text.Recording) {
			text.ID = ""
		}
		if known, ok := t.ids[text.Recording]; ok && known != text.ID {
			t.several[text.Recording] = true
		}
		t.ids[text.Recording] = text.ID
	}
}

// learnTranscriptOf is learnTranscripts for a row of the manifest that may lack
// its transcript, or had one that is in doubt. Where nothing is to be purged, a
// full scan finds what is lacking.
func (r *run) learnTranscriptOf(ctx context.Context, row manifest.Row) error {
	if row.Kind != vbc.Company || hasTranscript(row) || !r.policy.eligible(row.Recording) || !r.policy.Delete && row.Copy.Transcript.Key == "" {
		return nil
	}
	return r.learnTranscripts(ctx, row.Start)
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
		from = time.Time{} // perhaps it is the limits that it doesn't know
		err = r.listTranscripts(ctx, from, from)
	}
	switch e := vbc.AsError(err); {
	case err == nil:
		t.mu.Lock()
		t.listed, t.from = true, from
		t.mu.Unlock()
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isA[*vbc.AuthError](err):
		return err
	case e != nil && !e.Gateway && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound):
		return r.noTranscripts(ctx, e)
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
		if first := len(r.policy.transcripts.ids) == 0; first && len(page) > 0 && r.manifest != nil {
			if err := r.manifest.SetLearned(ctx, manifest.Learned{Transcripts: true}); err != nil {
				return err
			}
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
func (r *run) noTranscripts(ctx context.Context, why *vbc.Error) error {
	had := len(r.policy.transcripts.ids) > 0
	if r.reads != nil {
		known, err := r.reads.Learned(ctx)
		if err != nil {
			return err
		}
		had = had || known.Transcripts
	}
	if had {
		r.withoutTranscripts("this account has had some, and now " + why.Error())
		return nil
	}
	r.policy.transcripts.absent = true
	level := slog.LevelInfo
	if why.Status == http.StatusForbidden {
		level = slog.LevelWarn // there may be some
	}
	r.log.Log(ctx, level, "VBC shows no transcripts of this account, so none are archived", "reason", why)
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
	r.troubled(vbc.Company, manifest.Transcripts, "the transcripts could not be listed"+fate+": "+why)
}
