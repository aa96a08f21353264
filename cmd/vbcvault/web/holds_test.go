package web_test

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var hiddenForm = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// form is what a page's hidden fields send, from the first form whose action is this one.
func (a answer) form(t testing.TB, action string) url.Values {
	t.Helper()
	i := strings.Index(a.Text, `action="`+action+`"`)
	if i < 0 {
		t.Fatalf("%s has no form for %s:\n%s", a.Request.URL.Path, action, a.Text)
	}
	text, _, _ := strings.Cut(a.Text[i:], "</form>")
	values := url.Values{}
	for _, m := range hiddenForm.FindAllStringSubmatch(text, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	return values
}

// inForce are the holds of an account's manifest that are in force.
func (p *page) inForce(account string) []manifest.Hold {
	p.t.Helper()
	all, err := p.Manifest[account].Holds(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return manifest.InForce(all)
}

// hold makes a hold by the page's forms, and is the path of its page.
func (p *page) hold(form url.Values) string {
	p.t.Helper()
	if !form.Has("account") {
		form.Set("account", "acme")
	}
	preview := p.Post("/holds/new", form).want(p.t, http.StatusOK, "Nothing is written yet")
	made := p.Post("/holds", preview.form(p.t, "/holds")).want(p.t, http.StatusOK, "The hold is in force now")
	return made.Request.URL.Path
}

// A hold is shown before it is made, is made once however often the form is sent, and is
// what was shown: its dates are those of the viewer's zone.
func TestHoldIsMadeAsItWasShown(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	zone := &http.Cookie{Name: "zone", Value: "America/New_York"}
	at, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.Client.Jar.SetCookies(at, []*http.Cookie{zone})
	p.Get("/holds").want(t, http.StatusOK, "No hold is in force", "/holds/new")
	p.Get("/holds/new?account=acme&id=193230&since=2025-05-01T08:00").want(t, http.StatusOK, `value="193230"`, `value="2025-05-01"`, "America/New York")
	preview := p.Post("/holds/new", url.Values{"account": {"acme"}, "since": {"2025-05-12"}, "until": {"2025-05-12"}, "reason": {"Smith v. <Acme>"}})
	preview.want(t, http.StatusOK, "6 recordings, 6 of them still at VBC", "12 May 2025, 00:00:00 EDT", "13 May 2025, 00:00:00 EDT", "Smith v. &lt;Acme&gt;",
		"/call/acme/company/-/193228/0")
	if held := p.inForce("acme"); len(held) != 0 {
		t.Fatalf("the preview has made a hold: %+v", held)
	}
	form := preview.form(t, "/holds")
	var clicks sync.WaitGroup
	for range 4 {
		clicks.Go(func() { p.Post("/holds", form).want(t, http.StatusOK, "The hold is in force now") })
	}
	clicks.Wait()
	held := p.inForce("acme")
	if len(held) != 1 || held[0].By != "vera" || held[0].Reason != "Smith v. <Acme>" ||
		!held[0].Since.Equal(time.Date(2025, 5, 12, 4, 0, 0, 0, time.UTC)) || !held[0].Until.Equal(time.Date(2025, 5, 13, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", held)
	}
	p.Get("/holds").want(t, http.StatusOK, "Smith v. &lt;Acme&gt;", "6 recordings")
}

// A form with nothing in it, or with what can't be read, says so, and makes nothing.
func TestHoldFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	for field, c := range map[string]struct{ value, says string }{
		"id": {"x1", "must be the numbers"}, "since": {"yesterday", "must be a date"}, "until": {"2024-01-01", "before the first one"},
		"reason": {"", "why these recordings must be kept"}, "extension": {strings.Repeat("1", 1001), "too long"}, "account": {"other", "Choose one"},
	} {
		form := url.Values{"account": {"acme"}, "id": {"193228"}, "since": {"2025-01-01"}, "reason": {"case"}}
		form.Set(field, c.value)
		p.Post("/holds/new", form).want(t, http.StatusUnprocessableEntity, c.says)
	}
	p.Post("/holds/new", url.Values{"account": {"acme"}, "reason": {"case"}}).want(t, http.StatusUnprocessableEntity, "at least one of")
	p.Post("/holds", url.Values{"account": {"acme"}, "reason": {"case"}, "token": {"t"}}).want(t, http.StatusUnprocessableEntity, "at least one of")
	if held := p.inForce("acme"); len(held) != 0 {
		t.Errorf("%+v", held)
	}
}

// A hold ends with a reason, and only as it was shown.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	path := p.hold(url.Values{"id": {"193228"}, "reason": {"case"}})
	shown := p.Get(path).want(t, http.StatusOK, "End this hold")
	form := shown.form(t, path+"/end")
	p.Post(path+"/end", form).want(t, http.StatusUnprocessableEntity, "A reason is missing")
	wrong := url.Values{"reason": {"closed"}, "token": {"t2"}, "shown": {"something else"}}
	p.Post(path+"/end", wrong).want(t, http.StatusConflict, "no longer valid")
	if len(p.inForce("acme")) != 1 {
		t.Fatal("a form of something else has ended the hold")
	}
	form.Set("reason", "closed")
	p.Post(path+"/end", form).want(t, http.StatusOK, "Ended", "closed")
	p.Post(path+"/end", form).want(t, http.StatusOK, "Ended") // a second click
	if len(p.inForce("acme")) != 0 {
		t.Error("the hold is still in force")
	}
	form.Set("token", "t3")
	p.Post(path+"/end", form).want(t, http.StatusConflict, "no longer valid")
}

// With four eyes a hold ends once a second person has agreed to what was asked for, and
// both names stand in its end.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Config: config.Web{FourEyes: true}})
	holder := access.Role{Kind: "holder"}
	path := p.hold(url.Values{"id": {"193228"}, "reason": {"case"}})
	ask := func(reason string) {
		form := p.Get(path).want(t, http.StatusOK, "Ask for the end").form(t, path+"/end")
		form.Set("reason", reason)
		p.Post(path+"/end", form).want(t, http.StatusOK, "Somebody asks for the end of this hold", reason)
	}
	say := func(form url.Values, what string) answer {
		form = url.Values{"token": form["token"], "shown": form["shown"], "say": {what}}
		return p.Post(path+"/decide", form)
	}
	ask("first")
	own := p.Get(path).want(t, http.StatusOK, "so it can't be you")
	if strings.Contains(own.Text, "/decide") {
		t.Error("whoever has asked may decide, too")
	}
	p.As("walt", holder)
	first := p.Get(path).want(t, http.StatusOK, "Agree: end this hold").form(t, path+"/decide")
	for _, name := range []string{"vera", " VERA "} {
		p.As(name, holder)
		say(first, "agreed").want(t, http.StatusForbidden, "A second person must decide")
	}
	for _, kind := range []string{"auditor", "supervisor"} {
		p.As("otto", access.Role{Kind: kind})
		say(first, "agreed").want(t, http.StatusForbidden, "You may not do this")
	}
	p.As("otto", access.Role{Kind: "holder", Extensions: []string{"101"}})
	say(first, "agreed").want(t, http.StatusForbidden)
	p.As("walt", holder)
	say(first, "declined").want(t, http.StatusOK, "In force", "declined it")
	if len(p.inForce("acme")) != 1 {
		t.Fatal("the hold has ended, though a second person declined")
	}
	p.As("vera", holder)
	ask("second")
	p.As("walt", holder)
	stale := url.Values{"token": {"another"}, "shown": first["shown"]}
	say(stale, "agreed").want(t, http.StatusConflict, "no longer valid")
	if len(p.inForce("acme")) != 1 {
		t.Fatal("the form about an earlier request has ended the hold")
	}
	second := p.Get(path).form(t, path+"/decide")
	say(second, "agreed").want(t, http.StatusOK, "Ended", "vera; agreed: walt", "second")
	second.Set("token", "again")
	say(second, "agreed").want(t, http.StatusConflict, "no longer valid")
	all, err := p.Manifest["acme"].Holds(t.Context())
	if err != nil || all[0].Removed == nil || all[0].Removed.By != "vera; agreed: walt" || all[0].Removed.Reason != "second" {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whoever asks for the end of a hold and is called otherwise by then, as people may be
// whom a provider names, is no second person.
func TestFourEyesAreOfTwoPeopleWhateverTheirNames(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Config: config.Web{FourEyes: true}})
	as := func(id, name string) {
		p.As(name, access.Role{Kind: "holder"})
		p.id = id
	}
	as("oidc:https://id.example.com 7", "ann")
	path := p.hold(url.Values{"id": {"193228"}, "reason": {"case"}})
	form := p.Get(path).form(t, path+"/end")
	form.Set("reason", "closed")
	p.Post(path+"/end", form).want(t, http.StatusOK, "Somebody asks for the end of this hold")
	as("oidc:https://id.example.com 8", "walt")
	form = p.Get(path).form(t, path+"/decide")
	form.Set("say", "agreed")
	as("oidc:https://id.example.com 7", "bob")
	p.Get(path).want(t, http.StatusOK, "so it can't be you")
	p.Post(path+"/decide", form).want(t, http.StatusForbidden, "A second person must decide")
	ends, err := p.State.HoldEnds(t.Context(), "549825", time.Now())
	if err != nil || len(ends) != 1 {
		t.Fatalf("%+v, %v", ends, err)
	}
	if err := p.State.DecideHoldEnd(t.Context(), ends[0].ID, state.Agreed, "bob", ends[0].Person, time.Now(), nil); !errors.Is(err, state.ErrDecided) {
		t.Errorf("the same person has decided, under another name: %v", err)
	}
	as("oidc:https://id.example.com 8", "walt")
	p.Post(path+"/decide", form).want(t, http.StatusOK, "Ended")
}

