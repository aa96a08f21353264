package web_test

import (
	"net/http"
	"strings"
	"testing"
)

const firstCall = "/call/acme/company/-/193228/0"

// The page of a call says all that is known of it.
func TestPageOfACall(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	a := p.Get(firstCall)
	a.want(t, http.StatusOK, "Call of 12 May 2025, 10:15:00", "193228", "Archived, also at VBC", "Verified", "SHA-256")
}

// lacks fails if the page has answered with any of these texts.
func (a answer) lacks(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.Text, text) {
			t.Errorf("%s has %q:\n%s", a.Request.URL.Path, text, a.Text)
		}
	}
}
