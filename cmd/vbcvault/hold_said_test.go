package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// shows has VBC show a recording otherwise than before.
func (w *world) shows(r vbctest.Recording, change func(*vbctest.Recording)) {
	r.Extra = maps.Clone(r.Extra)
	w.account.Remove(r.ID)
	change(&r)
	w.account.Add(r)
}

// What a hold has covered stays at VBC, whatever VBC says of the call afterwards, and
// whether it was archived before that or not.
func TestHoldOutlivesWhatVBCSays(t *testing.T) {
	t.Parallel()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	extra := func(field string, value any) func(*vbctest.Recording) {
		return func(r *vbctest.Recording) { r.Extra[field] = value }
	}
	caller, extension := []string{"--caller-id", "+1 732 555 0100"}, []string{"--extension", "101"}
	for name, c := range map[string]struct {
		hold   []string
		change func(*vbctest.Recording)
	}{
		"an anonymous caller":        {caller, extra("caller_id", "anonymous")},
		"an empty caller":            {caller, extra("caller_id", "")},
		"a caller that is null":      {caller, extra("caller_id", nil)},
		"another caller":             {caller, extra("caller_id", "17325550199")},
		"the extension is taken off": {extension, extra("extensions", []string{})},
		"extensions that are null":   {extension, extra("extensions", nil)},
		"another extension":          {extension, extra("extensions", []string{"102"})},
		"both are others": {append(caller, extension...), func(r *vbctest.Recording) {
			r.Extra["caller_id"], r.Extra["extensions"] = "anonymous", []string{"102"}
		}},
		"a corrected start": {[]string{"--until", start.Add(time.Second).Format(time.RFC3339)},
			func(r *vbctest.Recording) { r.Start = r.Start.Add(time.Hour) }},
		"a corrected start and caller": {caller, func(r *vbctest.Recording) {
			r.Start, r.Extra["caller_id"] = r.Start.Add(time.Hour), "anonymous"
		}},
	} {
		for _, archived := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, archived before %v", name, archived), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, vbctest.Config{}).inDir()
				r := vbctest.Recording{ID: 1, Start: start, Size: 20000, Duration: 10 * time.Second,
					Extra: map[string]any{"caller_id": "17325550100", "extensions": []string{"101"}, "file_name": "a.mp3"}}
				w.account.Add(r, vbctest.Recording{ID: 3, Start: start.Add(2 * time.Hour)}) // of another caller and extension
				if !archived {                                                              // it is listed, and can't be had
					w.account.Inject(func(r *http.Request) *vbctest.Fault {
						if isAudio(r) {
							return &vbctest.Fault{Status: http.StatusForbidden}
						}
						return nil
					})
				}
				if first := w.archive("--older-than", "90d"); archived && first.code != 0 {
					t.Fatalf("exit %d", first.code)
				}
				w.account.Inject(nil)
				w.hold(addHold(c.hold...)[1:]...)
				w.shows(r, c.change)
				if archived {
					w.want(w.archive("--older-than", "90d", "--delete", "--dry-run"), 0, map[string]int{"to_delete": 1, "held_back": 1})
				}
				held := 1
				if archived && strings.Contains(name, "start") {
					held = 2 // with the copy under its earlier start
				}
				for range 2 {
					w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"skipped": held, "failed": 0})
				}
				w.wantLeft(1)
				if r := w.run("status", "--id", "1"); !strings.Contains(r.stdout, "[hold]") {
					t.Error("status doesn't say that it is held")
				}
				w.hold(removeHold("1")[1:]...)
				w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"skipped": 0})
				w.wantLeft()
			})
		}
	}
}

// Another call that gets the id of a held one isn't held for what was said of that.
func TestHoldIsNotInherited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	r := vbctest.Recording{ID: 1, Start: start, Extra: map[string]any{"caller_id": "17325550100", "call_id": "a"}}
	w.account.Add(r)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	w.hold(addHold("--caller-id", "17325550100")[1:]...)
	w.shows(r, func(r *vbctest.Recording) {
		r.Start, r.Size, r.Extra["caller_id"], r.Extra["call_id"] = start.Add(time.Hour), 20000, "17325550199", "b"
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 1, "deleted": 1})
	w.wantLeft()
}

