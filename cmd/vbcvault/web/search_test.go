package web_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A search is its address: what is empty isn't in it, and what was asked for stands in
// the form.
func TestSearch(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/").want(t, http.StatusOK, "6 calls were found.", `href="/call/acme/company/-/193228/0"`)
	a := p.Get("/?number=&name=&from=2025-05-12&to=2025-05-12&min=&utm=x&from=2001-01-01").want(t, http.StatusOK, "6 calls were found.", `value="2025-05-12"`)
	if got := a.Request.URL.RequestURI(); got != "/?from=2025-05-12&to=2025-05-12" {
		t.Error(got)
	}
	p.Get("/?from=2025-05-13").want(t, http.StatusOK, "No calls were found.", "Give more days")
}

// call is a call at a time of a morning, with what else VBC says of it.
func callOf(id int64, clock string, extra map[string]any) vbctest.Recording {
	at, err := time.Parse("2006-01-02 15:04:05", "2025-05-12 "+clock)
	if err != nil {
		panic(err)
	}
	return vbctest.Recording{ID: id, Start: at, Extra: extra}
}

var shownCall = regexp.MustCompile(`<a href="/call/([^/]+)/[a-z-]+/[^/]+/([0-9]+)/0[^"]*">`)

// calls are those that an answer has, by their accounts and ids.
func (a answer) calls() string {
	var all []string
	for _, m := range shownCall.FindAllStringSubmatch(a.Text, -1) {
		all = append(all, m[1]+" "+m[2])
	}
	return strings.Join(all, ", ")
}

// Each field of the form finds what it says, and those of a call that has it.
func TestFieldsOfTheSearch(t *testing.T) {
	t.Parallel()
	first := callOf(1, "10:00:00", map[string]any{"caller_id": "+1 (732) 555-0101", "dnis": "12125550199", "cnam": "Ann SMITH", "extensions": []string{"101"}, "call_direction": "INBOUND"})
	first.Transcript, first.Duration = "Good morning.", 90*time.Second
	second := callOf(2, "23:30:00", map[string]any{"caller_id": "13475550102", "dnis": "12125550199", "cnam": "BOB", "extensions": []string{"101", "102"}, "call_direction": "OUTBOUND"})
	second.Duration = 10 * time.Minute
	p := newPage(t, pageOptions{Recordings: []vbctest.Recording{first, second}})
	if _, err := p.Manifest["acme"].AddHold(t.Context(), manifest.Hold{CallerID: "7325550101", Reason: "a case", By: "vera"}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                                  "acme 2, acme 1",
		"number=0101":                       "acme 1",
		"number=%2B1+%28732%29+555-0101":    "acme 1",
		"number=0199":                       "acme 2, acme 1",
		"number=347555":                     "",
		"name=smith":                        "acme 1",
		"extension=102":                     "acme 2",
		"direction=out":                     "acme 2",
		"from=2025-05-12&to=2025-05-12":     "acme 2, acme 1",
		"from=2025-05-13":                   "",
		"to=2025-05-11":                     "",
		"min=1:31":                          "acme 2",
		"max=90":                            "acme 1",
		"min=1+min+30+s&max=0:01:30":        "acme 1",
		"state=archived":                    "acme 2, acme 1",
		"state=failed":                      "",
		"held=yes":                          "acme 1",
		"held=no":                           "acme 2",
		"transcript=yes":                    "acme 1",
		"transcript=no":                     "acme 2",
		"account=acme":                      "acme 2, acme 1",
		"number=0199&name=bob&held=no":      "acme 2",
		"number=0199&name=bob&extension=7":  "",
		"direction=internal&transcript=yes": "",
	} {
		if got := p.Get("/?"+query).want(t, http.StatusOK).calls(); got != want {
			t.Errorf("%s: found %q, want %q", query, got, want)
		}
	}
	p.Get("/?held=yes").want(t, http.StatusOK, `>Held</span>`, `>Transcript</span>`, "Incoming", "<bdi>+1 (732) 555-0101</bdi>", "<bdi>Ann SMITH</bdi>", "<bdi>12125550199</bdi>", "1:30", "Archived, also at VBC")
	// Days are the viewer's.
	p.Post("/zone", url.Values{"zone": {"Europe/Berlin"}, "back": {"/?from=2025-05-13"}}).want(t, http.StatusOK, "1 call was found.", "2025-05-13 01:30", "Times are in Europe/Berlin")
}

