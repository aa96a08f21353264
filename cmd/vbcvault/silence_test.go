package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// nothing is a listing that shows nothing.
const nothing = `{"_embedded":{"recordings":[]},"page":1,"page_size":100,"total_items":0,"total_pages":0}`

func showsNothing(r *http.Request) *vbctest.Fault {
	if isList(r) {
		return &vbctest.Fault{Status: 200, Body: nothing}
	}
	return nil
}

// troubles are the names of what status lists.
func (w *world) troubles() (names []string) {
	w.t.Helper()
	r := w.run("status", "--json")
	var st struct {
		Troubles []struct{ Name, Reason, Acknowledged string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &st); err != nil {
		w.t.Fatal(err)
	}
	for _, trouble := range st.Troubles {
		names = append(names, trouble.Name)
	}
	return names
}

func (w *world) wantTroubles(want ...string) {
	w.t.Helper()
	if got := w.troubles(); !slices.Equal(got, want) {
		w.t.Errorf("status lists %q, want %q", got, want)
	}
}

// A server that reads the limits of a listing otherwise than they are written:
// everything is archived all the same, in the first run.
func TestLimitsReadOtherwise(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]vbctest.Config{
		"five hours behind":  {FilterZone: time.FixedZone("", -5*3600)},
		"five hours ahead":   {FilterZone: time.FixedZone("", 5*3600)},
		"half a day behind":  {FilterZone: time.FixedZone("", -12*3600)},
		"fourteen ahead":     {FilterZone: time.FixedZone("", 14*3600)},
		"exclusive":          {FilterExclusive: true},
		"to the millisecond": {RoundStarts: true},
	} {
		for i, args := range [][]string{nil, {"--delete"}, {"--full-scan"}, {"--since", "2025-01-02"}} {
			if i > 1 && name != "five hours behind" && name != "exclusive" || testing.Short() && (i != 1 || cfg.FilterZone == nil) {
				continue // as with the others
			}
			t.Run(name+fmt.Sprint(args), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, cfg).inDir()
				cutoff := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
				step := 100 * time.Second
				if cfg.RoundStarts {
					step += 650 * time.Millisecond
				}
				all := w.account.Generate(120, cutoff.Add(-step), step)
				w.account.Add(vbctest.Recording{ID: 1, Start: cutoff}, vbctest.Recording{ID: 2, Start: cutoff.Add(time.Hour)})
				if args != nil && args[0] == "--since" {
					w.account.Add(vbctest.Recording{ID: 3, Start: time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC)})
				}
				r := w.archive(append([]string{"--before", "2025-05-01", "--page-size", "40"}, args...)...)
				want := len(all)
				if args != nil && args[0] == "--since" {
					want++
				}
				w.want(r, 0, map[string]int{"archived": want, "not_listed": 0, "troubles": 0})
				w.want(w.archive("--before", "2025-05-01", "--page-size", "40"), 0, map[string]int{"archived": 0})
				w.wantTroubles()
			})
		}
	}
}

// A listing that shows nothing says nothing: no night relies on it.
func TestEmptyListingSetsNoMark(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(50, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 5*24*time.Hour)
	w.account.Inject(showsNothing)
	r := w.archive("--older-than", "90d")
	w.want(r, 0, map[string]int{"listed": 0})
	if !strings.Contains(r.stderr, "VBC lists no recordings") {
		t.Error("it doesn't say so")
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 50})
	w.mustHold(all...)

	// A later one of everything contradicts what VBC had.
	w.account.Inject(showsNothing)
	for range 2 {
		w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"listed": 0, "troubles": 1})
		w.wantTroubles("vanished/company")
	}
	w.account.Inject(nil)
	late := vbctest.Recording{ID: 7, Start: all[3].Start.Add(time.Hour)}
	w.account.Add(late)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1, "troubles": 0})
	w.wantTroubles()
}

