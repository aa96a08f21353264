package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"

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
	listed  bool              // to the end,
	from    time.Time         // from here on
	entries map[int64]*entry  // by recording, as far as the entries tell
	calls   map[string]*entry // those that name no recording, by their call
	several map[int64]bool    // recordings with more than one
	unknown bool              // nobody knows whose they are, or which there are: nothing is purged
	inARow  int               // that could not be had, though VBC has them

	// Of the goroutine that lists, and then of the one that goes through what is pending.
	absent  bool // the account has none, or shows none
	pages   int64
	made    bool     // they are dated by their making: some start where their recordings don't
	matched int      // that are of recordings which are known
	dated   []*entry // in the order of their start, from the first on that isn't looked at yet
	undated []*entry
}

// entry is what VBC's listing of transcripts says of one.
type entry struct {
	vbc.Transcript
	matched bool // a recording is known that it is of
}

func newTranscripts() *transcripts {
	return &transcripts{entries: map[int64]*entry{}, calls: map[string]*entry{}, several: map[int64]bool{}}
}

// of returns a recording's transcript, if VBC lists one.
func (t *transcripts) of(r vbc.Recording) (vbc.Transcript, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e := t.entries[r.ID]
	if e == nil || !e.Of(r) {
		return vbc.Transcript{}, false
	}
	return e.Transcript, true
}

// unsure reports whether a recording may have a transcript that nobody has seen.
func (t *transcripts) unsure(r vbc.Recording) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return r.Kind == vbc.Company && (t.unknown || t.doubt(r) != "")
}

// doubt says why nobody knows whether a recording has a transcript: one has its
// id and may be another's, or its call and another id; "" if there is none such.
// The caller holds mu.
func (t *transcripts) doubt(r vbc.Recording) string {
	if r.Kind != vbc.Company {
		return ""
	}
	if e := t.entries[r.ID]; e != nil && !e.Of(r) {
		return fmt.Sprintf("VBC lists a transcript with the id %d, and nothing shows that it belongs to %s", r.ID, r)
	}
	if e := t.calls[r.CallID]; e != nil && r.CallID != "" && e.Recording != r.ID && !e.matched && (e.Start.IsZero() || e.SameStart(r)) {
		return fmt.Sprintf("VBC lists a transcript with the call of %s, but with another id", r)
	}
	return ""
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
		e := t.entries[text.Recording]
		if e != nil && e.ID != text.ID {
			t.several[text.Recording] = true
		}
		if e == nil {
			e = &entry{}
			t.entries[text.Recording] = e
		}
		if e.Transcript = text; !text.Named && text.CallID != "" {
			t.calls[text.CallID] = e
		}
	}
}

// met notes which transcripts are those of recordings that VBC has listed. A
// problem is that of a recording of which that can't be told.
func (t *transcripts) met(recordings []vbc.Recording) (problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range recordings {
		if e := t.entries[r.ID]; e != nil && r.Kind == vbc.Company && (e.Of(r) || r.Unreadable != "") {
			t.matched += once(!e.matched)
			e.matched = true
			t.made = t.made || r.Unreadable == "" && !e.Start.IsZero() && !e.SameStart(r)
		}
	}
	for _, r := range recordings {
		if why := t.doubt(r); why != "" && r.Unreadable == "" {
			return why
		}
	}
	return ""
}

// settle sorts what has been listed.
func (t *transcripts) settle(from time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listed, t.from, t.dated, t.undated = true, from, nil, nil
	for _, e := range t.entries {
		if e.Start.IsZero() {
			t.undated = append(t.undated, e)
		} else {
			t.dated = append(t.dated, e)
		}
	}
	slices.SortFunc(t.dated, func(a, b *entry) int { return a.Start.Compare(b.Start) })
}

// strangers are the transcripts that VBC dates between two moments, of recordings
// that it hasn't listed. Each is looked at once.
func (t *transcripts) strangers(from, to time.Time) (out []*entry) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for ; len(t.dated) > 0 && t.dated[0].Start.Before(to); t.dated = t.dated[1:] {
		if e := t.dated[0]; !e.matched && !e.Start.Before(from) && !t.made {
			out = append(out, e)
		}
	}
	return out
}

// compareTranscripts is told of recordings that VBC has just listed. Where it is
// in doubt which of them have transcripts, nothing of their kind is purged.
func (r *run) compareTranscripts(recordings []vbc.Recording) {
	if why := r.transcripts.met(recordings); why != "" {
		r.withoutTranscripts("it is unknown whose they are: " + why)
	}
}