// What can't be understood is said beside its field, with what would be right, and
// nothing is searched. What was written stays.
func TestWrongInTheSearch(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	for query, texts := range map[string][]string{
		"number=555-CALL":                  {`value="555-CALL"`, `id="number-wrong">A number has only digits`, `aria-describedby="number-hint number-wrong"`, `aria-invalid="true"`},
		"number=%2B":                       {`id="number-wrong">There is no digit in it`},
		"from=12.5.2025":                   {`id="from-wrong">This is not a date`, "2026-05-12", `value="12.5.2025"`},
		"to=2025-02-30":                    {`id="to-wrong">This is not a date`},
		"from=2025-05-13&to=2025-05-12":    {`id="to-wrong">The last day is before the first one`},
		"min=soon":                         {`id="min-wrong">This is not a length of time`, "1:30"},
		"max=-5":                           {`id="max-wrong">This is not a length of time`},
		"min=0":                            {`id="min-wrong">This is not a length of time`},
		"min=10&max=5":                     {`id="max-wrong">This is shorter`},
		"direction=up":                     {`id="direction-wrong">This is not one of the choices`},
		"state=purged":                     {`id="state-wrong">This is not one of the choices`},
		"held=maybe":                       {`id="held-wrong">`},
		"words=%3F":                        {`id="words-wrong">There is no word in`},
		"words=%22":                        {`id="words-wrong">There is no word in`},
		"account=nobody":                   {`id="account-wrong">You see no account of this name`},
		"name=" + strings.Repeat("x", 101): {`id="name-wrong">This is too long: at most 100 characters.`},
		"after=x":                          {"The end of this address is missing or was changed", `href="/"`},
	} {
		a := p.Get("/?"+query).want(t, http.StatusUnprocessableEntity, texts...)
		if strings.Contains(a.Text, "were found") || a.calls() != "" {
			t.Errorf("%s: something was searched", query)
		}
	}
}

