package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/vbc"
)

func init() {
	routes = append(routes, route{"GET /{$}", access.See, (*Server).search})
}

// results is what the page of the search shows.
type results struct {
	*form
	findings
	Names []string // of the accounts that whoever looks may see
	Asked bool     // the manifests were asked: nothing in the form is wrong
	First string   // the address of the first page; "" if it is this one
	After string   // the address of the next page
	Back  string   // the address of this one, for whoever changes the zone
	Gone  bool     // the address's place can't be read

	Unindexed string // that not all that was said can be found yet; "" = it can, or nobody asks for it
}

// search answers with calls. Its address is the whole of the query.
func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	viewer, parameters := access.From(r.Context()), r.URL.Query()
	form := readQuery(parameters)
	vaults := s.scopedVaults(viewer)
	page := results{form: form, Back: r.URL.RequestURI()}
	for _, v := range vaults {
		page.Names = append(page.Names, v.Name)
	}
	q := form.query(zoneOf(r))
	q.Scope = viewer.Scope(s.now())
	form.named(page.Names)
	var after *cursor
	if text := parameters.Get("after"); text != "" {
		c, ok := readCursor(text)
		after, page.Gone = &c, !ok
		page.First = address(form, "")
	}
	if len(form.Wrong) > 0 || page.Gone {
		return s.show(w, r, http.StatusUnprocessableEntity, "search", "Calls", page)
	}
	here := address(form, parameters.Get("after"))
	if u, err := url.Parse(here); err != nil || !maps.EqualFunc(u.Query(), parameters, slices.Equal) { // as a form that is empty in places is sent
		http.Redirect(w, r, here, http.StatusSeeOther)
		return nil
	}
	if form.Account != "" {
		vaults = slices.DeleteFunc(vaults, func(v *Vault) bool { return v.Name != form.Account })
	}
	page.findings, page.Asked = s.find(r.Context(), vaults, q, after), true
	if form.Words != "" {
		page.Unindexed = s.unindexed(r.Context(), vaults, q.Scope)
	}
	if page.Next != nil {
		page.After = address(form, page.Next.String())
	}
	status := http.StatusOK
	if n := len(page.Unreadable) + len(page.Slow); n > 0 && n == len(vaults) {
		status = http.StatusServiceUnavailable
	}
	return s.show(w, r, status, "search", "Calls", page)
}

// address is that of a page of a search, behind a place.
func address(f *form, after string) string {
	query := f.Query()
	if after != "" {
		if query != "" {
			query += "&"
		}
		query += "after=" + url.QueryEscape(after)
	}
	if query == "" {
		return "/"
	}
	return "/?" + query
}

// Path is the address of the call's page, on which what was searched is marked.
func (r results) Path(f found) string {
	if r.Words == "" {
		return pathOf(f.Account, f.Row)
	}
	return pathOf(f.Account, f.Row) + "?words=" + url.QueryEscape(r.Words)
}

// Transcribed reports whether there is a transcript to read.
func (f found) Transcribed() bool { return f.Copy.Transcript.Key != "" }

// Way is the direction of a call in words.
func (f found) Way() string { return wayOf(f.Recording) }

func wayOf(r vbc.Recording) string {
	for _, c := range directions {
		if vbcDirections[c.Value] == r.Direction {
			return c.Name
		}
	}
	return r.Direction
}

// Several reports whether whoever looks may see more accounts than one.
func (r results) Several() bool { return len(r.Names) > 1 }

// Missing reports whether there are accounts that have not been searched.
func (r results) Missing() bool { return len(r.Unreadable)+len(r.Slow) > 0 }
