package vbc_test

import (
	"crypto/sha256"
	"fmt"
	"io"
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

// Whose a recording is: who was asked for, unless that is "self". A link that
// names somebody else says that nobody knows.
func TestOwnerOfARecording(t *testing.T) {
	t.Parallel()
	link := func(user string) string {
		return `{"id":1,"start":"2026-05-12T10:15:00Z","_links":{"self":{"href":"https://x/t/vbc.prod/call_recording/api/accounts/549825/users/` + user + `/call_recordings/1"}}}`
	}
	for _, c := range []struct {
		kind        vbc.Kind
		user, raw   string
		owner, says string
	}{
		{vbc.OnDemand, "77", link("77"), "77", ""},
		{vbc.OnDemand, "77", link("78"), "77", "VBC shows it in the listing of user 77, but its link names user 78"},
		{vbc.OnDemand, "77", link("self"), "77", ""},
		{vbc.OnDemand, "77", `{"id":1,"start":"2026-05-12T10:15:00Z"}`, "77", ""},
		{vbc.OnDemand, "self", link("78"), "78", ""},
		{vbc.OnDemand, "self", `{"id":1,"start":"2026-05-12T10:15:00Z"}`, "", ""},
		{vbc.Company, "", link("78"), "", ""},
	} {
		r := vbc.ParseRecording(c.kind, c.user, []byte(c.raw))
		if r.Owner != c.owner || r.Unreadable != c.says || r.Account != "" && r.Account != "549825" {
			t.Errorf("%s of %q: owner %q, %q; want %q, %q", c.raw, c.user, r.Owner, r.Unreadable, c.owner, c.says)
		}
	}
}

// JSON that could not be read back out of an archive isn't taken into one.
func TestTooMuchJSONOfOneRecording(t *testing.T) {
	t.Parallel()
	of := func(n int) []byte {
		raw := []byte(`{"id":1,"start":"2026-05-12T10:15:00Z","note":""}`)
		return append(raw[:len(raw)-2:len(raw)-2], strings.Repeat("x", n-len(raw))+`"}`...)
	}
	if r := vbc.ParseRecording(vbc.Company, "", of(vbc.MaxRecording)); r.Unreadable != "" || len(r.Raw) != vbc.MaxRecording {
		t.Errorf("%d bytes: %s", len(r.Raw), r.Unreadable)
	}
	if r := vbc.ParseRecording(vbc.Company, "", of(vbc.MaxRecording+1)); !strings.Contains(r.Unreadable, "1048577 bytes") || r.ID != 1 {
		t.Errorf("one byte more: %q", r.Unreadable)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	short, long := vbc.Filter{MaxDuration: 30 * time.Second}, vbc.Filter{MinDuration: time.Second}
	for duration, want := range map[string]time.Duration{
		`0`: 0, `"0"`: 0, `1500`: 1500 * time.Millisecond, `null`: -1, `-5`: -1, `"long"`: -1, `""`: -1, `[1]`: -1, `1.5`: -1, `99999999999999`: -1,
	} {
		r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00Z","duration":`+duration+`}`))
		if r.Duration != want || r.Unreadable != "" || short.Matches(r) != (want >= 0) || long.Matches(r) != (want > 0) {
			t.Errorf("%s: %v %s, short %v, long %v", duration, r.Duration, r.Unreadable, short.Matches(r), long.Matches(r))
		}
	}
}

// An encoding that is none says nothing; one that is means that what comes isn't
// the audio.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	a, c := start(t, vbctest.Config{})
	a.Add(vbctest.Recording{ID: 1, Start: day}, vbctest.Recording{ID: 2, Start: day.Add(-time.Hour), Size: 20_000, DeclaredSize: -1})
	all := listAll(t, c, vbc.Query{})
	for enc, fine := range map[string]bool{
		"UTF-8": true, "utf8": true, "binary": true, "none": true, "None": true, "aws-chunked": true, "identity": true, "IDENTITY": true, "identity, identity": true, "8bit": true,
		"gzip": true, "X-GZIP": true, "zstd": true, // of just the declared size, and not beginning so
		"br": false, "deflate": false, "identity, br": false, "DEFLATE": false,
	} {
		a.Inject(func(*http.Request) *vbctest.Fault { return &vbctest.Fault{Encoding: enc} })
		audio, err := slot(t, c).Audio(t.Context(), all[0])
		if (err == nil) != fine {
			t.Errorf("%q: %v", enc, err)
		}
		if err == nil {
			got, err := io.ReadAll(audio)
			if err != nil || sha256.Sum256(got) != a.Recordings()[1].SHA256() {
				t.Errorf("%q: %d bytes, %v", enc, len(got), err)
			}
			audio.Close()
		}
	}
	for name, fault := range map[string]vbctest.Fault{"gzip": {Gzip: true}, "said to be, and of another size": {Encoding: "gzip", OtherSize: 7}} {
		a.Inject(func(*http.Request) *vbctest.Fault { return &fault })
		if _, err := slot(t, c).Audio(t.Context(), all[0]); err == nil || !strings.Contains(err.Error(), `"gzip"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.Inject(func(*http.Request) *vbctest.Fault { return &vbctest.Fault{Encoding: "gzip"} })
	if _, err := slot(t, c).Audio(t.Context(), all[1]); err == nil {
		t.Error("nothing says that it isn't compressed, and it is taken")
	}
}
