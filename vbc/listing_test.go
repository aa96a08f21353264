package vbc_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

func ids(all []vbc.Recording) []int64 {
	out := make([]int64, len(all))
	for i, r := range all {
		out[i] = r.ID
	}
	slices.Sort(out)
	return out
}

// Wherever pages begin to count, however large they may be: every recording
// comes once, and no request is wasted that the documents let us avoid.
func TestListingInEveryShape(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      vbctest.Config
		requests int // for 250 recordings at 100 a page
	}{
		"as documented":                  {vbctest.Config{}, 3},
		"pages count from 0":             {vbctest.Config{FirstPageZero: true}, 3},
		"count from 0, default is 1":     {vbctest.Config{FirstPageZero: true, DefaultPageOne: true}, 4},
		"pages are capped":               {vbctest.Config{MaxPageSize: 50}, 5},
		"large pages are refused":        {vbctest.Config{RejectPageSizeAbove: 30}, 12}, // 100 and 50 are refused, then 10 pages of 25
		"no links":                       {vbctest.Config{NoSelfLinks: true}, 3},
		"empty pages have null embedded": {vbctest.Config{NullEmbedded: true}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			a, cl := start(t, c.cfg)
			a.Generate(250, day, time.Hour)
			all := listAll(t, cl, vbc.Query{PageSize: 100})
			got := ids(all)
			if len(got) != 250 || len(slices.Compact(got)) != 250 {
				t.Errorf("listed %d, %d of them different; want 250", len(all), len(slices.Compact(got)))
			}
			if n := a.Counts().ByKind[vbctest.List]; n > c.requests {
				t.Errorf("%d requests, want at most %d", n, c.requests)
			}
		})
	}
}

func TestEmptyListingIsOneRequest(t *testing.T) {
	a, c := start(t, vbctest.Config{NullEmbedded: true})
	if all := listAll(t, c, vbc.Query{}); len(all) != 0 || a.Counts().ByKind[vbctest.List] != 1 {
		t.Errorf("listed %d in %d requests", len(all), a.Counts().ByKind[vbctest.List])
	}
}

// A page that comes back empty although the server counts more is a fault.
func TestEmptyPageInTheMiddleIsRetried(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(250, day, time.Hour)
	broken := 0
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if r.URL.Query().Get("page") == "2" && broken < 1 {
			broken++
			return &vbctest.Fault{Status: 200, Body: `{"_embedded":null,"page":2,"page_size":100,"total_items":250,"total_pages":3}`}
		}
		return nil
	})
	if all := listAll(t, c, vbc.Query{}); len(all) != 250 {
		t.Errorf("listed %d of 250", len(all))
	}
}

// Deletions by others shift the pages while we read; what was skipped so is
// found by reading once more.
func TestListingSurvivesDeletionsByOthers(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(300, day, time.Hour)
	newest := a.Recordings()[299]
	l := c.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100})
	seen := map[int64]bool{}
	pages := 0
	for page, err := range l.Pages(t.Context(), again(c, 3)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			seen[r.ID] = true
		}
		if pages++; pages == 1 {
			// The newest 50 go: everything moves up by 50.
			for i := range int64(50) {
				r := vbc.Recording{Kind: vbc.Company, Account: "549825", ID: newest.ID - i}
				if _, err := slot(t, c).Delete(t.Context(), r, now); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if len(seen) != 300 || l.Missing() != 0 {
		t.Errorf("saw %d of 300, %d missing", len(seen), l.Missing())
	}
}

func TestWhatTheServerHidesIsReported(t *testing.T) {
	a, c := start(t, vbctest.Config{})
	a.Generate(5, day, time.Hour)
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.HasSuffix(r.URL.Path, "call_recordings") {
			return &vbctest.Fault{Status: 200, Body: `{"_embedded":{"recordings":[{"id":1,"start":"2026-01-01T00:00:00+0000"}]},"page":1,"page_size":100,"total_items":3,"total_pages":1}`}
		}
		return nil
	})
	l := c.List(vbc.Query{Kind: vbc.Company, Account: "self"})
	n := 0
	for page, err := range l.Pages(t.Context(), again(c, 1)) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(page)
	}
	if n != 1 || l.Missing() != 2 {
		t.Errorf("listed %d, missing %d; want 1 and 2", n, l.Missing())
	}
}

