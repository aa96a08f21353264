package web_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// twoAccounts are accounts whose calls have extensions.
func twoAccounts() map[string][]vbctest.Recording {
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	of := func(first int64) (all []vbctest.Recording) {
		for i := range int64(3) {
			all = append(all, vbctest.Recording{ID: first + i, Start: start.Add(time.Duration(i) * time.Hour), Extra: map[string]any{"extensions": []string{fmt.Sprint(101 + i)}}})
		}
		return all
	}
	return map[string][]vbctest.Recording{"acme": of(1), "beta": of(11)}
}

// hears has somebody play a recording, as the page writes it down.
func (p *page) hears(account, who string, id int64, why string) {
	p.t.Helper()
	_, err := p.Manifest[account].AddListening(p.t.Context(), manifest.Listening{
		Kind: vbc.Company, ID: id, Start: time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC), Who: who, How: manifest.Played, Why: why, From: "192.0.2.9",
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// listenedTo is a page of two accounts to whose calls several people have listened, one of
// them under a name and with a reason that do what they can.
func listenedTo(t testing.TB) *page {
	p := newPage(t, pageOptions{Accounts: twoAccounts()})
	for i := range int64(3) {
		p.hears("acme", "vera@example.com", 1+i, "Case 4711: the customer says that nobody called back")
		p.hears("beta", hostile, 11+i, hostile)
	}
	return p
}

var heardLine = regexp.MustCompile(`data-label="Person">(?:<[^>]*>)*([a-z]+)(?:(?s).*?)data-label="Recording"><a href="[^"]*">([0-9]+)<`)

// shownListenings are who and which on a page of the log, in its order.
func shownListenings(a answer) (all []string) {
	for _, m := range heardLine.FindAllStringSubmatch(a.Text, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// The log shows who has listened to what in all accounts, the latest first, and finds by
// person, recording, way and day.
func TestListeningLog(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Accounts: twoAccounts(), Role: access.Role{Kind: "auditor"}})
	p.Get("/listenings").want(t, http.StatusOK, "Nobody has listened to a call yet.")
	p.hears("acme", "eve", 1, "")
	p.hears("beta", "bob", 11, "a complaint <b>")
	p.hears("acme", "bob", 2, "")
	p.Get("/call/acme/company/-/3/0/audio").want(t, http.StatusOK)
	all := p.Get("/listenings").want(t, http.StatusOK, "a complaint &lt;b&gt;", "192.0.2.9", "192.0.2.7", "Played", `href="/call/beta/company/-/11/0"`)
	if got := fmt.Sprint(shownListenings(all)); got != "[vera3 bob2 bob11 eve1]" {
		t.Error(got)
	}
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, want := range map[string]string{
		"who=bob": "[bob2 bob11]", "id=11": "[bob11]", "how=download": "[]", "account=acme": "[vera3 bob2 eve1]",
		"from=" + today + "&to=" + tomorrow + "&who=eve": "[eve1]", "from=" + tomorrow: "[]", "who=bo": "[]",
	} {
		if got := fmt.Sprint(shownListenings(p.Get("/listenings?"+query).want(t, http.StatusOK))); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for query, text := range map[string]string{
		"id=x": "not the number of a recording", "how=hum": "not one of the choices", "from=2026-13-01": "not a date", "account=gamma": "You see no account of this name",
		"before=x": "End", "from=2026-05-02&to=2026-05-01": "The last day is before",
	} {
		if text == "End" {
			text = "The end of this address is missing"
		}
		p.Get("/listenings?"+query).want(t, http.StatusUnprocessableEntity, text)
	}
	if a := p.Get("/listenings?who=bob&id=&x=1"); a.Request.URL.RawQuery != "who=bob" {
		t.Error(a.Request.URL)
	}
}

// Pages of several accounts' entries have each entry once.
func TestListeningLogInPages(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Accounts: twoAccounts()})
	for i := range 120 {
		p.hears([]string{"acme", "beta"}[i%2], "eve", int64(1+i), "")
	}
	seen := map[string]bool{}
	next, pages := "/listenings?who=eve", 0
	for ; next != ""; pages++ {
		a := p.Get(next).want(t, http.StatusOK)
		for _, l := range shownListenings(a) {
			if seen[l] {
				t.Errorf("%s is shown twice", l)
			}
			seen[l] = true
		}
		next = ""
		if m := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(a.Text); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d entries on %d pages", len(seen), pages)
	}
}

// Whoever has no right to the log, or not to an account, or not to a call, learns
// nothing of it: neither by searching, nor by exporting.
func TestListeningLogWithinAScope(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Accounts: twoAccounts()})
	p.hears("acme", "eve", 1, "")
	p.hears("acme", "eve", 2, "")
	p.hears("beta", "bob", 11, "")
	for _, role := range []string{"supervisor", "holder"} {
		p.As("sue", access.Role{Kind: role})
		for _, path := range []string{"/listenings", "/listenings/export?as=csv"} {
			if a := p.Get(path).want(t, http.StatusForbidden); strings.Contains(a.Text, ">eve<") {
				t.Errorf("%s: %s", role, a.Text)
			}
		}
	}
	for _, c := range []struct {
		role access.Role
		want string
	}{
		{access.Role{Kind: "auditor", Accounts: []string{"beta"}}, "[bob11]"},
		{access.Role{Kind: "auditor", Extensions: []string{"102"}}, "[eve2]"},
		{access.Role{Kind: "auditor", MaxAge: time.Hour}, "[]"},
		{access.Role{Kind: "auditor", Accounts: []string{}}, "[]"},
	} {
		p.As("aud", c.role)
		if got := fmt.Sprint(shownListenings(p.Get("/listenings").want(t, http.StatusOK))); got != c.want {
			t.Errorf("%+v: %s, want %s", c.role, got, c.want)
		}
		text := p.Get("/listenings/export?as=json").want(t, http.StatusOK).Text
		if n := strings.Count(text, "\n"); n != len(strings.Fields(strings.Trim(c.want, "[]"))) {
			t.Errorf("%+v: %s", c.role, text)
		}
	}
	p.As("aud", access.Role{Kind: "auditor", Accounts: []string{"beta"}})
	if a := p.Get("/listenings?account=acme").want(t, http.StatusUnprocessableEntity); strings.Contains(a.Text, ">eve<") || strings.Contains(a.Text, ">acme<") {
		t.Error(a.Text)
	}
	p.Get("/listenings/export?as=csv&account=acme").want(t, http.StatusNotFound)
}

