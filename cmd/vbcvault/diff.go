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
		Short: "Compare manifest and destination, both ways",
		Long: `Diff compares what the manifest knows with what the destination holds:

  missing   a copy lacks an object, and VBC may have the recording still
  damaged   an object has another size or SHA-256, and VBC may have it still
  lost      the same, and VBC has the recording no more
  unknown   an object lies among the recordings, and the manifest doesn't know it
  begun     an object or upload that an interrupted run, or an erasure, has left
  beside    a further copy of a recording; nothing is wrong

The exit code is 1 if there is any of the first five. Diff asks VBC nothing, and
no object is touched. No run may go on meanwhile.

With --fix the manifest remembers what is missing or damaged, as verify does, so
that the next run of archive stores it anew; what is lost is listed by status.

Verify asks for the same copies, and writes down what it finds; it can read
every byte, and a part of the archive each night. Diff also lists what is there,
and so finds what the manifest doesn't know; it writes nothing without --fix.`,
		Example: `  vbcvault diff
  vbcvault diff --fix
  vbcvault diff --json --manifest /var/lib/vbcvault/acme.manifest`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if d.Workers < 1 || d.Workers > 256 {
				return usagef("between 1 and 256", "--workers %d", d.Workers)
			}
			if path, err = theManifest(path); err != nil {
				return err
			}
			return out.finish(s, func(o *output) (any, error) { return differ(cmd.Context(), o, path, d, insecureHTTP) })
		},
	}
	cmd.Flags().BoolVar(&d.Fix, "fix", false, "mark in the manifest what is missing or damaged")
	cmd.Flags().IntVar(&d.Workers, "workers", 8, "recordings looked at, `N` at once")
	cmd.Flags().BoolVar(&insecureHTTP, "insecure-http", false, "allow plain http to the S3 server's address")
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
		fmt.Fprintf(o.out, "checked %s copies in %s: %s whole, %s missing, %s damaged, %s lost; %s objects unknown, %s begun, %s beside\n",
			humanize.Comma(d.Checked), store, humanize.Comma(d.Whole), humanize.Comma(d.Missing), humanize.Comma(d.Damaged), humanize.Comma(d.Lost),
			humanize.Comma(d.Unknown), humanize.Comma(d.Begun), humanize.Comma(d.Beside))
	}
	switch again := d.Missing + d.Damaged; {
	case d.Same():
		return d, nil
	case again > 0 && what.Fix:
		err = fmt.Errorf("manifest and destination differ; the next run of vbcvault archive stores %d copies anew, if VBC has the recordings still", again)
	case again > 0:
		err = fmt.Errorf("manifest and destination differ; vbcvault diff --fix has the next run of archive store %d copies anew", again)
	default:
		err = errors.New("manifest and destination differ")
	}
	return d, &exitError{code: exitIncomplete, err: err}
}
