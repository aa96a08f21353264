package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var deleteOld = []string{"--older-than", "90d", "--delete"}

const (
	spoken = `{"id":100001,"segments":[{"speaker":1,"text":"Grüß Gott \u2014 \"good\" morning"}]}`
	plain  = "Good morning.\r\nHow can I help you? ☎\n"
)

// transcribed adds n recordings. The first two have transcripts, one as JSON
// and one as text.
func transcribed(w *world, n int) []vbctest.Recording {
	recs := w.someRecordings(n)
	w.account.Transcribe(recs[0].ID, spoken)
	w.account.Transcribe(recs[1].ID, plain)
	return recs
}

// holdsTranscripts fails unless the archive has the first two's, byte for byte.
func (w *world) holdsTranscripts(recs []vbctest.Recording) {
	w.t.Helper()
	for key, want := range map[string]string{key(recs[0], "transcript.json"): spoken, key(recs[1], "transcript.txt"): plain} {
		if got := string(w.read(key)); got != want {
			w.t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func isTranscripts(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/transcriptions") }
func isTranscript(r *http.Request) bool  { return strings.Contains(r.URL.Path, "/transcription/") }

// mustFinish fails unless a run that nothing disturbs archives and deletes what
// is left of these.
func (w *world) mustFinish(recs []vbctest.Recording) {
	w.t.Helper()
	w.account.Inject(nil)
	w.want(w.archive(append(deleteOld, "--retry-failed")...), 0, map[string]int{"failed": 0})
	if left := w.account.Recordings(); len(left) != 0 {
		w.t.Errorf("%d recordings are left at VBC", len(left))
	}
	w.mustHold(recs...)
	w.holdsTranscripts(recs)
}

// Transcripts lie beside the audio as VBC sent them, proven, before anything is
// deleted, in whatever way VBC lists them; receipts say so, and verify knows.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]vbctest.Config{
		"by the recording's id": {}, "ids of their own": {TranscriptsOwnIDs: true}, "listed as recordings": {TranscriptsElsewhere: true},
		"they stay at VBC": {TranscriptsStay: true}, "no limits of time": {RejectTranscriptFilter: true}, "listed by when they were made": {TranscriptsLater: true},
		"filters are ignored": {IgnoreFilters: true, IgnoreStartFilter: true},
	} {
		for where, place := range map[string]func(*world) *world{"S3": func(w *world) *world { return w.inS3(nil) }, "directory": (*world).inDir} {
			if where == "S3" && name != "by the recording's id" {
				continue // whatever VBC says, it goes the same way into a store
			}
			t.Run(name+" to "+where, func(t *testing.T) {
				w := place(newWorld(t, cfg))
				recs := transcribed(w, 5)
				w.want(w.archive(append(deleteOld, "--dry-run")...), 0, map[string]int{"transcripts": 2, "to_delete": 5})
				r := w.archive(deleteOld...)
				w.want(r, 0, map[string]int{"archived": 5, "deleted": 5, "transcripts": 2, "downloads": 5})
				w.mustHold(recs...)
				w.holdsTranscripts(recs)
				fetched := map[string]bool{}
				for _, q := range w.account.Log() {
					_, id, _ := strings.Cut(q.Path, "/transcription/")
					fetched[strings.TrimPrefix(id, "t-")] = true
					for _, rec := range recs[:2] {
						if strings.HasSuffix(q.Path, fmt.Sprintf("/%d", rec.ID)) && q.Method == http.MethodDelete && !fetched[fmt.Sprint(rec.ID)] {
							t.Errorf("%d was deleted before its transcript was asked for", rec.ID)
						}
					}
				}
				receipts := ""
				for _, k := range w.receipts() {
					receipts += string(w.read(k))
				}
				if strings.Count(receipts, `"transcript":{"key":"`) != 2 {
					t.Error("the receipts don't name the transcripts")
				}
				w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"whole": 5})
				w.want(w.run("audit", "--json"), 0, map[string]int{"deleted": 5})
				w.want(w.archive(deleteOld...), 0, map[string]int{"archived": 0, "transcripts": 0})
			})
		}
	}
}

// Listing them costs one request per page, and fetching one each; what has none
// costs nothing.
func TestRequestsOfTranscripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{MaxPageSize: 20}).inDir()
	recs := transcribed(w, 50)
	for _, rec := range recs[2:30] {
		w.account.Transcribe(rec.ID, plain)
	}
	w.want(w.archive(deleteOld...), 0, map[string]int{"archived": 50, "transcripts": 30, "deleted": 50})
	c := w.account.Counts().ByKind
	if c[vbctest.Transcripts] != 2 || c[vbctest.Transcript] != 30 || c[vbctest.Audio] != 50 || c[vbctest.Delete] != 50 {
		t.Errorf("%v", c)
	}
}

