package pipeline

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

func isTranscriptListing(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/transcriptions")
}
func asksForTranscript(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/transcription/")
}

// answer has VBC answer such requests with a fault; nil is no fault any more.
func (l *lab) answer(match func(*http.Request) bool, fault *vbctest.Fault) {
	l.fault = func(r *http.Request) *vbctest.Fault {
		if match(r) {
			return fault
		}
		return nil
	}
}

// swallow has the store fail with these objects after it has read and sealed
// them; "" is no object any more.
func (l *lab) swallow(part string) {
	l.faulty = &storagetest.Faulty{Destination: l.clean, Err: errCrash, Hook: func(_ storagetest.Op, key string) storagetest.Fault {
		if part != "" && strings.Contains(key, part) {
			return storagetest.SealedNotApplied
		}
		return 0
	}}
}

// While nobody knows which recordings have transcripts, whatever the reason,
// they are archived and not purged.
func TestTranscriptsCantBeListed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vbctest.Fault{
		"500":                 {Status: 500, Body: `{"msg":"internal","status":500}`},
		"400":                 {Status: 400, Body: `{"msg":"no","status":400}`},
		"no JSON":             {Status: 200, Body: "<html>"},
		"no ids":              {Status: 200, Body: `{"_embedded":{"transcriptions":[{"text":"Hello"}]},"page":1,"total_items":1}`},
		"an id that is none":  {Status: 200, Body: `{"_embedded":{"transcriptions":[{"id":"../7"}]},"page":1,"total_items":1}`},
		"no list in its way":  {Status: 200, Body: `{"_embedded":{"transcriptions":7},"page":1,"total_items":1}`},
		"two lists":           {Status: 200, Body: `{"_embedded":{"a":[],"b":[]},"page":1,"total_items":1}`},
		"two, uncounted":      {Status: 200, Body: `{"_embedded":{"a":[{"id":1}],"b":[]},"page":1}`},
		"not where it should": {Status: 200, Body: `{"transcriptions":[{"id":1}],"page":1,"page_size":10}`},
		"no list":             {Status: 200, Body: `{"_embedded":{},"page":1}`},
		"one is hidden":       {Hide: 1},
		"no such route":       {Status: 404, Body: `{"fault":{"code":404,"type":"Status report","message":"Runtime Error","description":"No matching resource found for given API Request"}}`},
		"a proxy's 404":       {Status: 404, Body: `<html>not found</html>`},
		"a proxy's 403":       {Status: 403, Body: `<html>blocked by policy</html>`},
		"the token's rights":  {Status: 403, Body: `{"fault":{"code":900910,"message":"The access token does not allow you to access the requested resource"}}`},
		"not subscribed":      {Status: 403, Body: `{"fault":{"code":900908,"message":"Resource forbidden"}}`},
		"the connection":      {Reset: true},
	} {
		l := newLab(t, "directory")
		all := l.fill()
		l.answer(isTranscriptListing, &fault)
		sum, err := l.run(Options{Delete: true})
		if err != nil || sum.Archived != 2 || sum.Deleted != 0 || sum.Skipped != 2 || sum.Complete() {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		l.fault = nil
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() || l.audio != 2 {
			t.Errorf("%s, afterwards: %+v, %v, %d downloads", name, sum, err, l.audio)
		}
		l.allDone(all)
	}
}

