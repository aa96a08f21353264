package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// doctor is what vbcvault doctor looks at.
type doctor struct {
	to, account, manifest string
	insecureHTTP, json    bool
	protect               protectFlags
	rights                rightsFlags
	around                surroundings
}

func newDoctor(s streams) *cobra.Command {
	d := doctor{around: environment()}
	cmd := &cobra.Command{
		Use:        "doctor --to DESTINATION",
		SuggestFor: []string{"check", "test"},
		Short:      "Check that everything is set up for a run, and change nothing",
		Long: `Doctor checks everything that a run depends on: credentials, subscriptions,
clock, proxy and certificates; whether the destination can be listed, is
writable and verifies checksums; its versioning, public access, lifecycle rules
and Object Lock; where the manifest is, and the free space on the disks. Of a
database that several machines share it checks version, TLS, standby, clock,
rights and tables, and whether what it confirms is on its disk.

For each check it prints ok, warning or failure, what that means, and how to
fix it. It sends VBC four requests, and a few more to find the addresses of the
API and of tokens if these are wrong. It changes nothing, with two exceptions
that a run makes too: it leaves one small object on an S3 server that doesn't
verify checksums, and it records a password that VBC refuses, so that nothing
tries it again too soon. The exit code is 1 if a check fails, else 0.

With --print-policy it checks nothing and asks nobody: it prints the least policy
that a run with these flags needs, ready for IAM. With --print-terraform it prints
the bucket too. Neither allows deleting a copy, unless --erase is given. If the
bucket is encrypted with a KMS key of yours, say so: --sse aws:kms --kms-key KEY.

For the accounts of a configuration file: vbcvault config check FILE --online.`,
		Example: `  vbcvault doctor --to s3://my-bucket/recordings
  vbcvault doctor --to s3://my-bucket/recordings --object-lock governance --retain 7y
  vbcvault doctor --to file:///mnt/archive --json
  vbcvault doctor --to s3://my-bucket/recordings --print-policy`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			to, err := d.destination(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			if wanted, err := d.rights.wanted(to); wanted || err != nil {
				if err == nil {
					err = d.rights.print(s, to)
				}
				return err
			}
			findings, err := d.examine(cmd.Context(), to)
			if err != nil {
				return err
			}
			level := worst(findings)
			if d.json {
				err = json.NewEncoder(s.out).Encode(map[string]any{"worst": level, "findings": findings})
			} else {
				err = printFindings(s.out, findings)
			}
			if err == nil && level == storage.Failure {
				err = &exitError{code: exitIncomplete, err: errors.New("a run would fail, or would not be safe; see above")}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&d.to, "to", "", "`DESTINATION`: s3://BUCKET[/PREFIX], or file:///DIR")
	cmd.Flags().StringVar(&d.account, "account", "self", "the account's `NUMBER`, or self for the account of the credentials")
	cmd.Flags().StringVar(&d.manifest, "manifest", "", "manifest `FILE` that keeps the progress (default: as for archive)")
	cmd.Flags().BoolVar(&d.insecureHTTP, "insecure-http", false, "allow plain http to VBC or the S3 server")
	d.protect.register(cmd.Flags())
	d.rights.register(cmd.Flags())
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object")
	return cmd
}

// destination is what --to and the flags that protect copies say.
func (d *doctor) destination(changed func(string) bool) (to destination, err error) {
	if to, err = parseDestination(d.to); err == nil {
		to.protection, err = d.protect.protection(to, changed)
	}
	return to, err
}

// examine looks at everything. Its errors are mistakes in the command line.
func (d *doctor) examine(ctx context.Context, to destination) ([]storage.Finding, error) {
	if err := parseAccount(d.account); err != nil {
		return nil, err
	}
	options, err := d.around.vbcOptions()
	if err != nil {
		return nil, err
	}
	options.InsecureHTTP = d.insecureHTTP
	path := d.manifest
	if path == "" {
		path, err = d.around.manifestOf(d.account, options.Username, options.URL, to)
	} else {
		err = fitManifest(path)
	}
	if err != nil {
		return nil, err
	}
	vbcs := vbcDoctor{around: d.around, options: options, manifest: path, account: d.account}
	if vbcs.client, err = d.around.newClient(options, path); err != nil {
		return nil, err
	}
	database := place.Diagnose(ctx, path, d.around.unsigned())
	ours, known := d.diagnoseManifest(ctx, path, to)
	out := diagnoseNetwork(cmp.Or(options.URL, vbc.DefaultURL))
	out = append(out, vbcs.diagnose(ctx, known)...)
	out = append(out, d.diagnoseDestination(ctx, to)...)
	out = append(out, database...)
	return append(out, ours...), context.Cause(ctx)
}

// worst is the worst level among findings.
func worst(findings []storage.Finding) storage.Level {
	w := storage.OK
	for _, f := range findings {
		if f.Level == storage.Failure || f.Level == storage.Warning && w == storage.OK {
			w = f.Level
		}
	}
	return w
}

func printFindings(out io.Writer, findings []storage.Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Level, f.Check, f.Means)
		if f.Mend != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", f.Mend)
		}
	}
	return w.Flush()
}
