package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"GET /holds/new", access.Hold, (*Server).newHold},
		route{"POST /holds/new", access.Hold, (*Server).previewHold},
		route{"POST /holds", access.Hold, (*Server).addHold},
	)
}

func manifestID(id int64) string { return strconv.FormatInt(id, 10) }

// holdForm is what somebody has written into the form of a new hold.
type holdForm struct {
	Account, IDs, Number, Extension, Since, Until, Reason string

	Names []string          // of the accounts that there are to choose from
	Wrong map[string]string // what is wrong with fields
}

// newHold shows the form, with what the address says of it: a call's page and the search
// lead here.
func (s *Server) newHold(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := holdForm{
		Account: q.Get("account"), IDs: q.Get("id"), Number: q.Get("number"), Extension: q.Get("extension"),
		Since: onlyDate(q.Get("since")), Until: onlyDate(q.Get("until")), Reason: q.Get("reason"),
	}
	return s.showHoldForm(w, r, http.StatusOK, f)
}

// onlyDate is a date out of a search's address, which may have a time of day.
func onlyDate(s string) string {
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return ""
	}
	return s
}

func (s *Server) showHoldForm(w http.ResponseWriter, r *http.Request, status int, f holdForm) error {
	accounts, err := s.heldAccounts(r.Context(), access.From(r.Context()))
	if err != nil {
		return err
	}
	for _, a := range accounts {
		f.Names = append(f.Names, a.Name)
		if slices.ContainsFunc(a.Vaults, func(v *Vault) bool { return v.Name == f.Account }) {
			f.Account = a.Name
		}
	}
	return s.show(w, r, status, "holdnew", "New hold", f)
}

// holdPreview is what a page shows of a hold before it is made.
type holdPreview struct {
	holdForm
	Several bool
	Covers  []template.HTML
	Count   holding.Count
	First   []manifest.Row
	Literal bool // the number has too few digits to be compared as one
	Where   []string
	More    int // manifests that it also reaches
	Unread  int
	Limited bool
	Token   string
}

// previewHold shows what a hold would cover. It changes nothing.
func (s *Server) previewHold(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	v, zone := access.From(r.Context()), zoneOf(r)
	f, h := readHold(r, zone)
	a, err := s.heldAccount(r.Context(), v, f.Account)
	if err != nil {
		f.Wrong["account"] = "Choose one of the accounts."
	}
	if len(f.Wrong) > 0 {
		return s.showHoldForm(w, r, http.StatusUnprocessableEntity, f)
	}
	h.By = v.Name
	counts, err := s.count(r.Context(), v, a, []holding.Hold{{Hold: h}}, 10)
	if err != nil {
		return err
	}
	if !h.Since.IsZero() {
		f.Since = h.Since.Format(time.RFC3339)
	}
	if !h.Until.IsZero() {
		f.Until = h.Until.Format(time.RFC3339)
	}
	p := holdPreview{holdForm: f, Covers: criteria(zone, h), Count: counts[0].Count(), First: counts[0].First,
		Literal: h.Literal(), Unread: a.Unread, Limited: limited(v), Token: token()}
	for _, vault := range a.Vaults {
		p.Where = append(p.Where, vault.Destination)
	}
	p.More = max(0, len(a.places)-len(p.Where))
	return s.show(w, r, http.StatusOK, "holdpreview", "New hold: what it covers", p)
}

// addHold makes the hold that was shown.
func (s *Server) addHold(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	v := access.From(r.Context())
	f, h := readHold(r, zoneOf(r))
	a, err := s.heldAccount(r.Context(), v, f.Account)
	if err != nil {
		return err
	}
	if len(f.Wrong) > 0 {
		return s.showHoldForm(w, r, http.StatusUnprocessableEntity, f)
	}
	h.By = v.Name
	return s.once(w, r, func(ctx context.Context) (string, error) {
		adding := holding.Adding{Beside: a.machine().Beside, Places: a.machine().Places}
		done, err := adding.Add(ctx, h, a.places, nil)
		if err != nil {
			return "", fmt.Errorf("add a hold: %w", err)
		}
		for _, missed := range done.Missed {
			s.log.Error("a hold could not be written into a manifest", "account", a.Name, "hold", holding.Short(done.Hold.Digest), "reason", missed)
		}
		s.log.Info("hold added", "account", a.Name, "hold", holding.Short(done.Hold.Digest), "by", v.Name)
		return "/holds/" + url.PathEscape(a.Name) + "/" + done.Hold.Digest.String() + "?made", nil
	})
}

// readHold reads the form of a hold. What is wrong stands in the form's Wrong.
func readHold(r *http.Request, zone *time.Location) (f holdForm, h manifest.Hold) {
	f = holdForm{
		Account: field(r, "account"), IDs: field(r, "id"), Number: field(r, "number"), Extension: field(r, "extension"),
		Since: field(r, "since"), Until: field(r, "until"), Reason: field(r, "reason"), Wrong: map[string]string{},
	}
	h = manifest.Hold{CallerID: f.Number, Extension: f.Extension, Reason: f.Reason}
	var err error
	if h.IDs, err = readIDs(f.IDs); err != nil {
		f.Wrong["id"] = upper(err.Error()) + "."
	}
	if h.Since, err = readDay(f.Since, zone, false); err != nil {
		f.Wrong["since"] = upper(err.Error()) + "."
	}
	if h.Until, err = readDay(f.Until, zone, true); err != nil {
		f.Wrong["until"] = upper(err.Error()) + "."
	}
	if !h.Since.IsZero() && !h.Until.IsZero() && !h.Since.Before(h.Until) {
		f.Wrong["until"] = "The last day is before the first one."
	}
	if f.Reason == "" {
		f.Wrong["reason"] = "Write down why these recordings must be kept."
	}
	for name, text := range map[string]string{"number": f.Number, "extension": f.Extension, "reason": f.Reason} {
		if len(text) > longest {
			f.Wrong[name] = "This is too long."
		}
	}
	if len(f.Wrong) == 0 && !h.Selects() {
		f.Wrong["id"] = "Fill in at least one of recording, number, extension and dates: a hold on everything needs a first day."
	}
	return f, h
}

// readIDs reads the numbers of recordings.
func readIDs(text string) (ids []int64, err error) {
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\n' || c == '\r' || c == '\t' })
	for _, word := range words {
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil || id <= 0 {
			return nil, errors.New("these must be the numbers of recordings, as in 193228, with commas between them")
		}
		ids = append(ids, id)
	}
	if len(ids) > 1000 {
		return nil, errors.New("these are more than 1,000 recordings: make several holds, or use dates")
	}
	return ids, nil
}

// readDay is the moment at which a day begins in a zone, or, as the last day, ends. An
// exact time stays what it is.
func readDay(text string, zone *time.Location, last bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil || t.Year() < 1990 || t.Year() > 9000 {
		return time.Time{}, errors.New("this must be a date, as in 2026-05-12")
	}
	if last {
		t = t.AddDate(0, 0, 1)
	}
	return t.UTC(), nil
}