// An account that has none costs one request in each run, and --no-transcripts
// none. Everything else is done.
func TestAccountWithoutTranscripts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg      vbctest.Config
		args     []string
		requests int
	}{
		"none (404)":       {vbctest.Config{NoTranscripts: true}, nil, 1},
		"empty":            {vbctest.Config{}, nil, 1},
		"--no-transcripts": {vbctest.Config{}, []string{"--no-transcripts"}, 0},
	} {
		w := newWorld(t, c.cfg).inDir()
		recs := w.someRecordings(120) // more than a slice
		if c.requests == 0 {
			w.account.Transcribe(recs[0].ID, plain)
		}
		w.want(w.archive(append(deleteOld, c.args...)...), 0, map[string]int{"archived": 120, "transcripts": 0, "deleted": 120})
		if n := w.account.Counts().ByKind; n[vbctest.Transcripts] != c.requests || n[vbctest.Transcript] != 0 {
			t.Errorf("%s: %v", name, n)
		}
		w.mustHold(recs...)
	}
}

// Where nobody may see them, there may be some: exit 1, and nothing is deleted,
// until somebody says that they don't matter.
func TestTranscriptsForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{TranscriptsForbidden: true}).inDir()
	recs := w.someRecordings(120) // more than a slice
	for _, args := range [][]string{{"--older-than", "90d"}, append(deleteOld, "--dry-run"), deleteOld} {
		r := w.archive(args...)
		w.want(r, 1, nil)
		if !strings.Contains(r.stderr, "VBC refuses to list them, so there may be some") || strings.Count(r.stderr, "the listing is incomplete") != 1 {
			t.Error("it isn't said why, once")
		}
	}
	if len(w.account.Recordings()) != 120 {
		t.Error("something was deleted that may have a transcript")
	}
	w.mustHold(recs...)
	if n := w.account.Counts().ByKind[vbctest.Transcripts]; n != 3 {
		t.Errorf("%d requests, want one in each run", n)
	}
	w.want(w.archive(append(deleteOld, "--no-transcripts")...), 0, map[string]int{"deleted": 120, "downloads": 0})
}

// Whatever the entries of the listing of transcripts look like: what says whose
// it is is archived with it, and where it can't be told, nothing is deleted.
func TestWhoseTranscripts(t *testing.T) {
	t.Parallel()
	times := func(r vbctest.Recording) string { return r.Start.Format("2006-01-02T15:04:05-0700") }
	call := func(r vbctest.Recording) string { return fmt.Sprintf("c91150a6-8cc4-4e73-9fef-%012d", r.ID) }
	for name, c := range map[string]struct {
		entry func(vbctest.Recording) map[string]any
		fine  bool
	}{
		"recordingId": {func(r vbctest.Recording) map[string]any { return map[string]any{"id": r.ID, "recordingId": r.ID} }, true},
		"Company_Recording_ID": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "Company_Recording_ID": fmt.Sprint(r.ID)}
		}, true},
		"the recording": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "recording": map[string]any{"id": r.ID}}
		}, true},
		"a link": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "_links": map[string]any{"recording": map[string]any{"href": fmt.Sprintf("/accounts/self/company_call_recordings/%d", r.ID)}}}
		}, true},
		"id and start": {func(r vbctest.Recording) map[string]any { return map[string]any{"id": r.ID, "start": times(r)} }, true},
		"id and call":  {func(r vbctest.Recording) map[string]any { return map[string]any{"id": r.ID, "call_id": call(r)} }, true},
		"named, dated by making": {func(r vbctest.Recording) map[string]any {
			r.Start = r.Start.Add(time.Minute)
			return map[string]any{"id": r.ID, "recording_id": r.ID, "start": times(r)}
		}, true},
		"an id and nothing else": {func(r vbctest.Recording) map[string]any { return map[string]any{"id": r.ID} }, false},
		"one with an id and nothing else": {func(r vbctest.Recording) map[string]any {
			if r.ID%2 == 0 {
				return map[string]any{"id": r.ID + 7_000_000}
			}
			return map[string]any{"id": r.ID, "recording_id": r.ID}
		}, false},
		"an id of another call": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "call_id": "another", "start": times(r)}
		}, false},
		"names another call": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "recording_id": r.ID, "call_id": "another"}
		}, false},
		"names two": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "recording_id": r.ID, "call_recording_id": r.ID + 1}
		}, false},
		"numbers of its own": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID + 7_000_000, "start": times(r), "call_id": call(r)}
		}, false},
		"… and a start": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID + 7_000_000, "start": times(r)}
		}, false},
		"… of when it was made": {func(r vbctest.Recording) map[string]any {
			r.Start = r.Start.Add(time.Minute)
			return map[string]any{"id": r.ID + 7_000_000, "start": times(r)}
		}, false},
		"… and a call": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID + 7_000_000, "call_id": call(r)}
		}, false},
		"… of the next recording": {func(r vbctest.Recording) map[string]any { return map[string]any{"id": r.ID + 1, "start": times(r)} }, false},
		"named by other numbers": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "recording_id": r.ID + 7_000_000}
		}, false},
		"… and dated": {func(r vbctest.Recording) map[string]any {
			return map[string]any{"id": r.ID, "recording_id": r.ID + 7_000_000, "start": times(r)}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{TranscriptEntry: c.entry}).inDir()
			recs := transcribed(w, 5)
			if c.fine {
				w.want(w.archive(deleteOld...), 0, map[string]int{"deleted": 5, "transcripts": 2})
				w.holdsTranscripts(recs)
				w.want(w.archive(deleteOld...), 0, nil)
				return
			}
			r := w.archive(deleteOld...)
			w.want(r, 1, map[string]int{"archived": 5, "deleted": 0})
			if !strings.Contains(r.stderr, "the transcripts of company recordings are unknown, so no company recording is deleted") {
				t.Error("it isn't said why")
			}
			w.want(w.archive("--older-than", "90d", "--full-scan"), 1, nil)
			w.want(w.archive(append(deleteOld, "--no-transcripts")...), 0, map[string]int{"deleted": 5})
		})
	}
}