// The page of a call tells whoever sees a part of the calls nothing of holds that are
// about others and cover it only in case it matches, and no numbers that count the rest.
func TestLifeOfACallWithinAScope(t *testing.T) {
	t.Parallel()
	r := someRecordings()[0]
	r.Extra = map[string]any{"extensions": []string{"101"}, "caller_id": ""}
	p := newPage(t, pageOptions{Recordings: []vbctest.Recording{r}, Archive: deleting(1)})
	p.hold(url.Values{"number": {"17325550199"}, "reason": {"secret case"}})
	p.hold(url.Values{"extension": {"101"}, "reason": {"shared case"}})
	p.Get(firstCall).want(t, http.StatusOK, "secret case", "shared case", "Receipt 1 (intent)")
	p.As("otto", access.Role{Kind: "supervisor", Extensions: []string{"101"}})
	a := p.Get(firstCall).want(t, http.StatusOK, "shared case", "Receipt (intent)", `<span class="tag attention">Held</span>`)
	for _, secret := range []string{"secret case", "Receipt 1"} {
		if strings.Contains(a.Text, secret) {
			t.Errorf("the page says %q", secret)
		}
	}
}

// A request for the end of a hold expires, and disappears with its hold.
func TestRequestsExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPage(t, pageOptions{Config: config.Web{FourEyes: true}, Clock: func() time.Time { return now }})
	path := p.hold(url.Values{"id": {"193228"}, "reason": {"case"}})
	ask := func() {
		form := p.Get(path).form(t, path+"/end")
		form.Set("reason", "closed")
		p.Post(path+"/end", form).want(t, http.StatusOK, "Somebody asks")
	}
	ask()
	p.As("walt", access.Role{})
	form := p.Get(path).form(t, path+"/decide")
	form.Set("say", "agreed")
	now = now.Add(7*24*time.Hour + time.Second)
	p.Post(path+"/decide", form).want(t, http.StatusConflict, "no longer valid")
	p.Get(path).want(t, http.StatusOK, "Ask for the end")
	ask()
	hold := p.inForce("acme")[0]
	if _, err := p.Manifest["acme"].RemoveHold(t.Context(), hold.Number, "by the command", "root"); err != nil {
		t.Fatal(err)
	}
	p.Get(path).want(t, http.StatusOK, "Ended", "by the command")
	if ends, err := p.State.HoldEnds(t.Context(), "549825", now); err != nil || len(ends) != 0 {
		t.Errorf("%+v, %v", ends, err)
	}
}

