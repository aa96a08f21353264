package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newManifestTrust(s streams) *cobra.Command {
	var path string
	var asJSON bool
	var f holdFlags
	cmd := &cobra.Command{
		Use:   "trust [KEY --reason TEXT --by NAME]",
		Short: "Trust the receipts of another machine, or list whom this manifest trusts",
		Long: `Trust takes the word of another machine that works on the same archive: what its
key has signed counts as if this manifest had signed it. So the end of a hold
that was removed there, and receipts of deletions, count here too.

KEY is what vbcvault audit --key prints on that machine, or a file with it. Get
it from the machine or the person, not from the bucket: whoever can write to
the bucket can put a key there. Without KEY, trust lists the trusted keys. It
works at any time, also during a run.`,
		Example: `  vbcvault manifest trust
  vbcvault manifest trust vbcvault/k3j9x2m4q7z1+1a2b3c4d+AU7cK1w9... --reason "the second office" --by "J. Doe"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return withManifest(cmd.Context(), path, func(_ string, m manifest.Opened) error {
					all, err := m.Trusted(cmd.Context())
					if err != nil {
						return err
					}
					return printTrusted(s.out, all, asJSON)
				})
			}
			key, err := givenKey("KEY", args[0])
			if err != nil {
				return err
			}
			if err := f.checkWho(); err != nil {
				return err
			}
			if path, err = theManifest(cmd.Context(), path); err != nil {
				return err
			}
			return beside(cmd.Context(), path, func(m manifest.Opened) error {
				own, err := m.Verifier(cmd.Context())
				if err != nil {
					return err
				}
				if own == key {
					return usagef(
						"run vbcvault audit --key on the other machine",
						"this is the key of this manifest, which is trusted anyway")
				}
				t := manifest.Trusted{Verifier: key, Reason: f.reason, By: f.by, At: time.Now().UTC()}
				if err := m.Trust(cmd.Context(), t); err != nil {
					return err
				}
				_, err = fmt.Fprintf(s.out,
					"the key %s is trusted: what it has signed counts as if this manifest had signed it.\n", key)
				return err
			})
		},
	}
	f.who(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as one JSON array")
	manifestFlag(cmd, &path)
	return cmd
}

func printTrusted(out io.Writer, all []manifest.Trusted, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(append([]manifest.Trusted{}, all...))
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "this manifest trusts no other key")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Verifier, t.At.Format(time.DateOnly), t.By, t.Reason)
	}
	return w.Flush()
}
