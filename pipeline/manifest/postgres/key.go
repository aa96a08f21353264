package postgres

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// A key isn't kept in the database: whoever may change receipts there mustn't be able to
// sign them, too. Every machine is given it.

// SigningKey is the key that signs the manifest's log. It is a *KeyError if that wasn't
// given.
func (m *Manifest) SigningKey() (receipt.Key, error) {
	verifier, err := m.Verifier(context.Background())
	if err != nil {
		return receipt.Key{}, err
	}
	return m.findKey(verifier)
}

// Verifier is that of the key that the manifest was made with.
func (m *Manifest) Verifier(ctx context.Context) (string, error) {
	verifier, err := m.meta(ctx, "verifier")
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return verifier, err
}

// findKey is the key that was given, if it is the one with a verifier, or any if that
// is "".
func (m *Manifest) findKey(verifier string) (receipt.Key, error) {
	missing := func(format string, args ...any) (receipt.Key, error) {
		return receipt.Key{}, &manifest.KeyError{Verifier: verifier, Why: fmt.Sprintf(format, args...)}
	}
	given := m.givenKey()
	if given == "" {
		return missing("it was not given")
	}
	k, err := receipt.ParseKey(given)
	if err != nil {
		return receipt.Key{}, err
	}
	if verifier != "" && k.Verifier() != verifier {
		return missing("another one is given (%s)", k.Verifier())
	}
	return k, nil
}

// pinKey gives a manifest that has no key yet the one that is given. A manifest that has
// one which isn't given is opened all the same: it can be read, and whoever has to sign
// finds out.
func (m *Manifest) pinKey(ctx context.Context) error {
	verifier, err := m.Verifier(ctx)
	if err != nil || verifier != "" {
		return err
	}
	key, err := m.findKey("")
	if err != nil {
		return err
	}
	return m.exec(ctx, "INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, 'verifier', $2)", key.Verifier())
}