// unclaimedTranscripts looks, before anything of what has been listed is purged,
// whether transcripts are listed of recordings that nobody has ever seen. Then
// their ids aren't those of recordings, or VBC doesn't list all recordings. All
// company recordings between two moments have been listed. Where transcripts
// don't say when their calls were, one that is of a recording is enough. A filter
// hides what it doesn't select, so it says nothing.
func (r *run) unclaimedTranscripts(ctx context.Context, from, to time.Time) error {
	t := r.transcripts
	if t.unknown || !t.listed || r.policy.Filter.String() != "" {
		return nil
	}
	unclaimed, err := r.unclaimed(ctx, t.strangers(from, to))
	if err == nil && t.matched == 0 && len(t.undated) > 0 {
		var undated []*entry
		if undated, err = r.unclaimed(ctx, t.undated); t.matched == 0 {
			unclaimed = append(unclaimed, undated...)
		}
	}
	if err != nil || len(unclaimed) == 0 {
		return err
	}
	r.withoutTranscripts(fmt.Sprintf("VBC lists %s of recordings that it doesn't list and that were never archived, such as %s",
		english.Plural(len(unclaimed), "transcript", ""), vbc.Recording{Kind: vbc.Company, ID: unclaimed[0].Recording}))
	return nil
}

// unclaimed are those whose recordings the manifest doesn't know either.
func (r *run) unclaimed(ctx context.Context, strangers []*entry) (out []*entry, err error) {
	for _, e := range strangers {
		known, err := r.claims(ctx, e)
		switch {
		case err != nil:
			return nil, err
		case known:
			r.transcripts.match(e)
		default:
			out = append(out, e)
		}
	}
	return out, nil
}

// claims reports whether the manifest knows the recording that a transcript is of.
func (r *run) claims(ctx context.Context, e *entry) (bool, error) {
	if r.reads == nil {
		return false, nil
	}
	rows, err := r.reads.All(ctx, vbc.Key{Kind: vbc.Company, ID: e.Recording})
	return slices.ContainsFunc(rows, func(row manifest.Row) bool {
		return e.Of(row.Recording) || row.State == manifest.Erasing || row.State == manifest.Erased // of which little is left
	}), err
}

func (t *transcripts) match(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.matched += once(!e.matched)
	e.matched = true
}

func once(first bool) int {
	if first {
		return 1
	}
	return 0
}

// learnTranscriptOf is learnTranscripts for a row of the manifest that may lack
// its transcript, or had one that is in doubt. Where nothing is to be purged, a
// full scan finds what is lacking.
func (r *run) learnTranscriptOf(ctx context.Context, row manifest.Row) error {
	if row.Kind != vbc.Company || hasTranscript(row) || !r.policy.eligible(row.Recording) || !r.policy.Delete && row.Copy.Transcript.Key == "" {
		return nil
	}
	known := r.transcripts.pages
	if err := r.learnTranscripts(ctx, row.Start); err != nil || r.transcripts.pages == known {
		return err
	}
	first, last := r.witness.covered.span(collection{kind: vbc.Company})
	return r.unclaimedTranscripts(ctx, first, last)
}

// learnTranscripts lists the transcripts of company recordings that start from
// a moment on, unless that has been done. It is called by one goroutine at a
// time. An error ends the run; a listing that fails only keeps it from purging.
func (r *run) learnTranscripts(ctx context.Context, from time.Time) error {
	t := r.transcripts
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
		t.settle(from)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isA[*vbc.AuthError](err):
		return err
	case e != nil && !e.Gateway && e.Status == http.StatusForbidden:
		r.withoutTranscripts("VBC refuses to list them, so there may be some; give the user of VBC_USERNAME the permission to see them: " + err.Error())
		return nil
	case e != nil && !e.Gateway && e.Status == http.StatusNotFound:
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
		if first := len(r.transcripts.entries) == 0; first && len(page) > 0 && r.manifest != nil {
			if err := r.manifest.SetLearned(ctx, manifest.Learned{Transcripts: true}); err != nil {
				return err
			}
		}
		r.transcripts.add(page)
		for _, text := range page {
			if !text.Named && text.Start.IsZero() && text.CallID == "" {
				return fmt.Errorf("an entry has an id (%s) but no recording, no call and no start", text.ID)
			}
		}
	}
	if why := listing.Contradiction(); why != "" {
		return errors.New(why)
	}
	if n := listing.Missing(); n > 0 {
		return fmt.Errorf("VBC counted more transcripts than it showed (missing: %d)", n)
	}
	return nil
}

// noTranscripts takes VBC's word that the account has no transcripts, unless
// it had some before: then it may be a right that is gone, and not they.
func (r *run) noTranscripts(ctx context.Context, why *vbc.Error) error {
	had := len(r.transcripts.entries) > 0
	if r.reads != nil {
		known, err := r.reads.Learned(ctx)
		if err != nil {
			return err
		}
		had = had || known.Transcripts
	}
	if had {
		r.withoutTranscripts("this account had transcripts before, and now " + why.Error())
		return nil
	}
	r.transcripts.absent = true
	r.log.Info("VBC lists no transcripts of this account, so none are archived", "reason", why)
	return nil
}

// withoutTranscripts notes that nobody knows which recordings have transcripts.
func (r *run) withoutTranscripts(why string) {
	t := r.transcripts
	t.mu.Lock()
	known := t.unknown
	t.unknown = true
	t.mu.Unlock()
	if known {
		return
	}
	fate := ""
	if r.policy.Delete {
		fate = ", so no company recording is deleted in this run (--no-transcripts skips transcripts)"
	}
	r.troubled(vbc.Company, manifest.Transcripts, "the transcripts of company recordings are unknown"+fate+": "+why)
}
