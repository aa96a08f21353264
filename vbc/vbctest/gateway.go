package vbctest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ServeHTTP is the gateway: faults, the quota and tokens come before the API.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	n := a.inFlight.Add(1)
	done := sync.OnceFunc(func() { a.inFlight.Add(-1) })
	defer done()
	for high := a.maxInFlight.Load(); n > high && !a.maxInFlight.CompareAndSwap(high, n); high = a.maxInFlight.Load() {
	}
	if a.cfg.Latency > 0 {
		select {
		case <-time.After(a.cfg.Latency):
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Date", a.cfg.Now().UTC().Format(http.TimeFormat))
	rec := &recorder{ResponseWriter: w, status: http.StatusOK, done: done}
	kind := a.kindOf(r)
	defer func() { a.note(kind, r, at, rec.status) }()
	f := a.faultFor(r)
	if f.intercept(rec, r, func(w http.ResponseWriter) { a.serve(w, r, kind, &Fault{}) }) {
		return
	}
	a.serve(rec, r, kind, f)
}

func (a *Account) serve(w http.ResponseWriter, r *http.Request, kind RequestKind, f *Fault) {
	switch {
	case kind == Token && a.here(kind, r.Host):
		a.serveToken(w, r)
		return
	case kind == Other, !a.here(kind, r.Host):
		gatewayError(w, http.StatusNotFound, 404, "Runtime Error", "No matching resource found for given API Request")
		return
	}
	if !a.authorized(w, r, kind) || !a.withinQuota(w) || a.denied(w, kind) || a.redirected(w, r, kind) {
		return
	}
	provisioning := kind.provisioning()
	if provisioning && a.cfg.ProvisioningForbidden || !provisioning && a.cfg.NotSubscribed {
		fault(w, http.StatusForbidden, 900908, "Resource forbidden", "User is NOT authorized to access the Resource. API Subscription validation failed.")
		return
	}
	a.serveAPI(w, r, f)
}

// serveAPI is what lies behind the gateway.
func (a *Account) serveAPI(w http.ResponseWriter, r *http.Request, f *Fault) {
	a.routes().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), faultKey{}, f)))
}

type faultKey struct{}

// faulty serves a request of which a fault may be about what is served.
func faulty(serve func(http.ResponseWriter, *http.Request, *Fault)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { serve(w, r, r.Context().Value(faultKey{}).(*Fault)) }
}

// api has its routes.
func (a *Account) api() http.Handler {
	mux := http.NewServeMux()
	for _, root := range a.roots() {
		for _, path := range []string{"/accounts/{account}/company_call_recordings", "/accounts/{account}/users/{user}/call_recordings"} {
			mux.HandleFunc("GET "+root+path, faulty(a.serveList))
		}
		for _, path := range []string{"/accounts/{account}/company_call_recordings/{id}", "/accounts/{account}/users/{user}/call_recordings/{id}"} {
			mux.HandleFunc("GET "+root+path, a.serveOne)
			mux.HandleFunc("DELETE "+root+path, faulty(a.serveDelete))
		}
		if !a.cfg.NoExports {
			mux.HandleFunc("POST "+root+"/accounts/{account}/company_call_recordings/export", a.serveExport)
			mux.HandleFunc("POST "+root+"/accounts/{account}/users/{user}/call_recordings/export", a.serveExport)
			mux.HandleFunc("GET "+root+"/accounts/{account}/users/{user}/call_recordings/jobs/{job}", a.serveJob)
			mux.HandleFunc("GET "+root+"/bulkDownload/retrieve", faulty(a.serveZip))
		}
		mux.HandleFunc("GET "+root+"/accounts/{account}/company_call_recordings/transcriptions", faulty(a.serveTranscripts))
		mux.HandleFunc("GET "+root+"/transcription/{id}", faulty(a.serveTranscript))
		mux.HandleFunc("GET "+root+"/audio/recording/{id}", faulty(a.serveAudio))
	}
	mux.HandleFunc("GET "+provisioningRoot+"/accounts/{account}", a.serveAccount)
	mux.HandleFunc("GET "+provisioningRoot+"/accounts/{account}/users", a.serveUsers)
	return mux
}

