package web_test

import (
	"net/http"
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
