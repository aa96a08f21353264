package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

func newManifestKey(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "key FILE",
		Short: "Make a key that signs receipts, for manifests in a database",
		Long: `Key makes a new key in a new file, and prints with what everybody can check its
signatures. A manifest that is a file gets a key of its own, beside it; a
manifest in a database is given one, by VBCVAULT_SIGNING_KEY_FILE or signing-key
in the configuration file. It may be one key for all manifests of a database.

The first run gives a manifest its key for good: without it no run begins. Keep
a copy of it, apart from the database and the bucket: whoever has it can forge
receipts.`,
		Example: `  vbcvault manifest key /etc/vbcvault/secrets/signing-key`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := os.Lstat(args[0]); !errors.Is(err, fs.ErrNotExist) {
				return usagef("use a new file name", "%s already exists", args[0])
			}
			key, err := receipt.NewKey()
			if err != nil {
				return err
			}
			if err := sqlite.WriteKey(args[0], key); err != nil {
				return usagef("use a new file in a writable directory", "%v", err)
			}
			_, err = fmt.Fprintf(s.out, "A key is in %s: keep it secret, and apart from the database and the bucket.\nIts signatures are checked with %s\n", args[0], key.Verifier())
			return err
		},
	}
}

// verifierOf is with what the signatures of a key are checked, "" if it is none.
func verifierOf(secret string) string {
	key, err := receipt.ParseKey(secret)
	if err != nil {
		return ""
	}
	return key.Verifier()
}
