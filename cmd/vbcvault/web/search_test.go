package web_test

import (
	"net/http"
	"testing"
)

// A search is its address: what is empty isn't in it, and what was asked for stands in
// the form.
func TestSearch(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/").want(t, http.StatusOK, "6 calls were found.", `href="/call/acme/company/-/193228/0"`)
	a := p.Get("/?number=&name=&from=2025-05-12&to=2025-05-12&min=").want(t, http.StatusOK, "6 calls were found.", `value="2025-05-12"`)
	if got := a.Request.URL.RequestURI(); got != "/?from=2025-05-12&to=2025-05-12" {
		t.Error(got)
	}
	p.Get("/?from=2025-05-13").want(t, http.StatusOK, "No calls were found.", "Give more days")
	p.Get("/?from=yesterday").want(t, http.StatusUnprocessableEntity, "This is not a date", `value="yesterday"`)
}
