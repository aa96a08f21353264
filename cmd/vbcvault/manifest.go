package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

func newManifest(s streams) *cobra.Command {
	return parent("manifest", "Back up or check a manifest", newManifestBackup(s), newManifestCheck(s))
}

func newManifestBackup(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the manifest to a new file, also during a run",
		Long: `Backup writes the manifest as it is at this moment to a new file. To restore
it, put that file in the manifest's place while no run is in progress. With an
older manifest nothing is lost, and nothing is deleted wrongly: the next run
finds out what has happened since.`,
		Example: `  vbcvault manifest backup /backup/vbcvault-2026-11-23.manifest`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withManifest(cmd.Context(), path, func(path string, m *sqlite.Manifest) error {
				if err := m.Backup(cmd.Context(), args[0]); err != nil {
					return usagef("use a new file in a writable directory", "%v", err)
				}
				_, err := fmt.Fprintf(s.out, "%s is backed up to %s\n", path, args[0])
				return err
			})
		},
	}
	manifestFlag(cmd, &path)
	return cmd
}

func newManifestCheck(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the whole manifest and check that it is intact",
		Long: `Check reads every page and row of the manifest, and its chain of receipts. It
changes nothing. The exit code is 1 if something is wrong; then restore a
backup, or move the manifest away and create a new one from the archive with
vbcvault rebuild.`,
		Example: `  vbcvault manifest check`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return withManifest(ctx, path, func(path string, m *sqlite.Manifest) error {
				findings, err := m.Check(ctx)
				if err != nil {
					return err
				}
				receipts, err := check.Audit(ctx, m, nil)
				if err != nil {
					return err
				}
				findings = append(findings, receipts.Breaks...)
				for _, f := range findings {
					fmt.Fprintln(s.out, f)
				}
				if len(findings) > 0 {
					return &exitError{code: exitIncomplete, err: errors.New("the manifest is not intact: " + path)}
				}
				_, err = fmt.Fprintf(s.out, "%s is intact; receipts: %d\n", path, receipts.Entries)
				return err
			})
		},
	}
	manifestFlag(cmd, &path)
	return cmd
}