// A few that nobody can read are left alone, named, and keep the next night from
// skipping them, until they are over or acknowledged.
func TestUnreadableIsNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	w.account.Generate(30, start, 5*24*time.Hour)
	odd := vbctest.Recording{ID: 5, Start: start.AddDate(0, -2, 1), RawStart: "2026-11-27 10:00:00"}
	worse := vbctest.Recording{ID: 6, Start: start.AddDate(0, -2, 2), Extra: map[string]any{"id": nil}}
	w.account.Add(odd, worse)
	for range 2 {
		w.want(w.archive("--older-than", "90d"), 1, map[string]int{"unreadable": 2, "troubles": 2, "failed": 0})
	}
	names := w.troubles()
	if len(names) != 2 || names[0] != "unreadable/company/5" || !strings.HasPrefix(names[1], "unreadable/company/sha256-") {
		t.Errorf("status lists %q", names)
	}
	r := w.run("status")
	if !strings.Contains(r.stdout, `vbcvault acknowledge --trouble unreadable/company/5 --reason`) || !strings.Contains(r.stdout, "is not a time") {
		t.Error("status doesn't say what to do")
	}
	if r := w.run("acknowledge", "--trouble", "unreadable/company", "--reason", "ticket 4711"); r.code != 0 || strings.Count(r.stdout, "is acknowledged") != 2 {
		t.Errorf("exit %d: %s", r.code, r.stdout)
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"unreadable": 2, "troubles": 0, "acknowledged": 2})
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"unreadable": 0, "listed": 0})
	if r := w.run("status"); !strings.Contains(r.stdout, "acknowledged: ticket 4711") {
		t.Error("status forgets it")
	}
	// Another reason is news.
	w.account.Remove(5)
	odd.RawStart = "27.11.2026"
	w.account.Add(odd)
	w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"troubles": 1})
	// It is over: the next night sees that, and archives it.
	w.account.Remove(5)
	w.account.Remove(6)
	odd.RawStart = ""
	w.account.Add(odd)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1, "unreadable": 0, "troubles": 0})
	w.wantTroubles()
}

// Another run's listing, of less, doesn't say that a trouble is over.
func TestTroubleIsOverOnlyWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	w.account.Generate(20, start, 5*24*time.Hour)
	w.account.Add(vbctest.Recording{ID: 5, Start: start.AddDate(0, -2, 0), RawStart: "yesterday"})
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"troubles": 1})
	w.want(w.archive("--older-than", "90d", "--since", start.AddDate(0, -1, 0).Format(time.DateOnly)), 0, nil)
	w.wantTroubles("unreadable/company/5")
	w.want(w.archive("--older-than", "90d", "--extension", "101"), 0, nil)
	w.wantTroubles("unreadable/company/5")
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"troubles": 1})
}

// Pages of nothing but what can't be read: the listing advances, or ends, and
// what can be read is archived.
func TestUnreadableFirst(t *testing.T) {
	t.Parallel()
	notShort(t, "archives hundreds of recordings")
	start := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -100).Add(-30 * time.Minute) // so that a night begins between two of them
	w := newWorld(t, vbctest.Config{MaxPageSize: 100}).inDir()
	all := w.account.Generate(400, start, time.Hour)
	w.want(w.archive("--older-than", "100d"), 0, map[string]int{"archived": 400})
	for i := range int64(150) { // from where the night begins
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(-72*time.Hour + 40*time.Minute + time.Duration(i)*time.Second), RawStart: "2026-11-27 10:00:00"})
	}
	var lists atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && lists.Add(1) > 50 {
			return &vbctest.Fault{Status: 404, Body: "it doesn't advance"}
		}
		return nil
	})
	for i := range int64(200) {
		w.account.Add(vbctest.Recording{ID: 1000 + i, Start: start.Add(time.Duration(i+1) * time.Minute)})
	}
	w.want(w.archive("--older-than", "99d"), 1, map[string]int{"archived": 200, "unreadable": 150, "troubles": 150})
	w.mustHold(all...)

	// Nothing can be read from some moment on: that is VBC's form.
	w = newWorld(t, vbctest.Config{MaxPageSize: 100}).inDir()
	w.account.Generate(100, start, time.Hour)
	w.want(w.archive("--older-than", "100d"), 0, map[string]int{"archived": 100})
	for i := range int64(250) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i+1) * time.Minute), RawStart: "2026-11-27 10:00:00"})
	}
	w.account.ResetCounts()
	r := w.archive("--older-than", "99d")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "can't be read, such as number") || !strings.Contains(r.stderr, "the format of VBC's answers has changed") {
		t.Error("it doesn't say what it is")
	}
	if n := w.account.Counts().Total; n > 10 {
		t.Errorf("%d requests", n)
	}
	// It has its form again.
	for i := range int64(250) {
		w.account.Remove(1 + i)
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i+1) * time.Minute)})
	}
	w.want(w.archive("--older-than", "99d"), 0, map[string]int{"archived": 250, "troubles": 0})
	w.wantTroubles()
}