// Somebody whose role is limited sees and counts what is in it, and ends nothing.
func TestHoldsWithinAScope(t *testing.T) {
	t.Parallel()
	var all []vbctest.Recording
	for i, r := range someRecordings() {
		r.Extra = map[string]any{"extensions": []string{[]string{"101", "102"}[i%2]}, "caller_id": "17325550100"}
		all = append(all, r)
	}
	p := newPage(t, pageOptions{Accounts: map[string][]vbctest.Recording{"acme": all, "zeta": {{ID: 7, Start: time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)}}}})
	theirs := p.hold(url.Values{"extension": {"102"}, "reason": {"secret case"}})
	both := p.hold(url.Values{"number": {"7325550100"}, "reason": {"shared case"}})
	other := p.hold(url.Values{"account": {"zeta"}, "id": {"7"}, "reason": {"other account"}})
	p.As("otto", access.Role{Kind: "holder", Accounts: []string{"acme"}, Extensions: []string{"101"}})
	list := p.Get("/holds").want(t, http.StatusOK, "shared case", "3 recordings")
	for _, secret := range []string{"secret case", "other account", "6 recordings", "zeta"} {
		if strings.Contains(list.Text, secret) {
			t.Errorf("the list says %q", secret)
		}
	}
	p.Get(theirs).want(t, http.StatusNotFound, "There is no such page")
	p.Get(other).want(t, http.StatusNotFound, "There is no such page")
	if a := p.Get(both).want(t, http.StatusOK, "3 recordings"); strings.Contains(a.Text, "End this hold") || strings.Contains(a.Text, "193229") {
		t.Error("a limited holder may end a hold, or sees what isn't in scope")
	}
	p.Post(both+"/end", url.Values{"reason": {"x"}, "token": {"t"}}).want(t, http.StatusForbidden)
	p.Post("/holds/new", url.Values{"account": {"zeta"}, "id": {"7"}, "reason": {"x"}}).want(t, http.StatusUnprocessableEntity, "Choose one")
	p.Post("/holds", url.Values{"account": {"zeta"}, "id": {"7"}, "reason": {"x"}, "token": {"t"}}).want(t, http.StatusNotFound)
	preview := p.Post("/holds/new", url.Values{"account": {"acme"}, "since": {"2025-01-01"}, "reason": {"mine"}})
	preview.want(t, http.StatusOK, "3 recordings", "are held too, and are not counted here")
	mine := p.Post("/holds", preview.form(t, "/holds")).want(t, http.StatusOK, "3 recordings").Request.URL.Path
	p.Get(mine).want(t, http.StatusOK, "mine")
	held, err := p.Manifest["acme"].Holds(t.Context())
	if err != nil || !slices.ContainsFunc(held, func(h manifest.Hold) bool { return h.By == "otto" && h.Reason == "mine" }) {
		t.Errorf("%+v, %v", held, err)
	}
	p.As("sue", access.Role{Kind: "supervisor"})
	p.Get("/holds/new").want(t, http.StatusForbidden)
	p.Post("/holds", url.Values{"account": {"acme"}, "id": {"193228"}, "reason": {"x"}, "token": {"t"}}).want(t, http.StatusForbidden)
}
