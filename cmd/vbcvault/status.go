package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newStatus(s streams) *cobra.Command {
	var path, file string
	var asJSON bool
	var which whichOne
	cmd := &cobra.Command{
		Use:   "status [--id ID] [--manifest FILE] | --config FILE [NAME...]",
		Short: "Show the state of the recordings in a manifest",
		Long: `Status reads a manifest, without locking it, also during a run: how many
recordings are in each state, the latest runs, and what failed and why. It
sends no request to VBC or to the destination.

With --id it shows everything about one recording: when it was listed, stored,
verified and deleted, its receipts, failures and holds, and what the next run
would do with it and why, if it gets the same options as the last one.

With --config it shows a line for each account of a configuration file, or for
those that are named, the worst first: how the last run of the service or of
archive --config ended, also if it did not even begin, and what to do. Left is
how many recordings are still to archive, trouble how many things keep VBC's
listings from being relied on, and held how many legal holds are in force. The
accounts' manifests are in --json. Without --config, the file that
VBCVAULT_CONFIG names is used only if accounts are named.`,
		Example: `  vbcvault status
  vbcvault status --id 193228
  vbcvault status --manifest /var/lib/vbcvault/acme.manifest --json
  vbcvault status --config vbcvault.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if file == "" && len(args) > 0 {
				file = usualConfig()
			}
			if file == "" {
				return cobra.NoArgs(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			changed := cmd.Flags().Changed
			switch {
			case file != "" && (changed("manifest") || changed("id") || changed("kind") || changed("user")):
				return usagef("use --manifest FILE without --config; status --config FILE --json prints each account's manifest",
					"--config is about all accounts, and --manifest, --id, --kind and --user are about one")
			case file != "":
				return statusOfAll(cmd.Context(), s, file, names, asJSON)
			case changed("id") && which.id > 0:
				return which.tell(cmd.Context(), s, path, asJSON)
			case changed("id"), changed("kind"), changed("user"):
				return usagef("as in vbcvault status --id 193228", "--id is the recording's number, and --kind and --user say whose it is")
			}
			return withManifest(cmd.Context(), path, func(_ string, m manifest.Opened) error {
				st, err := overview.Of(cmd.Context(), m)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(s.out).Encode(st)
				}
				moved, err := m.Successor(cmd.Context())
				if err == nil && moved != "" {
					fmt.Fprintf(s.out, "This manifest was moved to %s, and is as it was then.\n\n", moved)
				}
				printStatus(s, st)
				return err
			})
		},
	}
	cmd.Flags().Int64Var(&which.id, "id", 0, "show everything about the recording with this `ID`")
	cmd.Flags().StringVar(&which.kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&which.user, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	manifestFlag(cmd, &path)
	cmd.Flags().StringVar(&file, "config", "", "show all accounts of this configuration `FILE`; see vbcvault help config")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object; with --config an array, one element for each account")
	return cmd
}
