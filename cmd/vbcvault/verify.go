package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

func newVerify(s streams) *cobra.Command {
	var path, sample string
	var all, insecureHTTP bool
	var o check.VerifyOptions
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "verify [--sample N/T | --all] [--deep]",
		Short: "Check that every verified copy is still intact in the destination",
		Long: `Verify asks the destination for every copy that the manifest says is verified,
and compares size and SHA-256 of audio and metadata. It sends VBC no request.
With --deep it reads and hashes every byte, whatever checksum the destination
keeps.

The next run of archive stores a damaged or missing copy again if VBC may still
have the recording. If VBC no longer has it, the recording is LOST unless
another copy exists; status lists it until verify finds the copy intact. In
both cases the exit code is 1. To find objects that are not in the manifest,
use vbcvault diff.`,
		Example: `  vbcvault verify
  # Every night another thirtieth, reading every byte:
  vbcvault verify --sample 1/30 --deep`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all && sample != "" {
				return usagef("use one of them", "--all and --sample can't be used together")
			}
			if o.Workers < 1 || o.Workers > 256 {
				return usagef("between 1 and 256", "--workers %d", o.Workers)
			}
			var err error
			if o.Parts, o.Of, err = parseSample(sample); err != nil {
				return err
			}
			if path, err = theManifest(cmd.Context(), path); err != nil {
				return err
			}
			o.Now = time.Now()
			return out.finish(s, func(w *output) (any, error) { return inspect(cmd.Context(), w, environment(), path, o, insecureHTTP) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "check everything (the default)")
	cmd.Flags().StringVar(&sample, "sample", "", "check only `N/T` of the copies, as in 1/30, another part every day")
	cmd.Flags().BoolVar(&o.Deep, "deep", false, "read and hash every byte")
	cmd.Flags().IntVar(&o.Workers, "workers", 8, "check `N` copies at once")
	cmd.Flags().BoolVar(&insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &path)
	out.register(cmd.Flags())
	return cmd
}

var fraction = regexp.MustCompile(`^([0-9]{1,6})/([0-9]{1,6})$`)

func parseSample(s string) (parts, of int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	if m := fraction.FindStringSubmatch(s); m != nil {
		parts, _ = strconv.Atoi(m[1])
		of, _ = strconv.Atoi(m[2])
	}
	if parts < 1 || of < parts || of > 10_000 {
		return 0, 0, usagef("write it as in 1/30: one thirtieth, another one every day", "--sample %q is not a part of the archive", s)
	}
	return parts, of, nil
}

// bound is a manifest that says what it belongs to, and where it lies.
type bound interface {
	manifest.Bound
	Path() string
}

// boundTo is the destination that a manifest is bound to.
func boundTo(ctx context.Context, m bound) (destination, error) {
	bound, err := m.Binding(ctx)
	if err != nil {
		return destination{}, err
	}
	d, err := parseDestination(bound.Destination)
	if err != nil {
		return d, usagef("run vbcvault archive first", "%s belongs to no destination yet", m.Path())
	}
	return d, nil
}

// openArchive opens an existing manifest for changing, and the destination that
// it is bound to. The caller closes the manifest.
func openArchive(ctx context.Context, o *output, path string, workers int, insecureHTTP bool) (m manifest.Opened, store storage.Destination, err error) {
	return environment().openArchive(ctx, o, path, workers, insecureHTTP)
}

// openArchive opens an existing manifest for changing, and the destination that it is
// bound to. The caller closes the manifest.
func (a surroundings) openArchive(ctx context.Context, o *output, path string, workers int, insecureHTTP bool) (m manifest.Opened, store storage.Destination, err error) {
	if m, err = a.lockManifest(ctx, path); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	d, err := boundTo(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	store, err = d.openAs(ctx, a, workers, insecureHTTP, o.log)
	return m, store, err
}

// letGo ends what a store keeps open, if it does: a service opens many.
func letGo(store storage.Store) {
	if c, ok := store.(io.Closer); ok {
		c.Close()
	}
}

func inspect(ctx context.Context, o *output, around surroundings, path string, what check.VerifyOptions, insecureHTTP bool) (check.VerifyResult, error) {
	m, store, err := around.openArchive(ctx, o, path, what.Workers, insecureHTTP)
	if err != nil {
		return check.VerifyResult{}, stopped(ctx.Err(), err)
	}
	defer m.Close()
	defer letGo(store)
	found, err := check.Verify(ctx, store, m, o.log, what)
	err = stopped(ctx.Err(), err)
	if !o.json && (err == nil || found.Checked > 0) {
		fmt.Fprintf(o.out, "checked %s copies in %s: %s intact (%s of audio), %s damaged, %s lost\n", humanize.Comma(found.Checked), store,
			humanize.Comma(found.Whole), humanize.IBytes(uint64(found.Bytes)), humanize.Comma(found.Damaged), humanize.Comma(found.Lost))
	}
	switch {
	case err != nil:
	case found.Lost > 0:
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("copies are damaged or missing, and VBC no longer has their recordings (lost: %d); vbcvault status lists them. Look for another version or a backup of these objects", found.Lost)}
	case found.Damaged > 0:
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("copies are damaged or missing (%d); the next run of vbcvault archive stores them again", found.Damaged)}
	}
	return found, err
}
