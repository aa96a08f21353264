package web

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/handover"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// pickOf names a recording in the forms of the page.
func pickOf(account string, row manifest.Row) string {
	return strings.TrimPrefix(pathOf(account, row), "/call/")
}

// picked is a recording that somebody has picked.
type picked struct {
	Pick  string
	Vault *Vault
	Row   manifest.Row
}

// Path is the address of its page.
func (p picked) Path() string { return pathOf(p.Vault.Name, p.Row) }

// picked are the recordings that a form names, each once. What isn't there and what
// whoever asks must not see is the same error: notFound.
func (s *Server) picked(r *http.Request) (all []picked, err error) {
	if search := r.PostFormValue("search"); search != "" {
		return s.pickedBy(r, search)
	}
	seenPick := map[string]bool{}
	if len(r.PostForm["pick"]) > handover.Most {
		return nil, tooMany
	}
	for _, pick := range r.PostForm["pick"] {
		if seenPick[pick] {
			continue
		}
		seenPick[pick] = true
		sub, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/call/"+pick, nil) //nolint:gosec // it is read here, and sent nowhere
		if err != nil {
			return nil, notFound
		}
		parts := strings.Split(strings.TrimPrefix(sub.URL.Path, "/call/"), "/")
		if len(parts) != 5 {
			return nil, notFound
		}
		for i, name := range []string{"account", "kind", "owner", "id", "nth"} {
			sub.SetPathValue(name, parts[i])
		}
		v, _, row, err := s.recording(sub)
		if err != nil {
			return nil, err
		}
		all = append(all, picked{pick, v, row})
	}
	if len(all) == 0 {
		return nil, nothingPicked
	}
	return all, nil
}

// pickedBy are the recordings that a search finds, by the address of it.
func (s *Server) pickedBy(r *http.Request, search string) (all []picked, err error) {
	_, query, _ := strings.Cut(search, "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, notFound
	}
	form, viewer := readQuery(parameters), access.From(r.Context())
	q := form.query(zoneOf(r))
	if len(form.Wrong) > 0 {
		return nil, notFound
	}
	q.Scope, q.Limit = viewer.Scope(s.now()), handover.Most+1
	ctx, cancel := context.WithTimeout(r.Context(), s.searchTakes)
	defer cancel()
	for _, v := range s.scopedVaults(viewer) {
		if form.Account != "" && v.Name != form.Account {
			continue
		}
		m, err := v.Manifest(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for row, err := range m.Search(ctx, q) {
			if err != nil {
				return nil, err
			}
			if all = append(all, picked{pickOf(v.Name, row), v, row}); len(all) > handover.Most {
				return nil, tooMany
			}
		}
	}
	if len(all) == 0 {
		return nil, nothingPicked
	}
	return all, nil
}

var (
	tooMany = &problem{http.StatusUnprocessableEntity, "These are too many recordings",
		"At most " + strconv.Itoa(handover.Most) + " recordings can be handed over at once.", "Go back and choose fewer: for instance, one month after the other."}
	nothingPicked = &problem{http.StatusUnprocessableEntity, "No recordings are selected",
		"There is nothing to hand over.", "Go back and mark the recordings that you mean."}
	noSpool = &problem{http.StatusNotFound, "Selections can't be handed over here",
		"This page was started without a place for that.", "Download the recordings one by one, or ask whoever looks after vbcvault."}
)
