package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// told is the story of one recording, as status --id --json tells it.
type told struct {
	State, Means, Damaged string
	Advice                string
	Copy                  *struct {
		Audio      struct{ Key string }
		Transcript *struct{ Key string }
		Proven     bool
	}
	Events []struct {
		At      time.Time
		What    string
		Text    string
		Receipt int64
		Run     int64
	}
	Failure *struct {
		Code, Reason, Acknowledged string
		Attempts                   int
	}
	Holds []struct{ Number int64 }
	Next  struct {
		Steps   []string
		Code    string
		Why     string
		Unknown []string
		Assumed map[string]any
	}
}

// events are what has happened, with the numbers of receipts, in order.
func (s told) events() (all []string) {
	for i, e := range s.Events {
		word := e.What
		if e.Receipt > 0 {
			word = "receipt:" + word
		}
		all = append(all, word)
		if i > 0 && e.At.Before(s.Events[i-1].At) {
			all = append(all, "(out of order)")
		}
	}
	return all
}

// stories are those of an id, in JSON; VBC is asked nothing.
func (w *world) stories(id int64, args ...string) []told {
	w.t.Helper()
	w.account.ResetCounts()
	r := w.run(append([]string{"status", "--json", "--id", fmt.Sprint(id)}, args...)...)
	var all struct{ Recordings []told }
	if err := json.Unmarshal([]byte(r.stdout), &all); r.code != 0 || err != nil || len(all.Recordings) == 0 {
		w.t.Fatalf("status --id %d: exit %d, %v", id, r.code, err)
	}
	if n := w.account.Counts().Total; n != 0 {
		w.t.Errorf("status sent VBC %d requests", n)
	}
	return all.Recordings
}

func (w *world) story(id int64, args ...string) told {
	w.t.Helper()
	all := w.stories(id, args...)
	if len(all) != 1 {
		w.t.Errorf("%d recordings have the id %d", len(all), id)
	}
	return all[len(all)-1]
}

// status --id tells what has become of one recording, in the order of time, and
// what the next run would do with it and why.
func TestStoryOfOneRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for id := range int64(4) {
		r := vbctest.Recording{ID: id + 1, Start: start.Add(time.Duration(id) * time.Minute), Size: 20000}
		if r.ID == 3 {
			r.DeclaredSize = 19000
		}
		w.account.Add(r)
	}
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) && strings.HasSuffix(r.URL.Path, "/4") {
			return &vbctest.Fault{Status: 409}
		}
		return nil
	})
	night := []string{"--older-than", "90d"}
	w.want(w.archive(night...), 1, map[string]int{"archived": 3, "failed": 1})

	// Archived, and nothing to be deleted.
	s := w.story(1)
	if s.State != "verified" || !slices.Equal(s.events(), []string{"listed", "stored", "verified"}) || s.Copy == nil || !s.Copy.Proven ||
		len(s.Next.Steps) != 0 || s.Next.Code != "no-delete" || s.Next.Assumed["older_than_seconds"] != 90.0*24*60*60 {
		t.Errorf("%+v", s)
	}

	// Failed, and what to do about it.
	s = w.story(3)
	if s.State != "failed" || s.Failure == nil || s.Failure.Code != "size" || !strings.Contains(s.Advice, "--accept-size-mismatch") ||
		!slices.Equal(s.events(), []string{"listed", "failed"}) || !slices.Equal(s.Next.Steps, []string{"archive", "prove"}) || s.Copy != nil {
		t.Errorf("%+v", s)
	}

	// A hold; a deletion that VBC refuses; one that it does.
	w.hold(append([]string{"add", "--id", "2"}, byCounsel...)...)
	r := w.archive(append(night, "--delete")...)
	w.want(r, 1, map[string]int{"deleted": 1, "skipped": 1})
	if by, ok := r.summary["held_back_by"].(map[string]any); !ok || by["hold"] != 1.0 || len(by) != 1 {
		t.Errorf("held back by %v", r.summary["held_back_by"])
	}
	s = w.story(2)
	if s.State != "verified" || len(s.Holds) != 1 || s.Holds[0].Number != 1 || s.Next.Code != "hold" || len(s.Next.Steps) != 0 ||
		!strings.Contains(s.Next.Why, "hold 1") || !slices.Contains(s.events(), "hold") {
		t.Errorf("%+v", s)
	}
	s = w.story(4)
	if s.State != "failed" || s.Failure == nil || s.Failure.Code != "delete-vbc-409" || !slices.Contains(s.events(), "receipt:intent") || !slices.Contains(s.events(), "receipt:outcome") ||
		!slices.Equal(s.Next.Steps, []string{"prove", "delete"}) {
		t.Errorf("%+v", s)
	}
	s = w.story(1)
	if s.State != "purged" || !slices.Equal(s.events(), []string{"stored", "verified", "listed", "receipt:intent", "receipt:outcome"}) || len(s.Next.Steps) != 0 ||
		s.Next.Code != "" || !strings.Contains(s.Events[4].Text, "(HTTP 204)") {
		t.Errorf("%+v", s)
	}

	// A hold that has ended, and a copy that isn't old enough.
	w.hold("remove", "1", "--reason", "settled", "--by", "counsel@example.com")
	w.want(w.archive(append(night, "--delete", "--delete-after", "7d")...), 1, map[string]int{"skipped": 3})
	s = w.story(2)
	if len(s.Holds) != 0 || !slices.Contains(s.events(), "hold-ended") || s.Next.Code != "too-young" || !strings.Contains(s.Next.Why, "from "+time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly)) {
		t.Errorf("%+v", s)
	}

	// Erased.
	if r := w.erase("--id", "1"); r.code != 0 {
		t.Fatal("not erased")
	}
	s = w.story(1)
	if s.State != "erased" || !slices.Equal(s.events()[len(s.events())-2:], []string{"receipt:erasing", "receipt:erased"}) || len(s.Next.Steps) != 0 {
		t.Errorf("%+v", s)
	}

	// In words.
	r = w.run("status", "--id", "3")
	for _, word := range []string{"failed: ", "[size] ", "accept-size-mismatch", "the next run would do: nothing", "[resting] ", "--retry-failed", "--older-than 90d", "--delete-after 7d"} {
		if !strings.Contains(r.stdout, word) {
			t.Errorf("it doesn't say %q", word)
		}
	}

	// A hold on somebody's calls isn't told of what was erased: its caller isn't known any more.
	w.hold(append([]string{"add", "--caller-id", "+1 732 555 0999"}, byCounsel...)...)
	if s = w.story(1); len(s.Holds) != 0 || slices.Contains(s.events(), "hold") {
		t.Errorf("%+v", s)
	}
}

