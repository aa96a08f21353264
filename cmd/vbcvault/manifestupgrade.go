package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

func newManifestUpgrade(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Bring a manifest, or all of a database, up to this version's format",
		Long: `Upgrade brings a manifest up to the format of this version; the next run would do
it too. Of a database it makes the tables if there are none, and changes them for
all its manifests, and for vbcvault serve. Machines of the version before go on
beside it.

Do it as the owner of the tables, where the users of the service may not change
them; see vbcvault help machines. --manifest takes the address of the database
with or without a manifest's name.`,
		Example: `  vbcvault manifest upgrade
  vbcvault manifest upgrade --manifest postgres://owner@db.example.com/vbcvault`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return environment().upgrade(cmd.Context(), s.out, path)
		},
	}
	manifestFlag(cmd, &path)
	return cmd
}

// upgrade brings a manifest, or a database, up to date.
func (a surroundings) upgrade(ctx context.Context, out io.Writer, path string) error {
	database, err := a.database()
	if err != nil {
		return err
	}
	if path == "" {
		path = database
	}
	if err := place.Check(path); place.InDatabase(path) && (err == nil || errors.Is(err, place.ErrUnnamed)) {
		format, err := place.Upgrade(ctx, path, a.unsigned())
		if err != nil {
			return err
		}
		sh, err := sharedAt(place.Database(path), a, false)
		if err != nil {
			return err
		}
		if err := service.Upgrade(ctx, *sh, programVersion()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s has the tables of format %d\n", place.Database(path), format)
		return err
	}
	if path, err = a.theManifest(ctx, path); err != nil {
		return err
	}
	m, err := a.lockManifest(ctx, path)
	if err != nil {
		return err
	}
	if err := m.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s has the format of this version\n", path)
	return err
}