// Pages, each behind the one before, are all calls of all accounts once, the newest
// first, also where many start at the same moment.
func TestPagesOfTheSearch(t *testing.T) {
	t.Parallel()
	accounts := map[string][]vbctest.Recording{"b": nil, "a": nil, "c": nil}
	for name := range accounts {
		for i := range int64(45) {
			accounts[name] = append(accounts[name], callOf(i+1, fmt.Sprintf("10:%02d:00", i/20), nil))
		}
	}
	p := newPage(t, pageOptions{Accounts: accounts})
	var want, got []string
	for minute := 2; minute >= 0; minute-- {
		for _, name := range []string{"c", "b", "a"} {
			for i := 44; i >= 0; i-- {
				if i/20 == minute {
					want = append(want, fmt.Sprint(name, " ", i+1))
				}
			}
		}
	}
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	for at := "/"; at != ""; {
		a := p.Get(at).want(t, http.StatusOK, "135 calls were found.")
		if (at != "/") != strings.Contains(a.Text, `href="/">First page`) {
			t.Errorf("%s: the way back to the first page", at)
		}
		got = append(got, strings.Split(a.calls(), ", ")...)
		m := next.FindStringSubmatch(a.Text)
		if at = ""; m != nil {
			at = html.UnescapeString(m[1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d calls: %v", len(got), got)
	}
}

// broken is a manifest that answers otherwise.
type broken struct {
	web.Manifest
	search func(context.Context) error
	count  func(context.Context) (int64, bool, error)
}

func (b broken) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	if b.search == nil {
		return b.Manifest.Search(ctx, q)
	}
	return func(yield func(manifest.Row, error) bool) { yield(manifest.Row{}, b.search(ctx)) }
}

func (b broken) CountUpTo(ctx context.Context, q manifest.Query, limit int64) (int64, bool, error) {
	if b.count == nil {
		return b.Manifest.CountUpTo(ctx, q, limit)
	}
	return b.count(ctx)
}

// An account that can't be searched is named, whatever is found in others: who finds
// nothing would take it for the answer.
func TestSearchSaysWhatIsNotSearched(t *testing.T) {
	t.Parallel()
	var break_ func(account string) broken
	p := newPage(t, pageOptions{
		Accounts: map[string][]vbctest.Recording{"north": {callOf(1, "10:00:00", nil)}, "south": {callOf(2, "11:00:00", nil)}},
		Manifest: func(account string, m *sqlite.Manifest) web.Manifest { return late{m, account, &break_} },
	})
	secret := errors.New("disk of Mr Smith is gone")
	slow := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fails := func(context.Context) error { return secret }

	break_ = func(account string) (b broken) {
		if account == "south" {
			b.search = fails
		}
		return b
	}
	a := p.Get("/").want(t, http.StatusOK, "manifests can't be read: <bdi>south</bdi>", "1 call was found.")
	if a.calls() != "north 1" || strings.Contains(a.Text, "Smith") || !strings.Contains(p.Log.String(), "account=south") {
		t.Error(a.Text, p.Log)
	}
	p.Get("/?account=south").want(t, http.StatusServiceUnavailable, "<bdi>south</bdi>", "No calls were found in the accounts that could be searched.")
	p.Server.Patience(time.Millisecond, time.Minute)
	break_ = func(string) broken { return broken{search: slow} }
	p.Get("/").want(t, http.StatusServiceUnavailable, "because the search takes too long: <bdi>north</bdi>, <bdi>south</bdi>", "give dates that are closer together")
}

// late is a manifest that is broken as somebody says later.
type late struct {
	*sqlite.Manifest
	account string
	how     *func(string) broken
}

func (l late) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	b := (*l.how)(l.account)
	b.Manifest = l.Manifest
	return b.Search(ctx, q)
}

// Where counting all takes too long, or isn't worth it, the page says so.
func TestCountOfTheSearch(t *testing.T) {
	t.Parallel()
	var all []vbctest.Recording
	for i := range int64(51) {
		all = append(all, callOf(i+1, "10:00:00", nil))
	}
	count := func(context.Context) (int64, bool, error) { return 1000, true, nil }
	p := newPage(t, pageOptions{Recordings: all, Manifest: func(_ string, m *sqlite.Manifest) web.Manifest {
		return broken{Manifest: m, count: func(ctx context.Context) (int64, bool, error) { return count(ctx) }}
	}})
	p.Get("/").want(t, http.StatusOK, "More than 1,000 calls were found.")
	count = func(ctx context.Context) (int64, bool, error) { <-ctx.Done(); return 0, false, ctx.Err() }
	p.Server.Patience(time.Minute, time.Millisecond)
	p.Get("/").want(t, http.StatusOK, "50 calls and more were found")
}

// Whoever is limited finds, counts and reaches by a page's address what is in their
// scope, and what isn't is like what doesn't exist.
func TestSearchWithinAScope(t *testing.T) {
	t.Parallel()
	of := func(id int64, day int, extension, name string) vbctest.Recording {
		return vbctest.Recording{ID: id, Start: time.Date(2025, 5, day, 10, 0, 0, 0, time.UTC), Transcript: "Secret of " + name,
			Extra: map[string]any{"extensions": []string{extension}, "cnam": name, "caller_id": fmt.Sprint(17325550000 + id)}}
	}
	p := newPage(t, pageOptions{Now: time.Date(2025, 5, 13, 0, 0, 0, 0, time.UTC), Accounts: map[string][]vbctest.Recording{
		"north": {of(1, 1, "101", "ann"), of(2, 2, "102", "bob"), of(3, 12, "101", "cem")}, "south": {of(4, 11, "101", "dot")}}})
	all := []string{"ann", "bob", "cem", "dot"}
	for who, c := range map[string]struct {
		role access.Role
		sees string
		n    string
	}{
		"auditor":    {access.Role{Kind: "auditor"}, "north 3, south 4, north 2, north 1", "4 calls were found."},
		"extension":  {access.Role{Kind: "supervisor", Extensions: []string{"101"}}, "north 3, south 4, north 1", "3 calls were found."},
		"account":    {access.Role{Kind: "supervisor", Accounts: []string{"north"}}, "north 3, north 2, north 1", "3 calls were found."},
		"age":        {access.Role{Kind: "supervisor", MaxAge: 72 * time.Hour}, "north 3, south 4", "2 calls were found."},
		"all of it":  {access.Role{Kind: "holder", Accounts: []string{"north"}, Extensions: []string{"101"}, MaxAge: 72 * time.Hour}, "north 3", "1 call was found."},
		"none":       {access.Role{Kind: "supervisor", Extensions: []string{}}, "", "There are no calls yet."},
		"no account": {access.Role{Kind: "supervisor", Accounts: []string{}}, "", "There are no calls yet."},
	} {
		p.As(who, c.role)
		if got := p.Get("/").want(t, http.StatusOK, c.n).calls(); got != c.sees {
			t.Errorf("%s sees %q, want %q", who, got, c.sees)
		}
		for id, name := range all {
			seen := regexp.MustCompile(fmt.Sprintf(`\b%d\b`, id+1)).MatchString(c.sees)
			for _, query := range []string{"name=" + name, fmt.Sprint("number=", 17325550000+id+1), "extension=102&name=" + name, "held=no&name=" + name, "transcript=yes&name=" + name} {
				a := p.Get("/?"+query).want(t, http.StatusOK)
				if strings.Contains(a.Text, ">"+name+"</bdi>") && !seen || strings.HasPrefix(query, "name") && seen != strings.Contains(a.Text, ">"+name+"</bdi>") {
					t.Errorf("%s: %s\n%s", who, query, a.Text)
				}
			}
		}
		// A place written by hand, of what they may not see: what comes behind it is still theirs alone.
		for _, place := range []string{`{"s":1747216800000,"a":"south","k":"company","o":"","i":4,"n":0}`, `{"s":9000000000000,"a":"","k":"on-demand","o":"x","i":-1,"n":-1}`} {
			a := p.Get("/?after="+base64.RawURLEncoding.EncodeToString([]byte(place))).want(t, http.StatusOK)
			for _, call := range strings.Split(a.calls(), ", ") {
				if call != "" && !strings.Contains(c.sees, call) {
					t.Errorf("%s sees %s behind %s", who, call, place)
				}
			}
		}
		for _, account := range []string{"north", "south"} {
			there, nowhere := p.Get("/?account="+account), p.Get("/?account=nowhere")
			if !strings.Contains(fmt.Sprint(c.role.Accounts, c.role.Accounts == nil), account) && c.role.Accounts != nil &&
				(there.StatusCode != nowhere.StatusCode || strings.ReplaceAll(there.Text, account, "nowhere") != nowhere.Text) {
				t.Errorf("%s: %s isn't like what isn't there", who, account)
			}
		}
	}
}

// What callers are named does no harm, wherever it stands, however long it is and
// however it is written.
func TestHostileNamesInTheSearch(t *testing.T) {
	t.Parallel()
	names := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "\u202egnp.exe\u202c", strings.Repeat("<b>long", 1500), "javascript:alert(1)", "{{.}}", "'\"`"}
	var all []vbctest.Recording
	for i, name := range names {
		all = append(all, callOf(int64(i+1), "10:00:00", map[string]any{"cnam": name, "caller_id": name, "dnis": name, "call_direction": name, "extensions": []string{name, name}}))
	}
	p := newPage(t, pageOptions{Recordings: all})
	safe := func(a answer, more ...string) {
		t.Helper()
		for _, bad := range append(more, "<script>alert", "<img", "<b>", `href="javascript`) {
			if strings.Contains(a.Text, bad) {
				t.Errorf("%s has %q", a.Request.URL, bad)
			}
		}
		if len(a.Text) > 60_000 {
			t.Errorf("%s: %d bytes", a.Request.URL, len(a.Text))
		}
	}
	a := p.Get("/").want(t, http.StatusOK, "7 calls were found.", "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>", "…")
	safe(a, "\u202e")
	for _, name := range names {
		for _, field := range []string{"number", "name", "extension", "direction", "from", "min", "state", "held", "account", "words", "after", name} {
			safe(p.Get("/?" + url.QueryEscape(field) + "=" + url.QueryEscape(name)))
		}
	}
	if log := p.Log.String(); strings.Contains(log, "alert") {
		t.Error(log)
	}
}

