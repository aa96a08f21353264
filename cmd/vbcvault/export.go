package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// exportFlags are the flags of export.
type exportFlags struct {
	path, format, out string
	find              findFlags
	toStore, takeOver bool
	protect           protectFlags
	insecureHTTP      bool
	output            outputFlags
}

// exported is what export has done. Its JSON is a contract.
type exported struct {
	Recordings int64   `json:"recordings"` // in the file
	File       string  `json:"file,omitempty"`
	Months     int     `json:"months,omitempty"` // stored beside the archive
	Seconds    float64 `json:"seconds"`
}

func newExport(s streams) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export (--format FORMAT --out FILE | --to-store)",
		Short: "Export what is known of each recording, for spreadsheets and query engines",
		Long: `Export writes the catalogue: for each recording, in the order of their start,
what VBC said about the call, its state, and where its copy is. It sends no
request to VBC or to the destination. The file gets its name when it is
complete.

csv has a header, lists separated by spaces, and an apostrophe before values
that a spreadsheet would run as a formula; jsonl is one line of JSON for each
recording; parquet has typed columns, and null for unknown values. All formats
use the same names.

With --to-store it stores the catalogue beside the archive, as
catalog/account=…/year=…/month=…/catalog.parquet, where DuckDB and Athena can
query it. It writes all months; archive --catalog does the same at the end of a
run, for the months that changed.

The catalogue belongs to this manifest: if several machines archive one
account, each knows only its own part, so only one can keep the catalogue.
Another machine is refused, and can take the catalogue over with --take-over.
Months that only the other machine knows then stay as they are.

The catalogue contains callers' names and numbers. It is replaced, so it is
never locked; a bucket with versioning keeps old versions of it. Erase removes
them all; you must remove the recording yourself from files made with --out.`,
		Example: `  vbcvault export --format csv --out calls.csv
  vbcvault export --format parquet --since 2025-01-01 --until 2026-01-01 --out 2025.parquet
  vbcvault export --format jsonl --state failed --out -
  vbcvault export --to-store`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			run, err := f.job(cmd)
			if err != nil {
				return err
			}
			return f.output.finish(s, func(o *output) (any, error) {
				began := time.Now()
				did, err := run(cmd.Context(), o)
				err = stopped(cmd.Context().Err(), err)
				did.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
				return did, err
			})
		},
	}
	fs := cmd.Flags()
	f.registerFile(fs)
	fs.BoolVar(&f.toStore, "to-store", false, "store the catalogue beside the archive")
	fs.BoolVar(&f.takeOver, "take-over", false, "with --to-store: also if the catalogue there belongs to another manifest")
	f.protect.registerRest(fs)
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "with --to-store: allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	f.output.register(fs)
	return cmd
}

// registerFile registers the flags that are about a file.
func (f *exportFlags) registerFile(fs *pflag.FlagSet) {
	fs.Var(newOneOf(&f.format, "", "csv", "jsonl", "parquet"), "format", "csv, jsonl or parquet")
	fs.StringVar(&f.out, "out", "", "write to this new `FILE`; - is stdout, for csv and jsonl")
	f.find.register(fs)
}

// job checks the flags and says what is to be done.
func (f *exportFlags) job(cmd *cobra.Command) (do func(context.Context, *output) (exported, error), err error) {
	changed := cmd.Flags().Changed
	q, err := f.find.query(changed)
	if err != nil {
		return nil, err
	}
	if f.toStore {
		return func(ctx context.Context, o *output) (exported, error) { return f.store(ctx, o, changed) }, f.wholly(changed)
	}
	for _, name := range []string{"take-over", "insecure-http", "sse", "kms-key", "tag", "expected-bucket-owner"} {
		if changed(name) {
			return nil, usagef("add --to-store, or remove this option", "--%s needs --to-store", name)
		}
	}
	switch {
	case f.format == "" || f.out == "":
		return nil, usagef("as in --format csv --out calls.csv, or --to-store", "--format and --out are required")
	case f.out == "-" && f.format == string(catalog.Parquet):
		return nil, usagef("name a file, or use csv or jsonl", "--format parquet can't be written to stdout")
	case f.out == "-" && f.output.json:
		return nil, usagef("remove --json, or name a file with --out", "--out - and --json both write to stdout")
	}
	q.OldestFirst = true
	return func(ctx context.Context, o *output) (exported, error) { return f.write(ctx, o, q) }, nil
}

// wholly refuses a part of the catalogue, or another form, for the store.
func (f *exportFlags) wholly(changed func(string) bool) (err error) {
	parts := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&exportFlags{}).registerFile(parts)
	parts.VisitAll(func(flag *pflag.Flag) {
		if err == nil && changed(flag.Name) {
			err = usagef("remove it, or write a file with --out", "--to-store stores the whole catalogue, as Parquet, so --%s can't be used with it", flag.Name)
		}
	})
	return err
}

// write writes what q finds to the file, or to standard output.
func (f *exportFlags) write(ctx context.Context, o *output, q manifest.Query) (did exported, err error) {
	write := func(out io.Writer) error {
		return withManifest(ctx, f.path, func(_ string, m manifest.Opened) (err error) {
			did.Recordings, err = catalog.Write(out, catalog.Format(f.format), catalog.All(m.Search(ctx, q)))
			return err
		})
	}
	if f.out == "-" {
		out := bufio.NewWriterSize(o.out, 1<<16)
		if err := write(out); err != nil {
			return did, err
		}
		return did, out.Flush()
	}
	if err := newFile(f.out, write); err != nil {
		return exported{}, err
	}
	did.File = f.out
	if did.Recordings == 0 {
		o.log.Warn("no recording matches, so the file contains none; vbcvault list finds recordings", "file", f.out)
	}
	if !o.json {
		fmt.Fprintf(o.out, "exported to %s, recordings: %s\n", f.out, humanize.Comma(did.Recordings))
	}
	return did, nil
}

// store stores the catalogue beside the archive.
func (f *exportFlags) store(ctx context.Context, o *output, changed func(string) bool) (did exported, err error) {
	path, err := theManifest(ctx, f.path)
	if err != nil {
		return did, err
	}
	c := catalogFlags{around: environment(), path: path, protect: f.protect, insecureHTTP: f.insecureHTTP}
	d, months, err := c.store(ctx, o, changed, func(a *archive.Archive) (int, error) { return a.StoreCatalog(ctx, f.takeOver) })
	did.Months = months
	if err == nil && !o.json {
		fmt.Fprintf(o.out, "the catalogue is in %s, months: %d\n", d, did.Months)
	}
	return did, err
}

// catalogFlags are what storing the catalogue needs to be told.
type catalogFlags struct {
	around       surroundings
	path         string // of the manifest
	protect      protectFlags
	insecureHTTP bool
}

// store has do store months of the catalogue.
func (f *catalogFlags) store(ctx context.Context, o *output, changed func(string) bool, do func(*archive.Archive) (int, error)) (d destination, months int, err error) {
	m, err := f.around.lockManifest(ctx, f.path)
	if err != nil {
		return d, 0, err
	}
	defer m.Close()
	if d, err = boundTo(ctx, m); err != nil {
		return d, 0, err
	}
	if d.protection, err = f.protect.protection(d, changed); err != nil {
		return d, 0, err
	}
	store, err := d.openAs(ctx, f.around, 1, f.insecureHTTP, o.log)
	if err != nil {
		return d, 0, err
	}
	defer letGo(store)
	a, err := archive.Of(ctx, store, m, o.log) // what was erased meanwhile must not come back
	if err != nil {
		return d, 0, err
	}
	months, err = do(a)
	return d, months, err
}
