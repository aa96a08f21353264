package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

func newStatus(s streams) *cobra.Command {
	var path string
	var asJSON bool
	var which whichOne
	cmd := &cobra.Command{
		Use:   "status [--id ID] [--manifest FILE]",
		Short: "Show the state of the recordings in a manifest",
		Long: `Status reads a manifest, without locking it, also during a run: how many
recordings are in each state, the latest runs, and what failed and why. It
sends no request to VBC or to the destination.

With --id it shows everything about one recording: when it was listed, stored,
verified and deleted, its receipts, failures and holds, and what the next run
would do with it and why, if it gets the same options as the last one.`,
		Example: `  vbcvault status
  vbcvault status --id 193228
  vbcvault status --manifest /var/lib/vbcvault/acme.manifest --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed := cmd.Flags().Changed
			switch {
			case changed("id") && which.id > 0:
				return which.tell(cmd.Context(), s, path, asJSON)
			case changed("id"), changed("kind"), changed("user"):
				return usagef("as in vbcvault status --id 193228", "--id is the recording's number, and --kind and --user say whose it is")
			}
			return withManifest(cmd.Context(), path, func(_ string, m *sqlite.Manifest) error {
				st, err := overview.Of(cmd.Context(), m)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(s.out).Encode(st)
				}
				printStatus(s, st)
				return nil
			})
		},
	}
	cmd.Flags().Int64Var(&which.id, "id", 0, "show everything about the recording with this `ID`")
	cmd.Flags().StringVar(&which.kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&which.user, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	manifestFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