// A transcript that can't be had, whatever the reason, keeps its recording at
// VBC, archived, and the others are done.
func TestTranscriptCantBeHad(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vbctest.Fault{
		"404":               {Status: 404, Body: `{"msg":"Transcription not found","status":404}`},
		"403":               {Status: 403, Body: `{"msg":"not allowed","status":403}`},
		"500":               {Status: 500, Body: `{"msg":"internal","status":500}`},
		"202":               {Status: 202, Body: `{"status":"in progress"}`},
		"empty":             {Status: 200},
		"white space":       {Status: 200, Body: " \n"},
		"a page":            {Status: 200, Body: "<!DOCTYPE html><p>Log in"},
		"no text":           {Status: 200, Body: "\xff\xfe\x00\x01"},
		"JSON breaks off":   {ShortAfter: 10},
		"null":              {Status: 200, Body: "null"},
		"nothing":           {Status: 200, Body: `{ }`},
		"an empty text":     {Status: 200, Body: `""`},
		"an empty list":     {Status: 200, Body: `[]`},
		"a fault":           {Status: 200, Body: `{"fault":{"code":900800,"message":"Message throttled out"}}`},
		"a report":          {Status: 200, Body: `{"msg":"Transcription not found","status":404}`},
		"not yet":           {Status: 200, Body: `{"id":1,"status":"IN_PROGRESS"}`},
		"another's":         {Status: 200, Body: `{"id":9,"recording_id":77,"text":"Good morning"}`},
		"a list breaks off": {Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `["Good morning",`},
		"too large":         {Status: 200, Body: strings.Repeat("x", 33<<20)},
		"the connection":    {Reset: true},
	} {
		l := newLab(t, "directory")
		all := l.fill()
		l.answer(asksForTranscript, &fault)
		sum, err := l.run(Options{Delete: true})
		if err != nil || sum.Archived != 2 || sum.Deleted != 1 || sum.Failed != 1 || sum.Transcripts != 0 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		l.fault = nil
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() || sum.Transcripts != 1 || l.audio != 2 {
			t.Errorf("%s, afterwards: %+v, %v, %d downloads", name, sum, err, l.audio)
		}
		l.allDone(all)
	}
}

// Transcripts that were once listed aren't taken for absent, also if the run
// that listed them died, or in the middle of one.
func TestTranscriptsWereListedOnce(t *testing.T) {
	forbidden := &vbctest.Fault{Status: 403, Body: `{"msg":"not allowed","status":403}`}
	l := newLab(t, "directory")
	all := l.fill()
	l.fault = func(r *http.Request) *vbctest.Fault {
		if isTranscriptListing(r) {
			return nil
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dead = l.dead || strings.Contains(r.URL.Path, "/audio/")
		return nil
	}
	if _, err := l.run(Options{Workers: 1}); err == nil && !l.dead {
		t.Fatal("it hasn't died")
	}
	l.reset(nil)
	l.answer(isTranscriptListing, forbidden)
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Deleted != 0 || sum.Complete() {
		t.Errorf("%+v, %v", sum, err)
	}
	l.fault = nil
	if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() {
		t.Errorf("afterwards: %+v, %v", sum, err)
	}
	l.allDone(all)
}

// Whatever keeps a transcript from being had: audio that wasn't stored is
// fetched, and archived.
func TestAudioBeforeItsTranscript(t *testing.T) {
	for _, purge := range []bool{false, true} {
		l := newLab(t, "directory")
		all := l.fill()
		l.swallow(".mp3")
		if sum, err := l.run(Options{Delete: purge}); err != nil || sum.Archived != 0 {
			t.Fatalf("%+v, %v", sum, err)
		}
		l.swallow("")
		l.answer(asksForTranscript, &vbctest.Fault{Status: 404, Body: `{"msg":"Transcription not found","status":404}`})
		if sum, err := l.run(Options{Delete: purge}); err != nil || sum.Archived != 2 || sum.Failed != 1 {
			t.Errorf("%+v, %v", sum, err)
		}
		l.fault = nil
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() {
			t.Errorf("afterwards: %+v, %v", sum, err)
		}
		l.allDone(all)
	}
}

// A transcript that was on its way into the store, and that VBC lists no more
// or nobody wants any more, keeps nothing at VBC; while that isn't certain, it
// does.
func TestIntendedTranscript(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		fault   vbctest.Fault
		deleted int64
	}{
		"listed no more":      {Options{Delete: true}, vbctest.Fault{}, 2},
		"--no-transcripts":    {Options{Delete: true, NoTranscripts: true}, vbctest.Fault{Status: 500}, 2},
		"refused":             {Options{Delete: true}, vbctest.Fault{Status: 403, Body: `{"msg":"not allowed","status":403}`}, 0},
		"can't be listed now": {Options{Delete: true}, vbctest.Fault{Status: 500}, 0},
	} {
		l := newLab(t, "directory")
		l.fill()
		l.swallow(".transcript.")
		for step := range 100 { // the process dies at the commit that follows on the intention
			l.reset(func(s int) (fate, bool) {
				if s > step {
					return lost, true
				}
				return fine, false
			})
			_, _ = l.run(Options{Workers: 1})
			if l.intendedTranscript() {
				break
			}
		}
		if !l.intendedTranscript() {
			t.Fatal("the intention was never on disk")
		}
		l.reset(nil)
		l.swallow("")
		l.answer(isTranscriptListing, &c.fault)
		l.account.Transcribe(1, "") // watchDelete would miss it
		var deleted int64
		for range 2 {
			sum, err := l.run(c.options)
			if err != nil {
				t.Fatal(err)
			}
			deleted += sum.Deleted
		}
		if deleted != c.deleted {
			t.Errorf("%s: %d deleted, want %d", name, deleted, c.deleted)
		}
	}
}

