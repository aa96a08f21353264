package web

import (
	"context"
	"errors"
	"io/fs"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// scopedVaults are the accounts that somebody may see, in the order of the configuration.
func (s *Server) scopedVaults(v *access.Viewer) (all []*Vault) {
	for _, vault := range s.o.Vaults() {
		if v.Sees(vault.Name) {
			all = append(all, vault)
		}
	}
	return all
}

// scopedVault is one of them, by its name. The error is notFound for any other.
func (s *Server) scopedVault(v *access.Viewer, name string) (*Vault, error) {
	for _, vault := range s.scopedVaults(v) {
		if vault.Name == name {
			return vault, nil
		}
	}
	return nil, notFound
}

// bound opens a vault's manifest, and is what that is about. ok is false if no run has
// made it yet.
func (v *Vault) bound(ctx context.Context) (m Manifest, b manifest.Binding, ok bool, err error) {
	if m, err = v.Manifest(ctx); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, b, false, err
	}
	b, err = m.Binding(ctx)
	return m, b, err == nil && b.Account != "", err
}

// limited reports whether there are recordings in an account that somebody may not see.
func limited(v *access.Viewer) bool { return v.Role.Extensions != nil || v.Role.MaxAge > 0 }