// What VBC has said of a call is in a manifest that is made anew as far as it is in
// the archive: what was archived is held, whatever VBC says now.
func TestRebuiltManifestKnowsWhatWasSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	r := vbctest.Recording{ID: 1, Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), Size: 20000,
		Extra: map[string]any{"caller_id": "17325550100", "file_name": "a.mp3"}}
	w.account.Add(r)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(addHold("--caller-id", "17325550100")[1:]...)
	w.shows(r, func(r *vbctest.Recording) {
		r.Start, r.Extra["caller_id"] = r.Start.Add(time.Hour), "anonymous"
	})
	w.want(w.archive("--older-than", "90d"), 0, nil) // of what is new
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"archived": 1})
	w.loseManifest()
	if r := w.run("rebuild", "--from", w.to); r.code > 1 {
		t.Fatalf("exit %d: there is no manifest", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 0, "deleted": 0})
	w.wantLeft(1)
}

// So it is where the call was archived again under the same start.
func TestRebuiltManifestKnowsWhatWasSaidFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	r := vbctest.Recording{ID: 1, Kind: vbctest.Company, Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), Size: 20000,
		Extra: map[string]any{"caller_id": "17325550100", "file_name": "a.mp3"}}
	w.account.Add(r)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(addHold("--caller-id", "17325550100")[1:]...)
	w.flip(key(r, "mp3"))
	w.want(w.run("verify", "--deep", "--json"), 1, nil)
	w.shows(r, func(r *vbctest.Recording) { r.Extra["caller_id"] = "anonymous" })
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"archived": 1})
	if n := len(w.of("kind=company")); n < 3 {
		t.Fatalf("%d objects: the metadata isn't stored anew", n)
	}
	w.loseManifest()
	if r := w.run("rebuild", "--from", w.to); r.code > 1 {
		t.Fatalf("exit %d: there is no manifest", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 0, "deleted": 0, "skipped": 1})
	w.wantLeft(1)
}

// What is held is no work that is left: status, a dry run and exit codes don't wait
// for it.
func TestHeldIsNotLeftToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(addHold("--id", "100001,100002")[1:]...)
	refuse := func(r *http.Request) *vbctest.Fault {
		if isDelete(r) && strings.HasSuffix(r.URL.Path, "/100003") {
			return &vbctest.Fault{Status: http.StatusForbidden}
		}
		return nil
	}
	w.account.Inject(refuse)
	for range 3 { // and then it rests
		w.want(w.archive("--older-than", "90d", "--delete", "--max-failures", "0"), 1, map[string]int{"failed": 1, "skipped": 2})
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"failed": 0, "resting": 1})
	var st struct {
		Left struct{ Archive, Delete, Held int64 }
	}
	if err := json.Unmarshal([]byte(w.run("status", "--json").stdout), &st); err != nil || st.Left.Delete != 1 || st.Left.Held != 2 {
		t.Errorf("%+v is left, %v", st.Left, err)
	}
	w.hold(addHold("--id", "100003")[1:]...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "resting": 0})
	if r := w.run("status"); strings.Contains(r.stdout, "to delete") || !strings.Contains(r.stdout, "they keep 3 known recordings at VBC") {
		t.Error("what is held is left to do")
	}
	// A run that doesn't list them all the same knows that nothing is left of them.
	w.want(w.archive("--older-than", "90d", "--delete", "--extension", "149", "--dry-run"), 0, map[string]int{"leftovers": 0})
	w.want(w.archive("--before", w.account.Recordings()[2].Start.AddDate(0, 1, 0).Format(time.RFC3339), "--since", w.account.Recordings()[2].Start.AddDate(0, 0, 7).Format(time.RFC3339), "--delete", "--dry-run"),
		0, map[string]int{"leftovers": 0, "held_back": 0})
}

// A recording that VBC lists again after it had confirmed its deletion is no failure
// if it is held: there it is to stay.
func TestHeldMayReappear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.account.Add(all...)
	w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"failed": 2})
	w.hold(addHold("--id", "100001,100002")[1:]...)
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"failed": 0})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "skipped": 2})
	if r := w.run("status", "--id", "100001"); strings.Contains(r.stdout, "counts as failed") {
		t.Error("status says that it counts as failed")
	}
	w.wantLeft(100001, 100002)
}
