package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
)

func newDiff(s streams) *cobra.Command {
	var path string
	var insecureHTTP bool
	var d check.DiffOptions
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "diff [--fix]",
		Short: "Compare the manifest with the destination, in both directions",
		Long: `Diff compares the manifest with the destination:

  missing   an object of a copy is missing, and VBC may still have the recording
  damaged   an object has another size or SHA-256, and VBC may still have it
  lost      missing or damaged, and VBC no longer has the recording
  unknown   an object is among the recordings but not in the manifest
  begun     an object or upload that an interrupted run or erasure left unfinished
  beside    another copy of a recording; nothing is wrong

The exit code is 1 if there is any of the first five. Diff sends VBC no request
and changes no object. No run may be in progress at the same time.

With --fix the manifest records what is missing or damaged, as verify does, so
that the next run of archive stores it again; status lists what is lost.

Verify checks the same copies and records what it finds; it can read every
byte, and check a part of the archive each night. Diff also lists the objects
in the destination, and so finds what is not in the manifest; it writes nothing
without --fix.`,
		Example: `  vbcvault diff
  vbcvault diff --fix
  vbcvault diff --json --manifest /var/lib/vbcvault/acme.manifest`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if d.Workers < 1 || d.Workers > 256 {
				return usagef("between 1 and 256", "--workers %d", d.Workers)
			}
			if path, err = theManifest(cmd.Context(), path); err != nil {
				return err
			}
			return out.finish(s, func(o *output) (any, error) { return differ(cmd.Context(), o, path, d, insecureHTTP) })
		},
	}
	cmd.Flags().BoolVar(&d.Fix, "fix", false, "record in the manifest what is missing or damaged")
	cmd.Flags().IntVar(&d.Workers, "workers", 8, "check `N` recordings at once")
	cmd.Flags().BoolVar(&insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &path)
	out.register(cmd.Flags())
	return cmd
}

func differ(ctx context.Context, o *output, path string, what check.DiffOptions, insecureHTTP bool) (any, error) {
	m, store, err := openArchive(ctx, o, path, what.Workers, insecureHTTP)
	if err != nil {
		return check.DiffResult{}, err
	}
	defer m.Close()
	what.Tell, what.Seen = o.teller(0), &atomic.Int64{}
	stop := o.looked("comparing", what.Seen)
	d, err := check.Diff(ctx, store, m, what)
	stop()
	if err != nil {
		return d, stopped(ctx.Err(), err)
	}
	if !o.json {
		for _, r := range d.Remarks {
			fmt.Fprintln(o.out, "remark:", r)
		}
		fmt.Fprintf(o.out, "checked %s copies in %s: %s intact, %s missing, %s damaged, %s lost; %s objects unknown, %s begun, %s beside\n",
			humanize.Comma(d.Checked), store, humanize.Comma(d.Whole), humanize.Comma(d.Missing), humanize.Comma(d.Damaged), humanize.Comma(d.Lost),
			humanize.Comma(d.Unknown), humanize.Comma(d.Begun), humanize.Comma(d.Beside))
	}
	switch again := d.Missing + d.Damaged; {
	case d.Same():
		return d, nil
	case again > 0 && what.Fix:
		err = fmt.Errorf("manifest and destination differ; the next run of vbcvault archive stores the missing or damaged copies again (%d), if VBC still has the recordings", again)
	case again > 0:
		err = fmt.Errorf("manifest and destination differ; after vbcvault diff --fix, the next run of archive stores the missing or damaged copies again (%d)", again)
	default:
		err = errors.New("manifest and destination differ")
	}
	return d, &exitError{code: exitIncomplete, err: err}
}
