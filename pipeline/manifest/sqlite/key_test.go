package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// keyed is a manifest that is bound, and the text of its key's file.
func keyed(t *testing.T) (path, secret string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "m")
	m := open(t, path)
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	m.Close()
	text, err := os.ReadFile(sqlite.KeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	return path, strings.TrimSpace(string(text))
}

// Editors of some systems put a mark before a text, and other line ends behind it.
func TestKeyFileOfAnEditor(t *testing.T) {
	t.Parallel()
	path, secret := keyed(t)
	for _, text := range []string{secret, secret + "\r\n", "\ufeff" + secret + "\r\n", "\n " + secret + "\n\n"} {
		if err := os.WriteFile(sqlite.KeyFile(path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := open(t, path)
		if key, err := m.SigningKey(); err != nil || key.Secret() != secret {
			t.Errorf("%q: %v", text, err)
		}
		m.Close()
	}
}

// Without its key a manifest can be read and changed; only signing finds out, and says
// which key is needed, and where. It never gets another one.
func TestManifestWithoutItsKey(t *testing.T) {
	t.Parallel()
	other, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(file string) error{
		"is missing": os.Remove,
		"is damaged": func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"can't be read": func(file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
		},
		"is another key": func(file string) error {
			return errors.Join(os.Remove(file), sqlite.WriteKey(file, other))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path, secret := keyed(t)
			if err := spoil(sqlite.KeyFile(path)); err != nil {
				t.Fatal(err)
			}
			for how, open := range map[string]func() (*sqlite.Manifest, error){
				"for a run": func() (*sqlite.Manifest, error) {
					return sqlite.Open(t.Context(), path, sqlite.WithKey(other.Secret()))
				},
				"for reading":  func() (*sqlite.Manifest, error) { return sqlite.OpenReadOnly(t.Context(), path) },
				"for changing": func() (*sqlite.Manifest, error) { return sqlite.OpenBeside(t.Context(), path) },
			} {
				m, err := open()
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				_, err = m.SigningKey()
				missing, ok := errors.AsType[*manifest.KeyError](err)
				if !ok || !strings.Contains(err.Error(), what) || missing.Verifier == "" || strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v", how, err)
				}
				if how == "for a run" && what == "is missing" && !strings.Contains(err.Error(), other.Verifier()) {
					t.Errorf("it doesn't say that the key that is given is another: %v", err)
				}
				if how != "for reading" {
					if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"}); err != nil {
						t.Errorf("%s: %v", how, err)
					}
				}
				m.Close()
			}
			if err := errors.Join(os.RemoveAll(sqlite.KeyFile(path)), os.WriteFile(sqlite.KeyFile(path), []byte(secret), 0o600)); err != nil {
				t.Fatal(err)
			}
			m := open(t, path)
			if _, err := m.SigningKey(); err != nil {
				t.Errorf("put back: %v", err)
			}
		})
	}
}

// A key that is given isn't shown by whoever prints what has it.
func TestGivenKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"), sqlite.WithKey(key.Secret()))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if text := fmt.Sprintf("%+v %#v", m, m); strings.Contains(text, key.Secret()) {
		t.Error(text)
	}
}
