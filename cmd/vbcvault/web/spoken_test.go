package web_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/index"
)

// indexed fills the index of an account's calls.
func (p *page) indexed(t testing.TB, account string) {
	t.Helper()
	if _, err := index.Run(t.Context(), p.Store[account], p.Manifest[account], slog.New(slog.DiscardHandler), index.Options{}); err != nil {
		t.Fatal(err)
	}
}

// Calls are found by what was said in them, as far as it is indexed, which is said. What
// can't be looked for is said beside the field.
func TestSearchByWords(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/?words=cancel").want(t, http.StatusOK, "No calls were found.", "6 of 6 transcripts can")
	p.indexed(t, "acme")
	a := p.Get("/?words=cancel+%22MY+order%22").want(t, http.StatusOK, "6 calls were found.", `href="/call/acme/company/-/193228/0?words=cancel&#43;%22MY&#43;order%22"`)
	if strings.Contains(a.Text, "transcripts can") {
		t.Error("all is indexed, and the page says that it isn't")
	}
	p.Get("/?words=%22number+3%22").want(t, http.StatusOK, "1 call was found.", "193231")
	p.Get("/?words=canc*&from=2025-05-13").want(t, http.StatusOK, "No calls were found.")
	p.Get("/?words=xylophone").want(t, http.StatusOK, "No calls were found.")
	for query, says := range map[string]string{"a*": "too short", "%3F%3F": "There is no word in", "NEAR%28": "No calls were found", "%22%22%22OR": "No calls were found", "x+--%00": "No calls were found"} {
		status := http.StatusUnprocessableEntity
		if says == "No calls were found" {
			status = http.StatusOK
		}
		p.Get("/?words="+query).want(t, status, says)
	}
	if strings.Contains(p.Log.String(), "cancel") {
		t.Error("the log has what somebody looked for")
	}
}

// Whoever may see the calls of one extension finds no other by its words, and isn't told
// how many there are.
func TestWordsOutOfScope(t *testing.T) {
	t.Parallel()
	all := someRecordings()
	for i := range all {
		all[i].Extra = map[string]any{"extensions": []string{"101"}}
		if i > 1 {
			all[i].Extra = map[string]any{"extensions": []string{"102"}}
		}
	}
	all[3].Transcript = "The word is zebedee."
	p := newPage(t, pageOptions{Recordings: all, Role: access.Role{Kind: "supervisor", Extensions: []string{"101"}}})
	if a := p.Get("/?words=cancel").want(t, http.StatusOK, "No calls were found.", "Not all transcripts"); strings.Contains(a.Text, "6") && strings.Contains(a.Text, "of 6 transcripts") {
		t.Error("a number of transcripts is told that are out of scope")
	}
	p.indexed(t, "acme")
	p.Get("/?words=cancel").want(t, http.StatusOK, "2 calls were found.", "193228", "193229")
	secret := p.Get("/?words=zebedee").want(t, http.StatusOK, "No calls were found.")
	never := p.Get("/?words=unspoken").want(t, http.StatusOK, "No calls were found.")
	if secret.Text != strings.ReplaceAll(never.Text, "unspoken", "zebedee") {
		t.Error("what is out of scope is answered otherwise than what was never said")
	}
	p.As("root", access.Role{})
	p.Get("/?words=zebedee").want(t, http.StatusOK, "1 call was found.", "193231")
}
