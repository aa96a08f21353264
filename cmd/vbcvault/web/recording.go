package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// recordingPattern is the address of one recording, for routes. Without an owner, "-"
// stands for it.
const recordingPattern = "/call/{account}/{kind}/{owner}/{id}/{nth}"

// pathOf is the address of a recording of an account that the page calls so.
func pathOf(account string, row manifest.Row) string {
	owner := row.Owner
	if owner == "" {
		owner = "-"
	}
	return fmt.Sprintf("/call/%s/%s/%s/%d/%d", url.PathEscape(account), url.PathEscape(string(row.Kind)), url.PathEscape(owner), row.ID, row.Nth)
}

// recording is what a request's address names. What isn't there and what whoever asks
// must not see are the same error: notFound.
func (s *Server) recording(r *http.Request) (*Vault, Manifest, manifest.Row, error) {
	v, viewer := s.vaultNamed(r.PathValue("account")), access.From(r.Context())
	key, nth, ok := keyOf(r)
	if v == nil || !ok || !viewer.Sees(v.Name) {
		return nil, nil, manifest.Row{}, notFound
	}
	m, err := v.Manifest(r.Context())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, manifest.Row{}, notFound
	}
	var row manifest.Row
	if err == nil {
		row, err = seen(r.Context(), m, viewer.Scope(s.now()), key, nth)
	}
	return v, m, row, err
}

// seen is one row within a scope. The error is notFound if there is none.
func seen(ctx context.Context, m manifest.Rows, scope manifest.Scope, key vbc.Key, nth int64) (manifest.Row, error) {
	row, err := m.Row(ctx, key, nth)
	if errors.Is(err, manifest.ErrUnknown) || err == nil && !scope.Covers(row) {
		return manifest.Row{}, notFound
	}
	return row, err
}

// vaultNamed is the account that the page calls so, nil if there is none.
func (s *Server) vaultNamed(name string) *Vault {
	for _, v := range s.o.Vaults() {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// keyOf reads a recording's key out of an address.
func keyOf(r *http.Request) (key vbc.Key, nth int64, ok bool) {
	id, errID := strconv.ParseInt(r.PathValue("id"), 10, 64)
	nth, errNth := strconv.ParseInt(r.PathValue("nth"), 10, 64)
	key = vbc.Key{Kind: vbc.Kind(r.PathValue("kind")), Owner: r.PathValue("owner"), ID: id}
	if key.Owner == "-" {
		key.Owner = ""
	}
	known := key.Kind == vbc.Company || key.Kind == vbc.OnDemand
	return key, nth, errID == nil && errNth == nil && known
}
