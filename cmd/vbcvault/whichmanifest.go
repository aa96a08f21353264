package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

func manifestFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "manifest", "", "the manifest's `FILE` (default: the only one in the state directory)")
}

// theManifest is the manifest that is meant by --manifest, or by leaving it out.
func theManifest(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	return onlyManifest()
}

// readManifest opens an existing manifest for reading, also while a run uses it.
func readManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	return environment().readManifest(ctx, path)
}

// readManifest opens an existing manifest for reading, also while a run uses it.
func (a surroundings) readManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	key, err := a.signingKey()
	if err != nil {
		return nil, err
	}
	m, err := sqlite.OpenReadOnly(ctx, path, key)
	if sqlite.Missing(err) {
		return nil, usagef("name an existing one with --manifest FILE", "there is no manifest %s", path)
	}
	return m, err
}

// withManifest opens an existing manifest for reading, for as long as do takes.
func withManifest(ctx context.Context, path string, do func(path string, m *sqlite.Manifest) error) error {
	return environment().withManifest(ctx, path, do)
}

// withManifest opens an existing manifest for reading, for as long as do takes.
func (a surroundings) withManifest(ctx context.Context, path string, do func(path string, m *sqlite.Manifest) error) error {
	path, err := theManifest(path)
	if err != nil {
		return err
	}
	m, err := a.readManifest(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(do(path, m), m.Close())
}

// lockManifest opens an existing manifest for changing.
func lockManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	return environment().lockManifest(ctx, path)
}

// lockManifest opens an existing manifest for changing.
func (a surroundings) lockManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	m, err := a.readManifest(ctx, path) // says so if there is none, and makes none
	switch {
	case errors.Is(err, manifest.ErrOlder): // opening it to change it upgrades it
	case err != nil:
		return nil, err
	default:
		if err := m.Close(); err != nil {
			return nil, err
		}
	}
	key, err := a.signingKey()
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path, key, written())
}

// signingKey is environment's.
func signingKey() (sqlite.Option, error) { return environment().signingKey() }

// signingKey is the key that signs receipts, if it is given: else it lies beside its
// manifest.
func (a surroundings) signingKey() (sqlite.Option, error) {
	secret, err := a.setting("VBCVAULT_SIGNING_KEY")
	if err != nil {
		return nil, err
	}
	if secret == "" {
		return sqlite.WithKey(""), nil
	}
	if _, err := receipt.ParseKey(secret); err != nil {
		return nil, usagef("it is the content of the file MANIFEST.key of an existing manifest", "VBCVAULT_SIGNING_KEY: %v", err)
	}
	return sqlite.WithKey(secret), nil
}

// onlyManifest finds the manifest where there is just one.
func onlyManifest() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	found, err := holding.ManifestsIn(dir)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", usagef(cmp.Or(packagedElsewhere(), "name it with --manifest FILE; archive prints its name. With a configuration file, vbcvault status --config FILE --json has the manifests of its accounts"), "there is no manifest in %s", dir)
	case 1:
		return found[0], nil
	}
	return "", usagef("name one with --manifest FILE; status and report take --config FILE, for the accounts of a configuration file", "there are several manifests:\n  %s", strings.Join(found, "\n  "))
}
