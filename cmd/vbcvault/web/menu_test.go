package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// The menu leads nowhere where somebody may not go.
func TestMenuGoesByRights(t *testing.T) {
	t.Parallel()
	paths := func(kind, here string) (all []string) {
		for _, i := range (page{Viewer: &access.Viewer{Role: access.Role{Kind: kind}}, Here: here}).Menu() {
			if i.Current {
				i.Path += "*"
			}
			all = append(all, i.Path)
		}
		return all
	}
	for _, i := range menu {
		for _, kind := range []string{"auditor", "supervisor", "holder", "admin", "nobody"} {
			v := &access.Viewer{Role: access.Role{Kind: kind}}
			if shown := strings.Contains(strings.Join(paths(kind, "/x"), " ")+" ", i.Path+" "); shown && !v.May(i.right) {
				t.Errorf("the menu leads %s to %s", kind, i.Path)
			}
		}
	}
	if got := (page{Here: "/"}).Menu(); got != nil {
		t.Errorf("somebody who hasn't signed in gets a menu: %v", got)
	}
}

// The style sheet and the script are there for everybody, for good under the address
// that pages name, and nothing else is.
func TestStaticFiles(t *testing.T) {
	t.Parallel()
	h := New(Options{}).Static()
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		if w := ask(asset(name)); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		if w := ask("/static/" + name + "?older"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s, as an older page names it: %d %v", name, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/static/", "/static/../page.go", "/static/nothing.css", "/static/%2e%2e/page.go"} {
		if w := ask(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
