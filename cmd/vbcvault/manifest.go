package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

func newManifest(s streams) *cobra.Command {
	return parent("manifest", "Back up, check or move a manifest, or trust another one", `A manifest keeps the progress of one account and one destination: a file, or, for
several machines, a part of a database of PostgreSQL. These commands list, copy,
check and upgrade manifests, and let one trust the receipts of another machine.`,
		newManifestList(s), newManifestBackup(s), newManifestCheck(s), newManifestCopy(s), newManifestUpgrade(s), newManifestKey(s), newManifestTrust(s))
}

func newManifestBackup(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the manifest to a new file, also during a run",
		Long: `Backup writes the manifest as it is at this moment to a new file. To restore
it, put that file in the manifest's place while no run is in progress. With an
older manifest nothing is lost, and nothing is deleted wrongly: the next run
finds out what has happened since. Of a manifest in a database it is a file too,
which vbcvault manifest copy puts back into one.

It also copies the key that signs the receipts, to FILE.key: without it, the
manifest can't be used for runs. Whoever has the key can forge receipts, so keep
it apart from the bucket. A key that is given by the environment is not copied.`,
		Example: `  vbcvault manifest backup /backup/vbcvault-2026-11-23.manifest`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withManifest(cmd.Context(), path, func(path string, m manifest.Opened) error {
				return environment().backUp(cmd.Context(), s.out, path, m, args[0])
			})
		},
	}
	manifestFlag(cmd, &path)
	return cmd
}

// backUp copies a manifest to a new file, and its key to another.
func (a surroundings) backUp(ctx context.Context, out io.Writer, path string, m manifest.Opened, to string) error {
	keyTo := sqlite.KeyFile(to)
	if _, err := os.Lstat(keyTo); err == nil {
		return usagef("use a new file name", "%s already exists", keyTo)
	}
	if err := m.Backup(ctx, to); err != nil {
		return usagef("use a new file in a writable directory", "%v", err)
	}
	fmt.Fprintf(out, "%s is backed up to %s\n", path, to)
	if given, err := a.setting("VBCVAULT_SIGNING_KEY"); err != nil || given != "" {
		fmt.Fprintln(out, "The key that signs the receipts is given by VBCVAULT_SIGNING_KEY, and is not copied: back it up by itself.")
		return err
	}
	if place.InDatabase(path) {
		_, err := fmt.Fprintln(out, "The key that signs the receipts is not in the database, and is not copied: back it up by itself.")
		return err
	}
	key, err := m.SigningKey()
	if missing, ok := errors.AsType[*manifest.KeyError](err); ok {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("the manifest is backed up, and its key is not: %w. Put the key back from an earlier backup; the next run needs it", missing)}
	}
	if err == nil {
		err = sqlite.WriteKey(keyTo, key)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "The key that signs the receipts is in %s: keep it secret, and apart from the bucket.\n", keyTo)
	}
	return err
}

func newManifestCheck(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the whole manifest and check that it is intact",
		Long: `Check reads every page and row of the manifest, and does what vbcvault audit
--offline does: it compares the receipts with the recordings and holds. It
changes nothing. The exit code is 1 if something is wrong; then restore a
backup, or move the manifest away with its -wal and -shm, if it has them, and
create a new one from the archive with vbcvault rebuild.`,
		Example: `  vbcvault manifest check`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return withManifest(ctx, path, func(path string, m manifest.Opened) error {
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