func TestListingErrorsAreTyped(t *testing.T) {
	for body, want := range map[string]string{
		"<html>Sign in</html>":                 "not a listing",
		`{"msg":"fine"}`:                       "not a listing",
		`{"_embedded":{"recordings":7}}`:       "not a list",
		`{"_embedded":null,"total_items":5}`:   "empty, although",
		`{"_embedded":{"recordings":[{"id":1}`: "not a listing",
	} {
		a, c := start(t, vbctest.Config{})
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.URL.Path == "/token" {
				return nil
			}
			return &vbctest.Fault{Status: 200, Body: body}
		})
		for _, err := range c.List(vbc.Query{Kind: vbc.Company, Account: "self"}).Pages(t.Context(), again(c, 2)) {
			if e := vbc.AsError(err); e == nil || !e.Temporary() || !strings.Contains(e.Error(), want) {
				t.Errorf("%s: %v; want a temporary error about %q", body, err, want)
			}
		}
		tries := 2
		if strings.HasSuffix(body, "1}") {
			tries = 4 // it breaks off, so the page may be too large
		}
		if n := a.Counts().ByKind[vbctest.List]; n != tries {
			t.Errorf("%s: tried %d times, want %d", body, n, tries)
		}
	}
}

func TestUsersAndAccount(t *testing.T) {
	users := make([]int64, 250)
	for i := range users {
		users[i] = int64(700000 + i)
	}
	_, c := start(t, vbctest.Config{Users: users, SelfUser: users[3]})
	var got []string
	for id, err := range c.Users(t.Context(), "self", again(c, 1)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if len(got) != 250 || got[0] != "700000" {
		t.Errorf("%d users", len(got))
	}
	if n, err := slot(t, c).AccountNumber(t.Context(), "self"); n != "549825" || err != nil {
		t.Errorf("%q, %v", n, err)
	}
}

func TestParseRecording(t *testing.T) {
	base := `"id":193228,"start":"2019-01-01T02:00:00+0200"`
	for raw, want := range map[string]string{
		`{` + base + `}`: "",
		`{"id":"193228","start":"2019-01-01T00:00:00Z"}`:                                         "",
		`{` + base + `,"duration":"x","file_size_in_bytes":null,"_links":7,"extensions":"none"}`: "",
		`{"id":1.5,"start":"2019-01-01T00:00:00Z"}`:                                              "its id",
		`{"id":-1,"start":"2019-01-01T00:00:00Z"}`:                                               "its id",
		`{"start":"2019-01-01T00:00:00Z"}`:                                                       "its id",
		`{"id":1,"start":"2019-01-01T00:00:00"}`:                                                 "its start", // whose zone?
		`{"id":1,"start":"yesterday"}`:                                                           "its start",
		`{"id":1,"start":null}`:                                                                  "its start",
		`{"id":1,"start":"0001-01-01T00:00:00Z"}`:                                                "its start",
		`[]`: "not a JSON object",
	} {
		r := vbc.ParseRecording(vbc.Company, "", []byte(raw))
		if want == "" && (r.Unreadable != "" || r.ID != 193228 || !r.Start.Equal(time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)) || r.Size != -1) {
			t.Errorf("%s: %+v", raw, r)
		}
		if want != "" && !strings.Contains(r.Unreadable, want) {
			t.Errorf("%s: %q, want %q", raw, r.Unreadable, want)
		}
	}
	r := vbc.ParseRecording(vbc.OnDemand, "self", []byte(`{`+base+`,"_links":{"self":{"href":"https://api.vonage.com/t/vbc.prod/call_recording/api/accounts/549825/users/745249/call_recordings/193228"}}}`))
	if r.Account != "549825" || r.Owner != "745249" || fmt.Sprint(r) != "on-demand recording 193228 of user 745249" {
		t.Errorf("%v of account %s", r, r.Account)
	}
}
