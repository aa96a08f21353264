package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
)

// What isn't there is answered with a page, whoever asks.
func TestNoSuchPage(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/nothing/here").want(t, http.StatusNotFound, "There is no such page", "<!doctype html>")
}

// Whatever goes wrong is answered with a page that says what happened, that nothing was
// done, and what to do; what the log alone may say isn't in it.
func TestProblemsAreSaidOnAPage(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	page := func(a answer, status int, texts ...string) {
		t.Helper()
		a.want(t, status, append(texts, "<!doctype html>", "<h1>", `href="/"`)...)
	}
	page(p.Post("/", nil), http.StatusMethodNotAllowed, "Nothing was done")
	page(p.Get("/zone"), http.StatusMethodNotAllowed)
	a := p.ask(http.MethodDelete, firstCall)
	page(a, http.StatusMethodNotAllowed)
	if got := a.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("allowed is %q", got)
	}
	page(p.Post("/nothing", nil), http.StatusNotFound)
	page(p.Post("/holds/new", url.Values{"reason": {strings.Repeat("x", 3<<20)}}), http.StatusRequestEntityTooLarge, "Nothing was done")
	page(p.Post("/signin", url.Values{"password": {strings.Repeat("x", 3<<20)}}), http.StatusBadRequest)
	for _, id := range []string{"/call/acme/company/-/1/0", "/call/acme/company/-/193228/1", "/call/other/company/-/193228/0", "/call/acme/company/x/193228/0", "/call/acme/strange/-/193228/0", "/call/acme/company/-/99999999999999999999/0", "/call/acme/company/-/193228/0/nothing"} {
		page(p.Get(id), http.StatusNotFound, "There is no such page")
	}
}

// What a manifest or an archive says when it can't be read is for the log.
func TestSecretsOfErrorsStayInTheLog(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Manifest: func(_ string, m *sqlite.Manifest) web.Manifest { return unreadable{m} }})
	p.Get(firstCall).want(t, http.StatusInternalServerError, "Something went wrong").lacks(t, "secret")
	if !strings.Contains(p.Log.String(), "secret of 17325550128") {
		t.Errorf("the log lacks the reason:\n%s", p.Log)
	}
}

type unreadable struct{ *sqlite.Manifest }

func (unreadable) Row(context.Context, vbc.Key, int64) (manifest.Row, error) {
	return manifest.Row{}, errors.New("secret of 17325550128")
}
