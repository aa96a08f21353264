package vbctest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RedirectDownloads has audio and exports answered with a redirect to a server
// at base, which serves Storage; "" ends that. The addresses are presigned, as
// object stores have them: what opens them is in the query.
func (a *Account) RedirectDownloads(base string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.storage = base
}

// presigned is what opens the addresses of all redirects of one process.
var presigned = rand.Text()

// redirected answers a download with a redirect, if that is how it is.
func (a *Account) redirected(w http.ResponseWriter, r *http.Request, kind RequestKind) bool {
	a.mu.Lock()
	base := a.storage
	a.mu.Unlock()
	if base == "" || kind != Audio && kind != ExportZip {
		return false
	}
	q := r.URL.Query()
	q.Set("X-Amz-Signature", presigned)
	w.Header().Set("Location", strings.TrimRight(base, "/")+r.URL.Path+"?"+q.Encode())
	w.WriteHeader(http.StatusFound)
	return true
}

// Presigned is what is secret in the addresses of redirects.
func (a *Account) Presigned() string { return presigned }

// Storage serves what downloads are redirected to. It is strict: whoever sends it
// what is VBC's alone gets nothing.
func (a *Account) Storage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := a.faultFor(r)
		q, err := url.ParseQuery(r.URL.RawQuery)
		signed := err == nil && q.Get("X-Amz-Signature") == presigned
		q.Del("X-Amz-Signature")
		r.URL.RawQuery = q.Encode()
		a.note(a.kindOf(r)+" elsewhere", r, time.Now(), http.StatusOK)
		for _, name := range []string{"Authorization", "Cookie", "Referer"} {
			if r.Header.Get(name) != "" {
				http.Error(w, "<Error><Code>InvalidArgument</Code><Message>"+name+" was sent</Message></Error>", http.StatusBadRequest)
				return
			}
		}
		if !signed {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		if !f.intercept(w, r, func(http.ResponseWriter) {}) {
			a.serveAPI(w, r, f)
		}
	})
}
