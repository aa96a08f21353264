package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

func newAudit(s streams) *cobra.Command {
	var path string
	var offline, asJSON, insecureHTTP bool
	cmd := &cobra.Command{
		Use:   "audit [--offline]",
		Short: "Check the receipts of deleted recordings, and print a report",
		Long: `Audit checks the chain of receipts: each entry contains the SHA-256 of the
entry before it, so that no entry can be changed, removed or inserted
unnoticed. It compares the manifest's chain with the receipts beside the
archive, names the first break, and prints a report to keep. It changes
nothing. The exit code is 1 if something is wrong.

To check the copies themselves, use vbcvault verify.`,
		Example: `  vbcvault audit
  vbcvault audit --offline --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return withManifest(ctx, path, func(path string, m *sqlite.Manifest) error {
				bound, err := m.Binding(ctx)
				if err != nil {
					return err
				}
				var store storage.Store
				if d, e := parseDestination(bound.Destination); e == nil && !offline {
					if store, err = d.open(ctx, 1, insecureHTTP, slog.New(slog.DiscardHandler)); err == nil {
						err = sameBucket(ctx, m, store)
					}
					if err != nil {
						return err
					}
				}
				a, err := check.Audit(ctx, m, store)
				if err != nil {
					return err
				}
				if asJSON {
					err = json.NewEncoder(s.out).Encode(a)
				} else {
					printAudit(s.out, path, a)
				}
				if err == nil && !a.Intact() {
					err = &exitError{code: exitIncomplete, err: errors.New("the receipts are not intact; the first problem: " + a.Breaks[0])}
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "check only the manifest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &path)
	return cmd
}

// printAudit prints the report.
func printAudit(out io.Writer, path string, a check.AuditResult) {
	fmt.Fprintf(out, "Receipts of recordings deleted at VBC\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, value any, note string) { fmt.Fprintf(w, "%s\t%v\t%s\n", name, value, note) }
	row("account", orNone(a.Account), "")
	row("destination", orNone(a.Destination), "")
	row("manifest", path, "")
	row("checked", a.At.Format(time.RFC3339), "by vbcvault "+programVersion())
	if a.Entries > 0 {
		row("period", a.First.Format(time.RFC3339), "to "+a.Last.Format(time.RFC3339))
	}
	row("deleted", humanize.Comma(a.Deleted), "VBC confirmed the deletion; a verified copy was recorded before each")
	row("not there", humanize.Comma(a.NotThere), "VBC no longer had them; each has a verified copy")
	row("audio", humanize.IBytes(uint64(a.Bytes)), "of these")
	row("still there", humanize.Comma(a.StillThere), "VBC kept them, or listed them again")
	row("not sent", humanize.Comma(a.NotSent), "their deletion was cancelled before it was sent")
	if a.Held > 0 {
		row("holds", humanize.Comma(a.Held), fmt.Sprintf("legal holds were added, %d of them removed", a.Released))
	}
	if a.Erased > 0 {
		row("erased", humanize.Comma(a.Erased), "from the archive, on request")
	}
	row("open", humanize.Comma(a.Open), "deletions with an unknown outcome; the next run checks those in its manifest")
	row("entries", humanize.Comma(a.Entries), "in chain "+a.Chain)
	if a.Entries > 0 {
		row("head", a.Head, "")
	}
	switch {
	case a.Stored < 0:
		row("stored", "not checked", "")
	default:
		row("stored", humanize.Comma(a.Stored), "entries are also stored beside the archive")
	}
	for _, o := range a.Others {
		row("other chain", o.Chain, humanize.Comma(o.Entries)+" entries, of another manifest of this account")
	}
	w.Flush()
	for _, r := range a.Remarks {
		fmt.Fprintln(out, "remark:", r)
	}
	if a.Entries == 0 && len(a.Others) > 0 {
		fmt.Fprintln(out, "\nThis manifest's own chain is empty, as after vbcvault rebuild: the other chains were checked, but are not counted above.")
	}
	if a.Intact() {
		fmt.Fprintln(out, "\nThe chain is intact.")
		return
	}
	fmt.Fprintln(out, "\nTHE RECEIPTS ARE NOT INTACT:")
	for _, b := range a.Breaks {
		fmt.Fprintln(out, " ", b)
	}
}
