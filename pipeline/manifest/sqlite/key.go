package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// KeyFile is where the key of the manifest at path lies, unless it is given by other
// means: beside it. Whoever takes a manifest from one place to another takes it along.
func KeyFile(path string) string { return path + ".key" }

// WithKey is a signing key that is given by other means than the file beside the
// manifest, as receipt.Key.Secret has it; "" is none.
func WithKey(secret string) Option {
	return func(m *Manifest) { m.givenKey = func() string { return secret } }
}

// keyAt is another place for the file.
func keyAt(file string) Option {
	return func(m *Manifest) { m.keyFile = file }
}

// SigningKey is the key that signs the manifest's log. It is a *KeyError if that
// can't be had.
func (m *Manifest) SigningKey() (receipt.Key, error) {
	if m.key.Verifier() != "" {
		return m.key, nil
	}
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

// findKey finds the key with a verifier, or any if that is "".
func (m *Manifest) findKey(verifier string) (receipt.Key, error) {
	missing := func(format string, args ...any) (receipt.Key, error) {
		return receipt.Key{}, &manifest.KeyError{Verifier: verifier, File: m.keyFile, Why: fmt.Sprintf(format, args...)}
	}
	other := "" // what is said of a key that is given and isn't it
	if given := m.givenKey(); given != "" {
		k, err := receipt.ParseKey(given)
		if err != nil {
			return receipt.Key{}, err
		}
		if verifier == "" || k.Verifier() == verifier {
			return k, nil
		}
		other = ", and the key that is given instead is another one (" + k.Verifier() + ")"
	}
	text, err := os.ReadFile(m.keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("is missing%s", other)
	case err != nil:
		return missing("can't be read: %v", err)
	}
	k, err := receipt.ParseKey(string(text))
	if err != nil {
		return missing("is damaged: %v", err)
	}
	if verifier != "" && k.Verifier() != verifier {
		return missing("is another key (%s)", k.Verifier())
	}
	return k, nil
}

// pinKey gives a manifest that has no key yet one: what is given, what lies beside
// it already, or a new one. A crash before the pin leaves a key that the next try
// takes. A manifest that has one and can't get it is opened all the same: it can be
// read, and whoever has to sign finds out.
func (m *Manifest) pinKey(ctx context.Context) error {
	verifier, err := m.Verifier(ctx)
	if err != nil || verifier != "" {
		return err
	}
	m.key, err = m.findKey("")
	isNew := err == nil && m.givenKey() != ""
	if _, absent := errors.AsType[*manifest.KeyError](err); absent {
		if _, e := os.Lstat(m.keyFile); !errors.Is(e, fs.ErrNotExist) {
			return err
		}
		m.key, err = writeKey(m.keyFile)
		isNew = err == nil
	}
	if err == nil && isNew { // else somebody may have taken the pin away
		err = m.signOlderEnds(ctx)
	}
	if err != nil {
		return err
	}
	if _, err := m.writes.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('verifier', ?)", m.key.Verifier()); err != nil {
		return writeError(err)
	}
	return nil
}

// signOlderEnds signs the ends of holds that an earlier program has written down: once,
// when a manifest gets its key. A crash right before that leaves these holds in force
// again: held in vain is still there.
func (m *Manifest) signOlderEnds(ctx context.Context) error {
	all, err := m.HoldTexts(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if len(r.Ended) == 0 {
			continue
		}
		signed, err := m.key.SignHoldEnd(r.Digest, storage.SumOf(r.Ended))
		if err != nil {
			return err
		}
		if _, err := m.writes.ExecContext(ctx, "UPDATE hold SET signed = ? WHERE digest = ?", signed, r.Digest.String()); err != nil {
			return writeError(err)
		}
	}
	return nil
}

// writeKey makes a key in a new file, durably.
func writeKey(path string) (receipt.Key, error) {
	k, err := receipt.NewKey()
	if err != nil {
		return k, err
	}
	if err := WriteKey(path, k); err != nil {
		return receipt.Key{}, err
	}
	return k, nil
}

// WriteKey writes a key into a new file (0600). On nil it is on disk, whole.
func WriteKey(path string, k receipt.Key) error {
	unfinished := path + ".unfinished"
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	defer func() { _ = os.Remove(unfinished) }() // it has another name by then, or is of no use
	_, err = f.WriteString(k.Secret() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write the signing key: %s already exists", path)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not everywhere; without it, a power failure may leave none, and no pin either
		dir.Close()
	}
	return nil
}