// What nobody knows, and what isn't said well, has the exit code of a mistake.
func TestStoryOfNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for _, args := range [][]string{{"--id", "4711"}, {"--id", "0"}, {"--id", "-1"}, {"--kind", "company"}, {"--id", "1", "--kind", "on-demand"}, {"--id", "1", "--kind", "odd"}} {
		if r := w.run(append([]string{"status"}, args...)...); r.code != 2 || r.stdout != "" || r.stderr == "" {
			t.Errorf("%q: exit %d", args, r.code)
		}
	}
}

// What status says of a recording is what the next run does with it: nothing is
// deleted where no deletion is allowed, nor under an id that is another's by now.
func TestStoryIsWhatTheRunDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	both := again()["given again"]
	w.account.Add(both[0])
	none := []string{"--older-than", "90d", "--delete", "--max-deletes", "0"}
	w.want(w.archive(none...), 0, map[string]int{"archived": 1, "deleted": 0, "skipped": 1})
	if s := w.story(7); len(s.Next.Steps) != 0 || s.Next.Code != "max-deletes" {
		t.Errorf("%+v", s.Next)
	}
	w.want(w.archive(none...), 0, map[string]int{"deleted": 0, "skipped": 1})

	w.account.Remove(7)
	w.account.Add(both[1])
	w.hold(append([]string{"add", "--id", "7"}, byCounsel...)...)
	night := []string{"--older-than", "90d", "--delete"}
	w.want(w.archive(night...), 0, map[string]int{"archived": 1, "deleted": 0})
	w.hold("remove", "1", "--reason", "settled", "--by", "counsel@example.com")
	all := w.stories(7)
	if len(all) != 2 || !slices.Equal(all[0].Next.Steps, []string{"prove", "write-off"}) || !slices.Equal(all[1].Next.Steps, []string{"prove", "delete"}) {
		t.Fatalf("%+v", all)
	}
	w.account.ResetCounts()
	w.want(w.archive(night...), 0, map[string]int{"deleted": 2, "failed": 0})
	if n := w.account.Counts().ByKind[vbctest.Delete]; n != 1 {
		t.Errorf("%d DELETEs were sent, want 1", n)
	}
	for _, s := range w.stories(7) {
		if s.State != "purged" {
			t.Errorf("%+v", s)
		}
	}
}
