package vbctest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// transcriptID is by what a transcript is asked for.
func (r *Recording) transcriptID(a *Account) string {
	if a.cfg.TranscriptsOwnIDs {
		return fmt.Sprintf("t-%d", r.ID)
	}
	return fmt.Sprint(r.ID)
}

// transcribed are the company recordings with a transcript, perhaps deleted
// ones too. The caller holds mu.
func (a *Account) transcribed() []*Recording {
	var out []*Recording
	if a.cfg.TranscriptsStay {
		for _, r := range a.deleted {
			if r.Kind == Company && r.Transcript != "" {
				out = append(out, &r)
			}
		}
	}
	for _, r := range a.sorted(setKey{kind: Company}) {
		if r.Transcript != "" {
			out = append(out, r)
		}
	}
	return out
}

func (a *Account) serveTranscripts(w http.ResponseWriter, r *http.Request, f *Fault) {
	switch {
	case a.cfg.NoTranscripts:
		backendError(w, http.StatusNotFound, "Transcription is not enabled")
		return
	case a.cfg.TranscriptsForbidden:
		backendError(w, http.StatusForbidden, "Transcription is not allowed")
		return
	case !a.ownAccount(w, r):
		return
	}
	q, err := a.parseListQuery(r.URL)
	if err != nil {
		backendError(w, http.StatusBadRequest, err.Error())
		return
	}
	if a.cfg.RejectTranscriptFilter && (!q.gte.IsZero() || !q.lte.IsZero()) {
		backendError(w, http.StatusBadRequest, "unknown parameter")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var matching []*Recording
	for _, rec := range a.transcribed() {
		made := rec.Start
		if a.cfg.TranscriptsLater {
			made = made.AddDate(0, 0, 7)
		}
		if a.cfg.IgnoreStartFilter || (q.gte.IsZero() || !made.Before(q.gte)) && (q.lte.IsZero() || !made.After(q.lte)) {
			matching = append(matching, rec)
		}
	}
	hidden := 0
	if i := slices.IndexFunc(matching, func(rec *Recording) bool { return rec.ID == f.Hide }); i >= 0 {
		matching = slices.Delete(matching, i, i+1)
		hidden = 1
	}
	var items []any
	from, to, ok := a.extent(w, &q, len(matching))
	if !ok {
		return
	}
	for _, rec := range matching[from:to] {
		item := map[string]any{"id": rec.ID, "start": rec.Start.Format(timeLayout), "call_id": rec.callID()}
		if id, ok := rec.Extra["call_id"]; ok {
			item["call_id"] = id
		}
		if a.cfg.TranscriptsOwnIDs {
			item["id"], item["recording_id"] = rec.transcriptID(a), rec.ID
		}
		if a.cfg.TranscriptEntry != nil {
			item = a.cfg.TranscriptEntry(*rec)
		}
		items = append(items, item)
	}
	field := "transcriptions"
	if a.cfg.TranscriptsElsewhere {
		field = "recordings"
	}
	a.writePage(w, hostOf(r)+r.URL.Path, field, items, q.page, q.size, len(matching)+hidden)
}

func (a *Account) serveTranscript(w http.ResponseWriter, r *http.Request, f *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rec := range a.transcribed() {
		if rec.transcriptID(a) != r.PathValue("id") {
			continue
		}
		text := rec.Transcript
		media := "text/plain; charset=utf-8"
		if strings.HasPrefix(text, "{") {
			media = "application/json"
		}
		w.Header().Set("Content-Type", media)
		if f.ShortAfter > 0 {
			text = text[:min(int(f.ShortAfter), len(text))] // without a length
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		}
		_, _ = io.WriteString(w, text) // the client may have gone away
		return
	}
	backendError(w, http.StatusNotFound, "Transcription not found")
}
