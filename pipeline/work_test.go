package pipeline

import (
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Whatever is known of a recording, no step comes too early. All that next looks
// at is tried, each with each.
func TestStepsInOrder(t *testing.T) {
	r := &run{id: 7, facts: facts{transcripts: newTranscripts()}}
	withText := vbc.Recording{Kind: vbc.Company, ID: 1, CallID: "c", Start: time.Now()}
	r.transcripts.add([]vbc.Transcript{{ID: "t", Recording: 1, CallID: "c", Named: true, Start: withText.Start}})
	if !r.lacksTranscript(&item{Row: manifest.Row{Recording: withText}}) {
		t.Fatal("there is no transcript")
	}
	audio, text := storage.Object{Key: "a.mp3"}, storage.Object{Key: "a.transcript.json"}
	yes, no := true, false
	flags := []func(*item){
		func(it *item) { it.Copy.Audio = audio },
		func(it *item) { it.Copy.Transcript = text },
		func(it *item) { it.Recording = withText },
		func(it *item) { it.SeenRun = r.id },
		func(it *item) { it.Displaced = true },
		func(it *item) { it.looked, it.there = true, &yes },
		func(it *item) { it.looked, it.there = true, &no },
		func(it *item) { it.there = &yes }, // as was found out before a setback
		func(it *item) { it.decided = true },
		func(it *item) { it.decided, it.granted, it.purge = true, true, true },
		func(it *item) { it.renewed, it.fresh = true, true },
		func(it *item) { it.compared = true },
		func(it *item) { it.transcribed = true },
	}
	met := map[string]int{}
	states := []manifest.State{manifest.Listed, manifest.Stored, manifest.Verified, manifest.Purging, manifest.Failed}
	for _, state := range states {
		for _, alike := range []manifest.Alike{manifest.Unlike, manifest.Suspect, manifest.Compared} {
			for set := range 1 << len(flags) {
				it := &item{Row: manifest.Row{State: state, Alike: alike}}
				for i, flag := range flags {
					if set&(1<<i) != 0 {
						flag(it)
					}
				}
				if it.looked && it.there == nil {
					continue
				}
				s := r.next(it)
				met[s.name]++
				if why := tooEarly(r, it, s); why != "" {
					t.Fatalf("%s is next, %s: %+v", s.name, why, it)
				}
			}
		}
	}
	for _, name := range []string{"", "tell apart", "grant", "settle", "write off", "transfer", "reconsider", "look", "gone", "transcribe", "purge", "verify"} {
		if met[name] == 0 {
			t.Errorf("%q never comes", name)
		}
	}
}

// tooEarly says why a step may not be the next, "" if it may.
func tooEarly(r *run, it *item, s step) string {
	is := func(names ...string) bool { return slices.Contains(names, s.name) }
	switch {
	case is("purge", "gone") && !it.granted:
		return "which nobody has granted"
	case is("purge", "gone", "verify", "transcribe") && !it.Copy.Known():
		return "and there is no copy"
	case is("purge", "gone", "look") && it.renewed:
		return "and the grant was for another copy"
	case is("purge", "gone") && it.SeenRun != r.id && !it.looked:
		return "and nobody knows whether VBC has it"
	case is("gone") && *it.there, is("purge") && it.SeenRun != r.id && !*it.there:
		return "and VBC says otherwise"
	case is("purge", "verify") && r.lacksTranscript(it):
		return "and its transcript isn't archived"
	case is("purge", "gone", "verify", "transcribe", "settle") && it.Copy.Known() && it.Alike == manifest.Suspect:
		return "and its audio may be another one's"
	case is("transfer") && it.Displaced:
		return "and its id is another one's"
	case !is("settle", "tell apart", "grant") && it.State == manifest.Purging && !it.granted:
		return "and its purge was begun"
	case is("") && (it.purge || !it.Copy.Known() || it.State != manifest.Verified):
		return "and there is something to do"
	}
	return ""
}
