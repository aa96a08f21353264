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
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// Options are what the page is made of.
type Options struct {
	Vaults  func() []*Vault // in the order of the configuration; may change from call to call
	Config  config.Web
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
	log *slog.Logger
	now func() time.Time

	handing                 handing       // what is being handed over
	searchTakes, countTakes time.Duration // at most
}

// New makes a server; it asks nothing and starts nothing.
func New(o Options) *Server {
	s := &Server{o: o, log: o.Log, now: o.Now, searchTakes: searchTakes, countTakes: countTakes}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

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
			note(req)
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
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if access.From(req.Context()) == nil {
			s.askWho(w, req) // who isn't signed in doesn't learn what there is
			return
		}
		s.fail(w, req, notFound)
	})
	return mux
}

// note tells the log which page is asked for, and of which recording: its ids alone.
func note(r *http.Request) {
	recording := ""
	if id := r.PathValue("id"); id != "" {
		recording = r.PathValue("account") + "/" + r.PathValue("kind") + "/" + id + "/" + r.PathValue("nth")
	}
	access.Note(r.Context(), r.Pattern, recording)
}
