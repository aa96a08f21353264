package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"POST /holds/{account}/{hold}/end", access.Release, (*Server).endHold},
		route{"POST /holds/{account}/{hold}/decide", access.Release, (*Server).decideHold},
	)
}

// askedFor is how long a second person may decide on a request.
const askedFor = 7 * 24 * time.Hour

// endHold ends a hold or, where a second person must agree, asks for that.
func (s *Server) endHold(w http.ResponseWriter, r *http.Request) error {
	a, h, err := s.toRelease(w, r)
	if err != nil {
		return err
	}
	reason := field(r, "reason")
	switch {
	case h.Removed != nil || h.Request != nil || h.Unended != nil || field(r, "shown") != shownOf(h, ""):
		return staleOrAgain(s, w, r)
	case reason == "" || len(reason) > longest:
		return &problem{http.StatusUnprocessableEntity, "A reason is missing",
			"A hold ends only with a reason of at most 1,000 characters, so that people can read later why.", "Go back and write it down."}
	}
	v := access.From(r.Context())
	return s.once(w, r, func(ctx context.Context) (string, error) {
		if !s.config().FourEyes {
			end, err := manifest.NewEnd(h.Digest, reason, v.Name)
			if err != nil {
				return "", err
			}
			return h.Path, s.release(ctx, a, h, end)
		}
		now := s.now()
		err := s.o.State.AskHoldEnd(ctx, state.HoldEnd{ID: rand.Text(), Account: a.Number, Hold: h.Digest.String(),
			Reason: reason, Who: v.Name, Person: v.ID, At: now, Expires: now.Add(askedFor)})
		if errors.Is(err, state.ErrAsked) {
			return "", staleForm
		}
		if err == nil {
			s.log.Info("somebody asks for the end of a hold", "account", a.Name, "hold", holding.Short(h.Digest), "by", v.Name)
		}
		return h.Path, err
	})
}

// decideHold is what a second person says about a hold's end.
func (s *Server) decideHold(w http.ResponseWriter, r *http.Request) error {
	a, h, err := s.toRelease(w, r)
	if err != nil {
		return err
	}
	v, e := access.From(r.Context()), h.Request
	if e == nil {
		e = h.Unended
	}
	say := state.Decision(field(r, "say"))
	switch {
	case e == nil || h.Removed != nil || field(r, "shown") != shownOf(h, e.ID) || say != state.Agreed && say != state.Declined:
		return staleOrAgain(s, w, r)
	case e.Decision == state.Agreed && say == state.Declined:
		return staleForm
	case e.Decision == state.Undecided && samePerson(e, v):
		return &problem{http.StatusForbidden, "A second person must decide",
			"You have asked for the end of this hold yourself.", "Ask a colleague who may end holds to sign in and look at it."}
	}
	return s.once(w, r, func(ctx context.Context) (string, error) {
		if e.Decision == state.Agreed { // what could not be written everywhere is written again
			var end manifest.HoldText
			if end.Hold, end.Ended, end.Text = h.Digest, true, e.Text; !end.Check() {
				return "", errors.New("the end that was agreed to can't be read")
			}
			return h.Path, s.release(ctx, a, h, end)
		}
		end, err := manifest.NewEnd(h.Digest, e.Reason, e.Who+"; agreed: "+v.Name)
		if err != nil {
			return "", err
		}
		if say == state.Declined {
			end.Text = nil
		}
		if err := s.o.State.DecideHoldEnd(ctx, e.ID, say, v.Name, v.ID, s.now(), end.Text); errors.Is(err, state.ErrDecided) {
			return "", staleForm
		} else if err != nil {
			return "", err
		}
		// A crash from here on leaves a hold in force whose end is agreed to: its page offers
		// to write that again.
		if say == state.Declined {
			s.log.Info("somebody declines the end of a hold", "account", a.Name, "hold", holding.Short(h.Digest), "by", v.Name)
			return h.Path, nil
		}
		return h.Path, s.release(ctx, a, h, end)
	})
}

// release ends a hold wherever it is in force.
func (s *Server) release(ctx context.Context, a *heldAccount, h shownHold, end manifest.HoldText) error {
	missed := holding.End(ctx, h.In, end, a.machine().Beside)
	for _, err := range missed {
		s.log.Error("a hold could not be ended in a manifest", "account", a.Name, "hold", holding.Short(h.Digest), "reason", err)
	}
	if len(missed) == len(h.In) {
		return fmt.Errorf("end a hold: %w", errors.Join(missed...))
	}
	s.log.Info("hold ended", "account", a.Name, "hold", holding.Short(h.Digest))
	return nil
}

// toRelease reads the form of a hold's end, and finds the hold.
func (s *Server) toRelease(w http.ResponseWriter, r *http.Request) (*heldAccount, shownHold, error) {
	if !mayRelease(access.From(r.Context())) {
		return nil, shownHold{}, forbidden
	}
	if err := readForm(w, r); err != nil {
		return nil, shownHold{}, err
	}
	return s.findHold(r)
}

// staleOrAgain answers a form whose page is out of date: it may have been that very form
// that has changed it.
func staleOrAgain(s *Server, w http.ResponseWriter, r *http.Request) error {
	who, t := access.From(r.Context()).Name, field(r, "token")
	if t == "" || len(t) > 64 {
		return staleForm
	}
	fresh, to, err := s.o.State.SendForm(r.Context(), who, t, s.now())
	switch {
	case err != nil:
		return err
	case fresh:
		return errors.Join(s.o.State.FormFailed(r.Context(), who, t), staleForm)
	case to == "":
		return s.again(w, r, who, t, "")
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // our own words, out of our own database
	return nil
}

// shownOf is what a page shows of a hold and of a request about it: a form that was made
// of something else ends nothing.
func shownOf(h shownHold, request string) string {
	says := []string{h.Digest.String(), request}
	for _, e := range []*state.HoldEnd{h.Request, h.Unended} {
		if e != nil && e.ID == request {
			b, _ := json.Marshal(e) //nolint:errchkjson // texts and times
			says = append(says, string(b))
		}
	}
	for _, in := range h.In {
		says = append(says, in.Path)
	}
	sum := sha256.Sum256([]byte(strings.Join(says, "\n")))
	return hex.EncodeToString(sum[:])
}

// samePerson reports whether somebody has made a request: also under another name, which
// some providers let people choose, and whoever else has that name.
func samePerson(e *state.HoldEnd, v *access.Viewer) bool {
	return e.Person == v.ID || strings.EqualFold(strings.TrimSpace(e.Who), strings.TrimSpace(v.Name))
}
