package sqlite

import (
	"context"
	"fmt"
)

// Login is the digest of the user to whom VBC has shown recordings of the account
// that this manifest is bound to, "" if none is known.
func (m *Manifest) Login(ctx context.Context) (string, error) {
	digest, err := m.meta(ctx, "login")
	if err != nil {
		return "", fmt.Errorf("read manifest: %w", err)
	}
	return digest, nil
}

// SetLogin writes that down.
func (m *Manifest) SetLogin(ctx context.Context, digest string) error {
	return m.exec(ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES ('login', ?)", digest)
}
