package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// shownManifest is one line of manifest list.
type shownManifest struct {
	Manifest    string `json:"manifest"`
	Account     string `json:"account,omitempty"`
	Destination string `json:"destination,omitempty"`
	Running     bool   `json:"running"`
	MovedTo     string `json:"moved_to,omitempty"`
	Error       string `json:"error,omitempty"`
}

func newManifestList(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [DATABASE]",
		Short: "List the manifests in a database, or in the state directory",
		Long: `List shows each manifest with its account and its destination, and whether a run
uses it. DATABASE is an address such as postgres://USER@HOST/DATABASE; without it
it is that of VBCVAULT_DATABASE_URL, or else the state directory.`,
		Example: `  vbcvault manifest list
  vbcvault manifest list postgres://vbcvault@db.example.com/vbcvault`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := manifestsIn(cmd.Context(), args)
			if err != nil {
				return err
			}
			all := make([]shownManifest, len(paths))
			for i, path := range paths {
				all[i] = shown(cmd.Context(), path)
			}
			return printManifests(s.out, all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per line")
	return cmd
}

// manifestsIn are the places of all manifests of the database that is named, or that the
// environment names, or else of the state directory.
func manifestsIn(ctx context.Context, named []string) ([]string, error) {
	around := environment()
	database, err := around.database()
	if err != nil {
		return nil, err
	}
	if len(named) > 0 {
		if err := place.Check(named[0]); !place.InDatabase(named[0]) || err != nil && !errors.Is(err, place.ErrUnnamed) {
			if err := fitManifest(named[0]); err != nil {
				return nil, err
			}
			return nil, usagef("as in postgres://USER@HOST/DATABASE", "%q is not the address of a database", named[0])
		}
		database = place.Database(named[0])
	}
	if database != "" {
		return place.Manifests(ctx, database, "", around.unsigned())
	}
	dir, err := around.stateDir()
	if err != nil {
		return nil, err
	}
	return holding.ManifestsIn(dir)
}

// shown is a manifest as far as it can be read.
func shown(ctx context.Context, path string) shownManifest {
	is := shownManifest{Manifest: path}
	m, err := place.OpenReadOnly(ctx, path, environment().unsigned())
	if err == nil {
		var b manifest.Binding
		if b, err = m.Binding(ctx); err == nil {
			is.Account, is.Destination = b.Account, b.Destination
			is.MovedTo, err = m.Successor(ctx)
		}
		if err == nil {
			is.Running, err = m.InUse(ctx)
		}
		err = errors.Join(err, m.Close())
	}
	if err != nil {
		is.Error = err.Error()
	}
	return is
}

func printManifests(out io.Writer, all []shownManifest, asJSON bool) error {
	failed := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, m := range all {
		if m.Error != "" {
			failed++
		}
		if asJSON {
			if err := json.NewEncoder(out).Encode(m); err != nil {
				return err
			}
			continue
		}
		if i == 0 {
			fmt.Fprintln(w, "ACCOUNT\tDESTINATION\tSTATE\tMANIFEST")
		}
		state := "-"
		switch {
		case m.Error != "":
			state = m.Error
		case m.MovedTo != "":
			state = "moved to " + m.MovedTo
		case m.Running:
			state = "a run uses it"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", orDash(m.Account), orDash(m.Destination), state, m.Manifest)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("of %d manifests %d can't be read; see above", len(all), failed)}
	}
	return nil
}
