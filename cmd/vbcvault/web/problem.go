package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// problem is an error that people can read. Whatever else happens is said in the log
// alone: its text may name what the viewer must not see.
type problem struct {
	status      int
	Title, Text string
	Mend        string // what to do about it
}

func (p *problem) Error() string { return p.Title + ": " + p.Text }

var (
	notFound = &problem{http.StatusNotFound, "There is no such page",
		"The address is wrong, or what it shows is not in what you may see.", "Go to the search and look for the call."}
	forbidden = &problem{http.StatusForbidden, "You may not do this",
		"Your role does not include it.", "Ask whoever looks after vbcvault for another role."}
	otherMethod = &problem{http.StatusMethodNotAllowed, "This address can't be used like that",
		"There is something at this address, but not for a request of this kind. Nothing was done.", "Go to the page again and use its buttons."}
	tooLarge = &problem{http.StatusRequestEntityTooLarge, "This is too much at once",
		"What was sent is larger than a form of this page can be. Nothing was done.", "Go back and send less: shorter texts, or fewer calls at a time."}
	tooSlow = &problem{http.StatusServiceUnavailable, "This takes too long",
		"The page could not be made in time, so it was given up.", "Try again in a minute. If it happens again, look for less: fewer days, or one account."}
	broken = &problem{http.StatusInternalServerError, "Something went wrong",
		"The page could not be made; the log of vbcvault says why.", "Try again in a minute. If it happens again, tell whoever looks after vbcvault when it happened."}
)

// problemOf is what people read of an error.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return tooSlow
	}
	return broken
}

// fail answers with a page about an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if (p == broken || p == tooSlow) && r.Context().Err() == nil { // else whoever asked has gone away
		s.log.Error("a page could not be made", "page", r.Pattern, "reason", err)
	}
	if err := s.show(w, r, p.status, "problem", p.Title, p); err != nil {
		s.log.Error("a page could not be made", "page", r.Pattern, "reason", err)
		http.Error(w, p.Title, p.status)
	}
}

// nothingHere answers where no route does. That an address has routes of other methods
// is no secret: they are in the program.
func (s *Server) nothingHere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()) == nil {
			s.askWho(w, r) // who isn't signed in doesn't learn what there is
			return
		}
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(other); method != r.Method && pattern != "/" && strings.HasPrefix(pattern, method+" ") {
				allowed = append(allowed, method)
			}
		}
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		if allowed == nil {
			s.fail(w, r, notFound)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, r, otherMethod)
	}
}