// The zone is kept by the browser, and leads back to where somebody was, and nowhere
// else.
func TestZone(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/").want(t, http.StatusOK, "2025-05-12 10:15", "Times are in UTC")
	for _, zone := range []string{"", "Local", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\nX: y"} {
		p.Post("/zone", url.Values{"zone": {zone}, "back": {"/"}}).want(t, http.StatusUnprocessableEntity, "There is no such time zone", "America/New_York")
	}
	p.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for back, want := range map[string]string{
		"/?name=x&from=2025-05-12": "/?name=x&from=2025-05-12", "/holds": "/holds", "": "/", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/",
		"/%0d%0aX:y": "/%0D%0AX:y", "evil": "/", "///evil.example": "/", "/%2f/evil.example": "/",
	} {
		a := p.Post("/zone", url.Values{"zone": {"America/New_York"}, "back": {back}}).want(t, http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", back, got, want)
		}
		if c := a.Header.Get("Set-Cookie"); !strings.Contains(c, "zone=America/New_York; Path=/") || !strings.Contains(c, "HttpOnly; SameSite=Lax") {
			t.Error(c)
		}
	}
	p.Client.CheckRedirect = nil
	p.Get("/").want(t, http.StatusOK, "2025-05-12 06:15", "Times are in America/New York")
}
