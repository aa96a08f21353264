package web

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"GET /listenings", access.Log, (*Server).listenings},
		route{"GET /listenings/export", access.Log, (*Server).exportListenings},
	)
}

// hearing is an entry in the log of who has listened.
type hearing struct {
	manifest.Listening
	Account string // name, as the configuration has it
}

// Path is the address of the recording's page.
func (h hearing) Path() string {
	row := manifest.Row{}
	row.Kind, row.Owner, row.ID, row.Nth = h.Kind, h.Owner, h.ID, h.Nth
	return pathOf(h.Account, row)
}

// Way is how somebody got to know what was said.
func (h hearing) Way() string { return howWords(h.How) }

// hearings is what the page of the log shows.
type hearings struct {
	*logForm
	Entries    []hearing
	Names      []string // of the accounts that whoever looks may see
	Unreadable []string
	Asked      bool
	First      string // the address of the first page; "" if it is this one
	After      string // of the next one
	Gone       bool   // the address's place can't be read
}

// Several reports whether the account has to be said.
func (h hearings) Several() bool { return len(h.Names) > 1 }

// listenings answers with the log of who has listened. Its address is the whole of the
// query.
func (s *Server) listenings(w http.ResponseWriter, r *http.Request) error {
	parameters := r.URL.Query()
	form, q, vaults := s.logQuery(r)
	page := hearings{logForm: form, Names: form.names}
	before := place{}
	if text := parameters.Get("before"); text != "" {
		var ok bool
		before, ok = readPlace(text)
		page.Gone, page.First = !ok, form.address("")
	}
	if len(form.Wrong) > 0 || page.Gone {
		return s.show(w, r, http.StatusUnprocessableEntity, "listenings", "Listening log", page)
	}
	here := form.address(parameters.Get("before"))
	if u, err := url.Parse(here); err != nil || !maps.EqualFunc(u.Query(), parameters, slices.Equal) { // as a form that is empty in places is sent
		http.Redirect(w, r, here, http.StatusSeeOther)
		return nil
	}
	page.Asked = true
	q.Limit = pageOf + 1
	heads := s.heads(r.Context(), vaults, q, before)
	defer heads.stop()
	page.Unreadable = heads.unread
	for h, err := range heads.latest() {
		if err != nil {
			return err
		}
		if len(page.Entries) == pageOf {
			page.After = form.address(before.String())
			break
		}
		page.Entries = append(page.Entries, h)
		before[h.Account] = h.Number
	}
	status := http.StatusOK
	if n := len(page.Unreadable); n > 0 && n == len(vaults) {
		status = http.StatusServiceUnavailable
	}
	return s.show(w, r, status, "listenings", "Listening log", page)
}

// exportListenings answers with all that the query selects, for a program or a
// spreadsheet. What can't be sent to its end breaks off, so that nobody takes it for all.
func (s *Server) exportListenings(w http.ResponseWriter, r *http.Request) error {
	form, q, vaults := s.logQuery(r)
	as := r.URL.Query().Get("as")
	if len(form.Wrong) > 0 || as != "csv" && as != "json" {
		return notFound
	}
	heads := s.heads(r.Context(), vaults, q, place{})
	defer heads.stop()
	if len(heads.unread) > 0 {
		return &problem{http.StatusServiceUnavailable, "The log can't be exported now", "The manifests of some accounts can't be read, so the file would not have all entries.",
			"Try again in a minute, or choose one account. The log of vbcvault says why."}
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	name, kind, to := "listenings.csv", "text/csv; charset=utf-8; header=present", catalog.Listenings(nil)
	if as == "json" {
		name, kind, to = "listenings.jsonl", "application/x-ndjson", catalog.NewListeningLines(w)
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if to == nil {
		to = catalog.NewListeningCSV(w)
	}
	for l, err := range heads.latest() {
		if err == nil {
			err = to.Write(l.Listening)
		}
		if err != nil {
			s.log.Error("the log of who has listened could not be exported to its end", "reason", err)
			panic(http.ErrAbortHandler)
		}
	}
	if err := to.Flush(); err != nil {
		panic(http.ErrAbortHandler) // whoever asked has gone away
	}
	return nil
}

// logQuery is what the form asks for, of which accounts: those alone that whoever asks
// may see.
func (s *Server) logQuery(r *http.Request) (*logForm, manifest.ListeningQuery, []*Vault) {
	viewer := access.From(r.Context())
	vaults := s.scopedVaults(viewer)
	form := readLogForm(r.URL.Query())
	for _, v := range vaults {
		form.names = append(form.names, v.Name)
	}
	q := form.ask(zoneOf(r))
	q.Scope = viewer.Scope(s.now())
	if form.Account != "" {
		vaults = slices.DeleteFunc(vaults, func(v *Vault) bool { return v.Name != form.Account })
	}
	return form, q, vaults
}

// place is how far the log was shown: the number of the last entry of each account.
type place map[string]int64

// String is the place in an address.
func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readPlace(text string) (p place, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &p) != nil || p == nil {
		return nil, false
	}
	return p, p.String() == text
}

// logHeads are accounts' logs, each with its next entry.
type logHeads struct {
	all    []*logHead
	unread []string // accounts whose log can't be read
}

type logHead struct {
	account string
	next    func() (manifest.Listening, error, bool)
	stop    func()
	manifest.Listening
}

// heads opens the logs of accounts, behind a place.
func (s *Server) heads(ctx context.Context, vaults []*Vault, q manifest.ListeningQuery, before place) *logHeads {
	h := &logHeads{}
	for _, v := range vaults {
		m, err := v.Manifest(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no run has made a manifest yet: nobody has listened
		}
		more := false
		if err == nil {
			q.Before = before[v.Name]
			one := &logHead{account: v.Name}
			one.next, one.stop = iter.Pull2(m.Listenings(ctx, q))
			if one.Listening, err, more = one.next(); more && err == nil {
				h.all = append(h.all, one)
			} else {
				one.stop()
			}
		}
		if err != nil {
			s.log.Error("the log of who has listened can't be read", "account", v.Name, "reason", err)
			h.unread = append(h.unread, v.Name)
		}
	}
	return h
}

// latest yields the entries of all, the latest first.
func (h *logHeads) latest() iter.Seq2[hearing, error] {
	return func(yield func(hearing, error) bool) {
		for len(h.all) > 0 {
			i := 0
			for j, one := range h.all {
				if c := cmp.Or(one.At.Compare(h.all[i].At), cmp.Compare(h.all[i].account, one.account)); c > 0 {
					i = j
				}
			}
			one := h.all[i]
			if !yield(hearing{one.Listening, one.account}, nil) {
				return
			}
			l, err, more := one.next()
			if err != nil {
				yield(hearing{}, err)
				return
			}
			if one.Listening = l; !more {
				one.stop()
				h.all = slices.Delete(h.all, i, i+1)
			}
		}
	}
}

func (h *logHeads) stop() {
	for _, one := range h.all {
		one.stop()
	}
}