// A night that is refused at its start has listed nothing.
func TestRefusedNightSetsNoMark(t *testing.T) {
	t.Parallel()
	notShort(t, "archives hundreds of recordings")
	var refused atomic.Bool
	w := newWorld(t, vbctest.Config{MaxPageSize: 100}).inS3(func(string, string, *http.Request) *storagetest.S3Fault {
		if refused.Load() {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidAccessKeyId"}
		}
		return nil
	})
	start := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -100)
	all := w.account.Generate(60, start, 12*time.Hour)
	w.want(w.archive("--older-than", "100d"), 0, map[string]int{"archived": 60})
	for i := range int64(250) {
		rec := vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i+1) * 5 * time.Minute)}
		w.account.Add(rec)
	}
	refused.Store(true)
	w.want(w.archive("--older-than", "90d"), 3, nil)
	refused.Store(false)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 250})
	w.mustHold(all...)

	// The very first one, too.
	w = newWorld(t, vbctest.Config{MaxPageSize: 100}).inS3(func(string, string, *http.Request) *storagetest.S3Fault {
		if refused.Load() {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidAccessKeyId"}
		}
		return nil
	})
	w.account.Generate(250, start, 24*time.Hour)
	refused.Store(true)
	w.want(w.archive("--older-than", "90d"), 3, nil)
	refused.Store(false)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 250})
}

// Users that can't be named are a trouble until they can.
func TestUsersAreATrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 1, Start: time.Now().AddDate(-1, 0, 0)})
	isUsers := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/users") }
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isUsers(r) {
			return &vbctest.Fault{Status: 200, Body: `{"_embedded":{"data":[]},"page":1,"total_items":0}`}
		}
		return nil
	})
	args := []string{"--older-than", "90d", "--kind", "on-demand", "--users", "all"}
	w.want(w.archive(args...), 1, map[string]int{"archived": 0, "troubles": 1})
	w.wantTroubles("users/on-demand")
	w.account.Inject(nil)
	w.want(w.archive(args...), 0, map[string]int{"archived": 1, "troubles": 0})
	w.wantTroubles()
}

// A listing that breaks off is named in status until it doesn't.
func TestBrokenListingIsATrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.account.Generate(250, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), time.Hour)
	var n atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && n.Add(1) > 1 {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no","status":404}`}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--page-size", "100"), 1, map[string]int{"troubles": 1})
	w.wantTroubles("listing/company")
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--page-size", "100"), 0, map[string]int{"troubles": 0})
	w.wantTroubles()
}

// What can't be acknowledged is said.
func TestAcknowledgeRefusesNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for _, args := range []string{"--trouble missing --reason x", "--trouble missing", "--trouble x --id 7 --reason x", "--reason x"} {
		if r := w.run(append([]string{"acknowledge"}, strings.Fields(args)...)...); r.code != 2 {
			t.Errorf("%s: exit %d", args, r.code)
		}
	}
}

// What was listed while nobody could see the transcripts is listed again.
func TestUnseenTranscriptsSetNoMark(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.account.Generate(50, time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -91), 24*time.Hour)
	w.account.Transcribe(all[3].ID, "hello")
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.HasSuffix(r.URL.Path, "/transcriptions") {
			return &vbctest.Fault{Status: 200, Body: `{"what":"is this"}`}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"archived": 50, "transcripts": 0, "troubles": 1})
	w.wantTroubles("transcripts/company")
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"transcripts": 1, "troubles": 0})
	w.wantTroubles()
}