const (
	plainRoot        = "/t/vbc.prod/call_recording/api" // of download_urls, in the vendor's examples
	provisioningRoot = "/t/vbc.prod/provisioning/v1/api"
)

func (a *Account) roots() []string {
	if a.cfg.APIRoot == plainRoot {
		return []string{plainRoot}
	}
	return []string{a.cfg.APIRoot, plainRoot}
}

// withinQuota counts a request in its window, and answers where that is full.
func (a *Account) withinQuota(w http.ResponseWriter) bool {
	if a.cfg.Quota == 0 {
		return true
	}
	now := a.cfg.Now()
	window := now.UnixNano() / int64(a.cfg.QuotaWindow)
	a.mu.Lock()
	if window != a.windowNo {
		a.windowNo, a.windowN = window, 0
	}
	a.windowN++
	full := a.windowN > a.cfg.Quota
	a.mu.Unlock()
	if !full {
		return true
	}
	opens := time.Unix(0, (window+1)*int64(a.cfg.QuotaWindow)).UTC()
	if up := opens.Truncate(time.Second); up.Before(opens) {
		opens = up.Add(time.Second) // whole seconds are all that the form has
	}
	writeJSON(w, http.StatusTooManyRequests, map[string]any{"fault": map[string]any{
		"code": 900802, "message": "Message throttled out", "description": "You have exceeded your quota",
		"nextAccessTime": opens.Format("2006-Jan-02 15:04:05-0700 MST"),
	}})
	return false
}

// fault answers as the gateway does.
func fault(w http.ResponseWriter, status, code int, message, description string) {
	writeJSON(w, status, map[string]any{"fault": map[string]any{"code": code, "message": message, "description": description}})
}

// gatewayError is the gateway's other shape, for what never reaches an API.
func gatewayError(w http.ResponseWriter, status, code int, message, description string) {
	writeJSON(w, status, map[string]any{"code": fmt.Sprint(code), "type": "Status report", "message": message, "description": description})
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]any{"error": code, "error_description": description})
}

// backendError is the application's own shape.
func backendError(w http.ResponseWriter, status int, msg string) {
	writeJSON(w, status, map[string]any{"msg": msg, "status": status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // maps of plain values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may have gone away
}

// RequestKind sorts requests by what they are for.
type RequestKind string

const (
	Token         RequestKind = "token"
	List          RequestKind = "list"
	Get           RequestKind = "get"
	Audio         RequestKind = "audio"
	Delete        RequestKind = "delete"
	ExportStart   RequestKind = "export"
	ExportPoll    RequestKind = "job"
	ExportZip     RequestKind = "zip"
	AccountLookup RequestKind = "account"
	Users         RequestKind = "users"
	Transcripts   RequestKind = "transcripts"
	Transcript    RequestKind = "transcript"
	Other         RequestKind = "other" // no such route
)

func (k RequestKind) provisioning() bool { return k == AccountLookup || k == Users }

func (a *Account) kindOf(r *http.Request) RequestKind {
	path := r.URL.Path
	if path == a.cfg.TokenPath {
		return Token
	}
	if rest, ok := strings.CutPrefix(path, provisioningRoot+"/accounts/"); ok {
		if strings.HasSuffix(rest, "/users") {
			return Users
		}
		return AccountLookup
	}
	for _, root := range a.roots() {
		rest, ok := strings.CutPrefix(path, root)
		switch {
		case !ok:
		case strings.HasPrefix(rest, "/audio/recording/"):
			return Audio
		case strings.HasPrefix(rest, "/transcription/"):
			return Transcript
		case strings.HasSuffix(rest, "/company_call_recordings/transcriptions"):
			return Transcripts
		case strings.HasPrefix(rest, "/bulkDownload/"):
			return ExportZip
		case strings.HasSuffix(rest, "call_recordings/export"):
			return ExportStart
		case strings.Contains(rest, "call_recordings/jobs/"):
			return ExportPoll
		case strings.HasSuffix(rest, "call_recordings"):
			return List
		case strings.Contains(rest, "call_recordings/") && r.Method == http.MethodDelete:
			return Delete
		case strings.Contains(rest, "call_recordings/"):
			return Get
		}
	}
	return Other
}
