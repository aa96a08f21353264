package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

func manifestFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "manifest", "", "the manifest's `FILE` (default: the only one in the state directory)")
}

// theManifest is environment's.
func theManifest(ctx context.Context, path string) (string, error) {
	return environment().theManifest(ctx, path)
}

// theManifest is the manifest that is meant by --manifest, or by leaving it out.
func (a surroundings) theManifest(ctx context.Context, path string) (string, error) {
	if path != "" {
		return path, fitManifest(path)
	}
	return a.onlyManifest(ctx)
}

// readManifest opens an existing manifest for reading, also while a run uses it.
func readManifest(ctx context.Context, path string) (manifest.Opened, error) {
	return environment().readManifest(ctx, path)
}

// readManifest opens an existing manifest for reading, also while a run uses it.
func (a surroundings) readManifest(ctx context.Context, path string) (manifest.Opened, error) {
	o, err := a.opening()
	if err != nil {
		return nil, err
	}
	m, err := place.OpenReadOnly(ctx, path, o)
	if place.Missing(err) {
		return nil, usagef("name an existing one with --manifest FILE", "there is no manifest %s", path)
	}
	return m, err
}

// withManifest opens an existing manifest for reading, for as long as do takes.
func withManifest(ctx context.Context, path string, do func(path string, m manifest.Opened) error) error {
	return environment().withManifest(ctx, path, do)
}

// withManifest opens an existing manifest for reading, for as long as do takes.
func (a surroundings) withManifest(ctx context.Context, path string, do func(path string, m manifest.Opened) error) error {
	path, err := a.theManifest(ctx, path)
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
func lockManifest(ctx context.Context, path string) (manifest.Opened, error) {
	return environment().lockManifest(ctx, path)
}

// lockManifest opens an existing manifest for changing.
func (a surroundings) lockManifest(ctx context.Context, path string) (manifest.Opened, error) {
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
	o, err := a.opening()
	if err != nil {
		return nil, err
	}
	return place.Open(ctx, path, o)
}

// onlyManifest finds the manifest where there is just one: in the database, if they lie in
// one, else in the state directory.
func (a surroundings) onlyManifest(ctx context.Context) (string, error) {
	database, err := a.database()
	switch {
	case err != nil:
		return "", err
	case database != "":
		return a.onlyInDatabase(ctx, database)
	}
	return onlyFile()
}

// onlyInDatabase finds the manifest of a database that has just one.
func (a surroundings) onlyInDatabase(ctx context.Context, database string) (string, error) {
	found, err := place.Manifests(ctx, database, "", a.unsigned())
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", usagef("run vbcvault archive, which makes it; or name another database or a file with --manifest", "there is no manifest in %s", database)
	case len(found) == 1:
		return found[0], nil
	}
	return "", usagef("name one with --manifest; status and report take --config FILE, for the accounts of a configuration file", "there are several manifests:\n  %s", strings.Join(found, "\n  "))
}

// onlyFile finds the manifest in the state directory, if it has just one.
func onlyFile() (string, error) {
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