// Transcripts that can't be had at all stop being asked for, and audio goes on.
func TestTranscriptsAreGivenUp(t *testing.T) {
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	for i := range 60 {
		l.account.Add(vbctest.Recording{ID: int64(i + 1), Start: old.Add(time.Duration(i) * time.Minute), Size: 500, Transcript: "Hello"})
	}
	var asked atomic.Int64
	l.fault = func(r *http.Request) *vbctest.Fault {
		if asksForTranscript(r) {
			asked.Add(1)
			return &vbctest.Fault{Status: 403, Body: `{"msg":"not allowed","status":403}`}
		}
		return nil
	}
	sum, err := l.run(Options{Delete: true, MaxFailures: 20, Workers: 2})
	if err != nil || sum.Archived != 60 || sum.Deleted != 0 || sum.Failed != 60 || asked.Load() > maxWithout+1 {
		t.Errorf("%+v, %v; %d requests", sum, err, asked.Load())
	}
}

// Where VBC lists two transcripts of a recording, it stays.
func TestSeveralTranscripts(t *testing.T) {
	l := newLab(t, "directory")
	l.fill()
	l.answer(isTranscriptListing, &vbctest.Fault{Status: 200, Body: `{"_embedded":{"transcriptions":[{"id":"left","recording_id":1},{"id":"right","recording_id":1}]},"page":1,"total_items":2}`})
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Archived != 2 || sum.Deleted != 1 || sum.Failed != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// A recording whose DELETE took effect unnoticed, and whose transcript VBC still
// has: it is archived.
func TestTranscriptOfWhatIsGone(t *testing.T) {
	l := newLab(t, "directory")
	l.account = vbctest.New(vbctest.Config{TranscriptsStay: true})
	rec := l.fill()[0]
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete {
			return &vbctest.Fault{Status: 500, Apply: true}
		}
		return nil
	})
	if sum, err := l.run(Options{Delete: true, NoTranscripts: true}); err != nil || sum.Failed != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.account.Inject(nil)
	l.account.Add(vbctest.Recording{ID: 5, Start: rec.Start.Add(-time.Hour), Size: 500})
	if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() || !l.holds(rec) {
		t.Errorf("%+v, %v", sum, err)
	}
}

// What can be known without asking isn't asked for: recordings that have their
// transcripts need no listing, nor do old failures where nothing is deleted;
// limits that VBC doesn't know cost one request.
func TestTranscriptsAreListedOnlyWhereNeeded(t *testing.T) {
	var n atomic.Int64
	count := func(r *http.Request) *vbctest.Fault {
		if isTranscriptListing(r) {
			n.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/audio/recording/1") {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"not found","status":404}`}
		}
		return nil
	}
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-3, 0, 0).Truncate(time.Second)
	for i := range 100 {
		l.account.Add(vbctest.Recording{ID: int64(i + 1), Start: old.Add(time.Duration(i) * 250 * time.Hour), Size: 500, Transcript: "x"})
	}
	l.fault = count
	for i, want := range []int64{10, 0} {
		n.Store(0)
		if sum, err := l.run(Options{PageSize: 10, FullScanEvery: time.Hour}); err != nil || sum.Failed != 1 || n.Load() > want {
			t.Errorf("night %d: %+v, %v; %d requests", i, sum, err, n.Load())
		}
	}

	l = newLab(t, "directory")
	l.account = vbctest.New(vbctest.Config{RejectTranscriptFilter: true})
	all := l.fill()
	l.account.Inject(count)
	n.Store(0)
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Failed != 1 || n.Load() != 2 {
		t.Errorf("limits: %+v, %v; %d requests", sum, err, n.Load())
	}
	l.nothingLost(all)
}

// intendedTranscript reports whether the first recording's is written down.
func (l *lab) intendedTranscript() bool {
	m, err := sqlite.OpenReadOnly(context.Background(), l.path)
	if err != nil {
		return false
	}
	defer m.Close()
	row, err := m.Get(context.Background(), vbc.Key{Kind: vbc.Company, ID: 1})
	return err == nil && row.Copy.Transcript.Key != ""
}