// What is exported has all that is asked for, and no cell that a spreadsheet would run.
func TestListeningLogIsExported(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Accounts: twoAccounts()})
	const formula = `=HYPERLINK("https://evil.example/","see")`
	p.hears("acme", "eve", 1, formula)
	p.hears("beta", "bob", 11, "a, b\n\"c\"")
	a := p.Get("/listenings/export?as=csv").want(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(a.Text)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][1] != "who" || rows[2][8] != "'"+formula || rows[1][8] != "a, b\n\"c\"" || rows[2][6] != "1" {
		t.Errorf("%q, %v", rows, err)
	}
	if h := a.Header; !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Error(h)
	}
	var l catalog.Listening
	text := p.Get("/listenings/export?as=json&who=eve").want(t, http.StatusOK).Text
	if err := json.Unmarshal([]byte(text), &l); err != nil || strings.Count(text, "\n") != 1 || l.Why != formula || l.Who != "eve" || l.ID != 1 || l.Account == "" {
		t.Errorf("%s, %v", text, err)
	}
	p.Get("/listenings/export?as=xml").want(t, http.StatusNotFound)
	p.Get("/listenings/export?"+url.Values{"as": {"csv"}, "id": {"x"}}.Encode()).want(t, http.StatusNotFound)
}

// The disk is full when the entry is to be committed, or the machine stops right after
// it, so that nobody knows: not a byte of the recording is sent. When there is room
// again, it is.
func TestNoAudioWhereTheEntryIsNotCommitted(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"not applied": false, "applied, and reported as failed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full := true
			p := newPage(t, pageOptions{Manifest: func(_ string, m *sqlite.Manifest) web.Manifest {
				m, err := sqlite.OpenBeside(t.Context(), m.Path(), sqlite.WithCommits(func(commit func() error) error {
					if !full {
						return commit()
					}
					if applied {
						if err := commit(); err != nil {
							return err
						}
					}
					return errors.New("database or disk is full")
				}))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { m.Close() })
				return m
			}})
			audio := audioOf(t, p, "acme", 193228)
			for range 2 {
				a := p.Get(firstCall + "/audio")
				if a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.Text, string(audio[:16])) || strings.HasPrefix(a.Header.Get("Content-Type"), "audio/") {
					t.Errorf("%d, %d bytes of %s", a.StatusCode, len(a.Text), a.Header.Get("Content-Type"))
				}
			}
			full = false
			if a := p.Get(firstCall+"/audio").want(t, http.StatusOK); a.Text != string(audio) {
				t.Errorf("%d bytes", len(a.Text))
			}
			n := 0
			for l, err := range p.Manifest["acme"].Listenings(t.Context(), manifest.ListeningQuery{How: manifest.Played}) {
				if err != nil || l.Who != "vera" || l.From != "192.0.2.7" || l.ID != 193228 {
					t.Errorf("%+v, %v", l, err)
				}
				n++
			}
			if n != 1 {
				t.Errorf("playing once is %d entries", n)
			}
		})
	}
}
