package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func newAcknowledge(s streams) *cobra.Command {
	var path, reason, kind, user, trouble string
	var id int64
	cmd := &cobra.Command{
		Use:   "acknowledge (--id ID | --trouble NAME) --reason TEXT",
		Short: "Mark a failure as known, so that it no longer makes the exit code 1",
		Long: `Acknowledge records that a failure is known: a recording that failed for a
cause that does not end by itself. It then no longer makes the exit code 1,
as long as it fails for the same reason. The recording stays at VBC, is retried
as before, and status still lists it.

With --trouble it does the same for trouble with VBC's listings: a recording
that can't be read, a wrong count, recordings that VBC no longer shows. Use the
name that status prints. A shorter name stands for all names that begin with
it: --trouble unreadable means every recording that can't be read. Trouble with
another reason counts again.

It changes only the manifest.`,
		Example: `  vbcvault acknowledge --id 193228 --reason "no audio at VBC, ticket 4711"
  vbcvault acknowledge --trouble unreadable/company/193229 --reason "no start, ticket 4712"
  vbcvault acknowledge --trouble vanished/company --reason "deleted in the portal by M. Jones"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (id <= 0) == (trouble == "") || strings.TrimSpace(reason) == "" {
				return usagef("vbcvault status lists what failed", "--reason, and either --id or --trouble, are required")
			}
			if trouble != "" {
				return acknowledgeTrouble(cmd.Context(), s, path, trouble, reason)
			}
			key, err := parseKey(kind, user, id)
			if err != nil {
				return err
			}
			if path, err = theManifest(cmd.Context(), path); err != nil {
				return err
			}
			m, err := lockManifest(cmd.Context(), path)
			if err != nil {
				return err
			}
			defer m.Close()
			rows, err := m.All(cmd.Context(), key)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return usagef("vbcvault status lists what failed", "%s recording %d is %v", key.Kind, id, manifest.ErrUnknown)
			}
			i := slices.IndexFunc(rows, func(r manifest.Row) bool { return r.Failure.Reason != "" && r.Failure.Permanent })
			if i < 0 {
				return usagef("vbcvault status lists what failed", "%s has no failure that needs an acknowledgement", rows[0].Recording)
			}
			row := rows[i]
			if err := m.Acknowledge(cmd.Context(), row.Recording, reason); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "the failure of %s is acknowledged: %s\n", row.Recording, row.Failure.Reason)
			return err
		},
	}
	cmd.Flags().Int64Var(&id, "id", 0, "the recording's `ID`")
	cmd.Flags().StringVar(&trouble, "trouble", "", "the `NAME` of trouble, as status prints it")
	cmd.Flags().StringVar(&reason, "reason", "", "the reason, as a `TEXT` for your colleagues")
	cmd.Flags().StringVar(&kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&user, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	manifestFlag(cmd, &path)
	return cmd
}

// acknowledgeTrouble is acknowledge for what a name means.
func acknowledgeTrouble(ctx context.Context, s streams, path, name, reason string) error {
	path, err := theManifest(ctx, path)
	if err != nil {
		return err
	}
	m, err := lockManifest(ctx, path)
	if err != nil {
		return err
	}
	defer m.Close()
	known, err := m.AcknowledgeTroubles(ctx, strings.TrimSuffix(name, "/"), reason)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return usagef("vbcvault status lists the names", "there is no trouble %q", name)
	}
	for _, t := range known {
		if _, err := fmt.Fprintf(s.out, "%s is acknowledged: %s\n", t.Name(), t.Reason); err != nil {
			return err
		}
	}
	return nil
}
