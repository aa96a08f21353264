// Package web is the page: calls are found, heard, held and handed over there by people
// who have no shell. All pages work without JavaScript. Nothing is ever fetched from
// elsewhere, and whatever somebody may not see is not in any answer, count or error.
//
// A request passes through these, in this order: the host is one that is allowed
// (access), the request comes from the page itself (net/http.CrossOriginProtection),
// somebody is signed in (access), has the right that the route asks for (routes), and
// then a handler asks the manifests with that somebody's scope in each query.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/vbc"
)

// Options are what the page is made of.
type Options struct {
	Vaults  func() []*Vault // in the order of the configuration; may change from call to call
	Config  config.Web      // until Use; handlers ask Server.config
	State   *state.DB
	Gate    *access.Gate // signs people in; nil = nobody can
	Log     *slog.Logger
	Version string
	Spool   string           // directory for what is being handed over; "" = only single files are
	Now     func() time.Time // nil = time.Now

	// LastRuns is what each account's last run came to, by its name, as a service knows it:
	// manifests don't know of runs that did not even begin. nil = nobody knows.
	LastRuns func(ctx context.Context) (map[string]outcome.Outcome, error)
}

// Server answers. Its methods may be called concurrently.
type Server struct {
	o   Options
	web atomic.Pointer[config.Web] // as it is now
	log *slog.Logger
	now func() time.Time

	handing                 handing // what is being handed over
	tasks                   tasks
	searchTakes, countTakes time.Duration // at most

	moved     moved         // what lies in its archive under another ETag or version
	reckoning chan struct{} // a place for each recording that is read for its waveform
}

// New makes a server; it asks nothing and starts nothing.
func New(o Options) *Server {
	s := &Server{o: o, log: o.Log, now: o.Now, searchTakes: searchTakes, countTakes: countTakes, reckoning: make(chan struct{}, mostReckoning)}
	if s.now == nil {
		s.now = time.Now
	}
	s.Use(o.Config)
	return s
}

// Use has the page go by another configuration from now on.
func (s *Server) Use(c config.Web) { s.web.Store(&c) }

// config is the configuration as it is now.
func (s *Server) config() *config.Web { return s.web.Load() }

// route is an address of the page, and the right that it takes.
type route struct {
	pattern string
	right   access.Right // "" = everybody who is signed in; everybody = who isn't, too
	do      func(*Server, http.ResponseWriter, *http.Request) error
}

// everybody may open what takes this right, signed in or not.
const everybody access.Right = "everybody"

// routes are all of them: what isn't here doesn't exist. Each file of handlers adds its
// own.
var routes []route

// Handler is the page for whoever access has let in: the request's context knows who.
// What everybody may see, it shows to everybody.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			s.note(req)
			req.Body = http.MaxBytesReader(w, req.Body, mostForm)
			v := access.From(req.Context())
			switch {
			case r.right == everybody:
			case v == nil:
				s.askWho(w, req)
				return
			case r.right != "" && !v.May(r.right):
				s.fail(w, req, forbidden)
				return
			}
			if err := r.do(s, w, req); err != nil {
				s.fail(w, req, err)
			}
		})
	}
	mux.HandleFunc("/", s.nothingHere(mux))
	return mux
}

// note tells the log which page is asked for, and of which recording: its ids alone, and
// nothing that somebody has typed in their place.
func (s *Server) note(r *http.Request) {
	account, kind, id, nth := r.PathValue("account"), vbc.Kind(r.PathValue("kind")), r.PathValue("id"), r.PathValue("nth")
	_, err1 := strconv.ParseInt(id, 10, 64)
	_, err2 := strconv.ParseInt(nth, 10, 64)
	recording := ""
	if err1 == nil && err2 == nil && (kind == vbc.Company || kind == vbc.OnDemand) &&
		slices.ContainsFunc(s.o.Vaults(), func(v *Vault) bool { return v.Name == account }) {
		recording = account + "/" + string(kind) + "/" + id + "/" + nth
	}
	access.Note(r.Context(), r.Pattern, recording)
}