// Transcripts of recordings that this run isn't about, or that are gone from VBC
// and in the archive, leave nothing in doubt; those of recordings that nobody has
// seen do.
func TestTranscriptsOfOthers(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]vbctest.Config{"dated": {TranscriptsStay: true, IgnoreStartFilter: true}, "named": {TranscriptsStay: true, TranscriptsOwnIDs: true}} {
		w := newWorld(t, cfg).inDir()
		recs := transcribed(w, 5)
		w.account.Add(vbctest.Recording{ID: 7, Start: time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -30), Transcript: plain}, // too new
			vbctest.Recording{ID: 8, Start: time.Now().UTC().Truncate(time.Second).AddDate(-9, 0, 0), Transcript: plain})
		since := time.Now().AddDate(-2, 0, 0).Format(time.DateOnly)
		w.want(w.archive(append(deleteOld, "--since", since)...), 0, map[string]int{"deleted": 5, "transcripts": 2})
		w.want(w.archive(deleteOld...), 0, map[string]int{"deleted": 1})
		w.account.Add(vbctest.Recording{ID: 9, Start: recs[2].Start.Add(time.Second)}, vbctest.Recording{ID: 10, Start: recs[3].Start.Add(time.Second), Transcript: plain})
		w.account.Remove(10)
		w.want(w.archive(append(deleteOld, "--caller-id", "1732555109")...), 0, nil)
		r := w.archive(deleteOld...)
		w.want(r, 1, map[string]int{"archived": 1, "deleted": 0})
		if !strings.Contains(r.stderr, "VBC lists 1 transcript of recordings that it doesn't list and that were never archived, such as company recording 10") {
			t.Error("it isn't said why")
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// While nobody knows which recordings have transcripts, company recordings are
// archived and not deleted. On-demand ones have no such listing.
func TestTranscriptsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := transcribed(w, 3)
	w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 7, Start: recs[0].Start})
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isTranscripts(r) {
			return &vbctest.Fault{Hide: recs[0].ID}
		}
		return nil
	})
	args := append(deleteOld, "--kind", "company,on-demand")
	w.want(w.archive(append(args, "--dry-run")...), 1, map[string]int{"to_delete": 1, "held_back": 3})
	r := w.archive(args...)
	w.want(r, 1, map[string]int{"archived": 4, "deleted": 1, "skipped": 3})
	if !strings.Contains(r.stderr, "the transcripts of company recordings are unknown, so no company recording is deleted in this run (--no-transcripts skips transcripts)") {
		t.Error("it isn't said why")
	}
	w.mustFinish(recs)
}

// An account whose transcripts have been listed once, and are refused now, has
// perhaps lost the right to see them, and not them.
func TestTranscriptsAreRefusedAllOfASudden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := transcribed(w, 3)
	w.want(w.archive("--older-than", "90d", "--max-duration", "1s"), 0, map[string]int{"archived": 0}) // nothing
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3, "transcripts": 2})
	w.account.Add(vbctest.Recording{ID: 7, Start: recs[0].Start.AddDate(0, -1, 0), Transcript: plain})
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isTranscripts(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"Transcription is not enabled","status":404}`}
		}
		return nil
	})
	for _, dry := range []string{"--dry-run", ""} {
		r := w.archive(strings.Fields(strings.Join(deleteOld, " ") + " " + dry)...)
		w.want(r, 1, nil)
		if !strings.Contains(r.stderr, "this account had transcripts before") {
			t.Error("it isn't said why")
		}
	}
	if left := len(w.account.Recordings()); left != 4 {
		t.Errorf("%d recordings are left at VBC, want all 4", left)
	}
	w.mustFinish(recs)
}

// The same of a manifest that was made anew out of the archive.
func TestRebuiltManifestKnowsOfTranscripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := transcribed(w, 3)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"transcripts": 2})
	path := w.manifest()
	w.loseAll()
	if r := w.run("rebuild", "--from", w.to, "--manifest", path); r.code != 0 {
		t.Fatal("not rebuilt")
	}
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isTranscripts(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"Transcription is not enabled","status":404}`}
		}
		return nil
	})
	w.want(w.archive(deleteOld...), 1, map[string]int{"deleted": 0})
	w.mustFinish(recs)
	if n := w.account.Counts().ByKind; n[vbctest.Transcript] != 2 || n[vbctest.Audio] != 6 { // three once more, to compare
		t.Errorf("%v", n)
	}
}
