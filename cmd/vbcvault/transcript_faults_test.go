package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A transcript that can't be had keeps its recording at VBC, archived, and the
// others are done.
func TestTranscriptNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	recs := transcribed(w, 4)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isTranscript(r) && strings.HasSuffix(r.URL.Path, fmt.Sprint(recs[0].ID)) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"Transcription not found","status":404}`}
		}
		return nil
	})
	for range 2 {
		w.want(w.archive(deleteOld...), 1, map[string]int{"failed": 1})
	}
	if !w.account.Has(recs[0].Kind, 0, recs[0].ID) || len(w.account.Recordings()) != 1 {
		t.Error("just the one whose transcript can't be had must be left at VBC")
	}
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 4 {
		t.Errorf("%d downloads of audio, want 4", n)
	}
	w.mustHold(recs...)
	if r := w.run("status"); !strings.Contains(r.stdout, "fetch the transcript of company recording") || !strings.Contains(r.stdout, "--no-transcripts") {
		t.Error("status doesn't say what it is about")
	}
	w.mustFinish(recs)
}

// What passes is tried again, and doesn't fail.
func TestTranscriptFaultsHeal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func() *vbctest.Fault{
		"500": once(vbctest.Fault{Status: 500}), "the connection": once(vbctest.Fault{Reset: true}), "breaks off": once(vbctest.Fault{Status: 200, Body: "{"}),
		"the token": once(vbctest.Fault{Status: 401, Body: `{"fault":{"code":900903,"message":"Access Token Expired"}}`}),
	} {
		for _, match := range []func(*http.Request) bool{isTranscript, isTranscripts} {
			w := newWorld(t, vbctest.Config{}).inDir()
			recs := transcribed(w, 2)
			w.nth(1, match, fault)
			w.want(w.archive(deleteOld...), 0, map[string]int{"transcripts": 2, "deleted": 2})
			w.holdsTranscripts(recs)
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
}

// What VBC has transcribed after the recording was archived is added before the
// recording is deleted, and by a full scan; the audio isn't downloaded again.
func TestTranscriptComesLater(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"purge": deleteOld, "full scan": {"--older-than", "90d", "--full-scan"}} {
		w := newWorld(t, vbctest.Config{}).inS3(nil)
		recs := w.someRecordings(3)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3, "transcripts": 0})
		w.account.Transcribe(recs[0].ID, spoken)
		w.account.Transcribe(recs[1].ID, plain)
		w.want(w.archive(append(args, "--dry-run")...), 0, map[string]int{"transcripts": 2, "to_archive": 0})
		w.want(w.archive(args...), 0, map[string]int{"archived": 0, "already_archived": 3, "transcripts": 2, "downloads": 0})
		w.holdsTranscripts(recs)
		w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 3})
		w.mustFinish(recs)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// A call of just before the cutoff, whose transcript VBC dates after it.
func TestTranscriptMadeAfterTheCutoff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{TranscriptsLater: true}).inDir()
	w.account.Add(vbctest.Recording{ID: 7, Start: time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -91), Transcript: plain})
	w.want(w.archive(deleteOld...), 0, map[string]int{"deleted": 1, "transcripts": 1})
}

// A transcript that the archive doesn't hold as it should is fetched anew
// before any purge, without the audio; if VBC shows it no more, the recording
// stays.
func TestDamagedTranscript(t *testing.T) {
	t.Parallel()
	for _, removed := range []bool{false, true} {
		for _, still := range []bool{false, true} {
			w := newWorld(t, vbctest.Config{}).inDir()
			recs := transcribed(w, 3)
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"transcripts": 2})
			if transcript := key(recs[0], "transcript.json"); removed {
				w.remove(transcript)
			} else {
				w.flip(transcript)
			}
			w.want(w.run("verify", "--deep", "--json"), 1, map[string]int{"damaged": 1})
			if !still {
				w.account.Transcribe(recs[0].ID, "")
				r := w.archive(deleteOld...)
				w.want(r, 1, map[string]int{"failed": 1, "deleted": 2})
				if !w.account.Has(recs[0].Kind, 0, recs[0].ID) {
					t.Error("deleted, although its transcript is nowhere")
				}
				continue
			}
			w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"downloads": 0, "already_archived": 3})
			w.holdsTranscripts(recs)
			w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"whole": 3})
			w.mustFinish(recs)
		}
	}
}

// Audio that is archived anew keeps the transcript that it has, also when VBC
// shows that no more.
func TestTranscriptOutlivesItsAudio(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := transcribed(w, 2)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"transcripts": 2})
	w.flip(key(recs[0], "mp3"))
	w.account.Transcribe(recs[0].ID, "")
	w.want(w.archive(deleteOld...), 0, map[string]int{"downloads": 1, "deleted": 2, "transcripts": 0})
	if n := w.account.Counts().ByKind[vbctest.Transcript]; n != 2 {
		t.Errorf("%d transcripts were asked for, want 2", n)
	}
	w.mustHold(recs...)
	w.holdsTranscripts(recs)
	receipts := ""
	for _, k := range w.receipts() {
		receipts += string(w.read(k))
	}
	if strings.Count(receipts, `"transcript":{"key":"`) != 2 {
		t.Error("the receipts don't name the transcripts")
	}
}

// A store that keeps no transcript although it says 200 gets no recording
// deleted.
func TestSwallowedTranscriptIsNeverPurged(t *testing.T) {
	t.Parallel()
	var swallow atomic.Bool
	swallow.Store(true)
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if swallow.Load() && op == "PutObject" && strings.Contains(key, ".transcript.") {
			return &storagetest.S3Fault{Status: 200}
		}
		return nil
	})
	recs := transcribed(w, 3)
	w.want(w.archive(deleteOld...), 1, map[string]int{"failed": 2, "deleted": 1})
	if len(w.account.Recordings()) != 2 {
		t.Error("deleted without a proven transcript")
	}
	swallow.Store(false)
	w.mustFinish(recs)
}

// A purge that was begun and didn't happen, of a recording that this run's
// listing doesn't show: what VBC has transcribed since is fetched before the
// next DELETE.
func TestTranscriptBeforeASecondDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			return &vbctest.Fault{Status: 500}
		}
		return nil
	})
	w.want(w.archive(deleteOld...), 1, map[string]int{"archived": 2, "failed": 2})
	w.account.Transcribe(recs[0].ID, spoken)
	w.account.Transcribe(recs[1].ID, plain)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) {
			return &vbctest.Fault{Hide: recs[0].ID}
		}
		return nil
	})
	w.want(w.archive(deleteOld...), 1, map[string]int{"deleted": 2, "transcripts": 2})
	w.holdsTranscripts(recs)
}
