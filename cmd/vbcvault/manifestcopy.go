package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

func newManifestCopy(s streams) *cobra.Command {
	return &cobra.Command{
		Use:        "copy FROM TO",
		SuggestFor: []string{"move", "migrate", "import"},
		Short:      "Move a manifest from a file into a database, or back",
		Long: `Copy makes a manifest at TO with all that the one at FROM has: progress,
receipts, holds, listenings. Each is a file, or the address of a manifest in a
database of PostgreSQL:

  postgres://USER@HOST/DATABASE?manifest=NAME

Without ?manifest=NAME the name is that of the file FROM, under which archive
finds it with VBCVAULT_DATABASE_URL. TO may also be a directory for the file.

No run may use either of them. The receipts are checked before and after: the
chain, and the signature of the manifest's key. TO must not exist, and comes into
being whole or not at all. Then FROM is not used any more: runs, holds and all
else that would change it are refused, and name TO. It is kept, and can be read.

A database does not hold the key that signs receipts. Give this command and every
machine the key of FROM, as VBCVAULT_SIGNING_KEY_FILE or signing-key in the
configuration file: it is in the file FROM.key.`,
		Example: `  export VBCVAULT_SIGNING_KEY_FILE=/var/lib/vbcvault/acme.manifest.key
  vbcvault manifest copy /var/lib/vbcvault/acme.manifest postgres://vbcvault@db.example.com/vbcvault
  vbcvault manifest copy "postgres://vbcvault@db.example.com/vbcvault?manifest=acme" /var/lib/vbcvault/new.manifest`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := environment().moveManifest(cmd.Context(), s.out, args[0], args[1])
			return stopped(cmd.Context().Err(), err)
		},
	}
}

// moveManifest is vbcvault manifest copy.
func (a surroundings) moveManifest(ctx context.Context, out io.Writer, from, to string) error {
	from, to, err := fitPlaces(from, to)
	if err != nil {
		return err
	}
	opening, err := a.opening()
	if err != nil {
		return err
	}
	if err := a.keyFits(ctx, from, to, opening); err != nil {
		return err
	}
	var is check.AuditResult
	var recordings int64
	err = place.Move(ctx, from, to, opening, func(m manifest.Opened) (err error) {
		if is, recordings, err = proven(ctx, m); err == nil && !is.Intact() {
			err = &exitError{code: exitIncomplete, err: fmt.Errorf("nothing was copied: the receipts of %s are not intact; the first problem: %s", m.Path(), is.Breaks[0])}
		}
		return err
	})
	switch {
	case place.Missing(err):
		return noManifest(from)
	case errors.Is(err, fs.ErrExist):
		return usagef("name another place for the copy; a manifest is never overwritten", "%s already exists", to)
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "%s is copied to %s; recordings: %s, receipts: %s, all intact.\n", from, to, humanize.Comma(recordings), humanize.Comma(is.Entries))
	fmt.Fprintf(out, "Runs with %s are refused from now on. Use the copy: --manifest %q, or what the configuration says.\n", from, to)
	if given, err := a.signingKey(); err != nil || given != "" {
		_, err = fmt.Fprintln(out, "The key that signs the receipts is given by VBCVAULT_SIGNING_KEY or VBCVAULT_SIGNING_KEY_FILE, and is not copied: every machine that uses the copy needs it.")
		return err
	}
	return nil
}

// fitPlaces are the places that are meant, if a manifest can be moved from one to the other.
func fitPlaces(from, to string) (string, string, error) {
	if err := fitManifest(from); err != nil {
		return "", "", err
	}
	if errors.Is(place.Check(to), place.ErrUnnamed) {
		named, err := place.At(to, place.Name(from))
		if err != nil {
			return "", "", err
		}
		to = named
	}
	if err := fitManifest(to); err != nil {
		return "", "", err
	}
	if !place.InDatabase(to) {
		if info, err := os.Stat(to); err == nil && info.IsDir() {
			to = filepath.Join(to, place.Name(from)+".manifest")
		}
	}
	if !place.InDatabase(from) && !place.InDatabase(to) {
		return "", "", usagef("to move a file, stop all runs and move it with its .key; vbcvault manifest backup copies it", "both FROM and TO are files")
	}
	return from, to, nil
}

// keyFits says why the key of a manifest is not the one that its copy would have.
func (a surroundings) keyFits(ctx context.Context, from, to string, opening place.Options) error {
	m, err := place.OpenReadOnly(ctx, from, opening)
	switch {
	case errors.Is(err, manifest.ErrOlder):
		return nil // its key is looked at when it has been upgraded
	case place.Missing(err):
		return noManifest(from)
	case err != nil:
		return err
	}
	verifier, err := m.Verifier(ctx)
	if err == nil {
		_, err = m.SigningKey()
	}
	if err = errors.Join(err, m.Close()); err != nil || !place.InDatabase(to) {
		return err
	}
	hint := "set VBCVAULT_SIGNING_KEY_FILE to the file with the key of " + from
	if !place.InDatabase(from) {
		hint += ", mostly " + sqlite.KeyFile(from)
	}
	hint += ", for this command and on every machine"
	given, err := a.signingKey()
	if err != nil {
		return err
	}
	if given == "" {
		return usagef(hint, "no key is given: a database does not hold the key that signs receipts")
	}
	if is := verifierOf(given); is != verifier {
		return usagef(hint, "VBCVAULT_SIGNING_KEY is another key (%s) than that of %s (%s)", is, from, verifier)
	}
	return nil
}

// proven audits a manifest by itself, and counts its recordings.
func proven(ctx context.Context, m manifest.Opened) (check.AuditResult, int64, error) {
	is, err := check.Audit(ctx, m, nil)
	if err != nil {
		return is, 0, err
	}
	tallies, err := m.Tallies(ctx)
	var n int64
	for _, t := range tallies {
		n += t.Recordings
	}
	return is, n, err
}
