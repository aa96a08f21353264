package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// mostForm is how many bytes of a form are read.
const mostForm = 1 << 20

// longest are the most characters that a reason or another field may have.
const longest = 1000

// token is what a form is told from another by: sent twice, it does its work once.
func token() string { return rand.Text() }

// readForm reads the form that somebody has sent.
func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		if problemOf(err) == tooLarge {
			return tooLarge
		}
		return &problem{http.StatusBadRequest, "The form could not be read", "It was cut off on its way.", "Go back and send it again."}
	}
	return nil
}

// field is what somebody has written into a field of a form that was sent.
func field(r *http.Request, name string) string { return strings.TrimSpace(r.PostFormValue(name)) }

// once does what a form asks for, the first time that it is sent, and leads to the page
// about it, as often as it is sent: a second click waits for the first. An error of do
// lets it be sent again.
func (s *Server) once(w http.ResponseWriter, r *http.Request, do func(ctx context.Context) (to string, err error)) error {
	who, t := access.From(r.Context()).Name, field(r, "token")
	if t == "" || len(t) > 64 {
		return staleForm
	}
	// What is begun is ended, whether somebody waits for it or not.
	ctx := context.WithoutCancel(r.Context())
	fresh, to, err := s.o.State.SendForm(ctx, who, t, s.now())
	if err != nil {
		return err
	}
	if !fresh {
		return s.again(w, r, who, t, to)
	}
	if to, err = do(ctx); err != nil {
		if failed := s.o.State.FormFailed(ctx, who, t); failed != nil {
			s.log.Error("a form can't be sent again", "reason", failed)
		}
		return err
	}
	if err := s.o.State.FormResult(ctx, who, t, to); err != nil {
		s.log.Error("a form that was sent can't be remembered", "reason", err) // it is done all the same
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// again answers a form that was sent before.
func (s *Server) again(w http.ResponseWriter, r *http.Request, who, t, to string) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	end := time.NewTimer(20 * time.Second)
	defer end.Stop()
	for to == "" {
		select {
		case <-look.C:
		case <-end.C:
			return sentBefore
		case <-r.Context().Done():
			return sentBefore
		}
		var err error
		var fresh bool
		if fresh, to, err = s.o.State.SendForm(r.Context(), who, t, s.now()); err != nil {
			return err
		}
		if fresh { // the first has failed, and this one does nothing
			return s.firstFailed(r, who, t)
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *Server) firstFailed(r *http.Request, who, t string) error {
	if err := s.o.State.FormFailed(r.Context(), who, t); err != nil {
		return err
	}
	return &problem{http.StatusConflict, "Nothing was done", "The form was sent twice, and the first time it failed.", "Go back, load the page again and send it once more."}
}

var (
	staleForm = &problem{http.StatusConflict, "This form is no longer valid",
		"What it is about has changed since the page was loaded, or somebody has sent it already.", "Go back, load the page again and look at what it says now."}
	sentBefore = &problem{http.StatusConflict, "This form was sent already",
		"It was sent before, and it is not known yet what came of it.", "Wait a minute. Then look whether it was done, before you send it again."}
)
