package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	reports "github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// reportFlags are the flags of report.
type reportFlags struct {
	since, until string
	out          string
	config       string
	accounts     []string
	manifest     string
}

func newReport(s streams) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:        "report [--since DATE] [--until DATE] [--account NAME]... --out FILE",
		SuggestFor: []string{"summary", "stats", "statistics"},
		Short:      "Write a report about a period, for compliance and for whoever pays",
		Long: `Report writes one page about a period: what was archived, deleted, held and
failed and why, sizes and counts by month, how long recordings waited, requests
and quota, the log of receipts and what an audit says of it, what ends by
itself soon, and what needs a person. The page is one HTML file that loads
nothing else; print it, or mail it. A file that ends with .json gets the same
numbers for programs.

Without --since and --until the period is the last whole month. With --since
alone it ends now; with --until alone it begins with the month that --until
ends. All times are UTC.

With --config FILE (or VBCVAULT_CONFIG) the report is about all accounts of the
file, or about those of --account, worst first; otherwise about one manifest.
It reads the manifests, without locking them, also during a run, and sends no
request to VBC or to the destination. Callers are not named in it.

The file gets its name when it is complete; an existing file is never
overwritten. The exit code is 1 if a manifest could not be read: the report says
which.`,
		Example: `  vbcvault report --out october.html
  vbcvault report --since 2026-01-01 --until 2026-07-01 --out half-year.html
  vbcvault report --config /etc/vbcvault/vbcvault.yaml --account acme --out acme.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.since, "since", "", "the period begins at `TIME`: 2026-10-01 (midnight UTC) or 2026-10-01T00:00:00Z")
	fs.StringVar(&f.until, "until", "", "and ends before `TIME`")
	fs.StringVar(&f.out, "out", "", "write to this new `FILE`, as HTML or, if it ends with .json, as JSON; - is stdout, as HTML")
	fs.StringVar(&f.config, "config", "", "configuration `FILE` with the accounts (default: VBCVAULT_CONFIG, if it is set)")
	fs.StringSliceVar(&f.accounts, "account", nil, "only the account with this `NAME` in the configuration file; may be given several times")
	manifestFlag(cmd, &f.manifest)
	return cmd
}

func (f *reportFlags) run(ctx context.Context, s streams) error {
	period, err := f.period(time.Now())
	if err != nil {
		return err
	}
	write := (*reports.Report).HTML
	switch ending := strings.ToLower(filepath.Ext(f.out)); {
	case f.out == "":
		return usagef("as in --out report.html, or --out report.json", "--out is required")
	case ending == ".json":
		write = (*reports.Report).JSON
	case f.out != "-" && ending != ".html" && ending != ".htm":
		return usagef("use a file name that ends with .html or .json", "--out %s: the ending does not say which format", f.out)
	}
	accounts, err := f.which(ctx)
	if err != nil {
		return err
	}
	var r *reports.Report
	do := func(w io.Writer) (err error) {
		if r, err = reports.Make(ctx, accounts, period); err == nil {
			err = write(r, w)
		}
		return err
	}
	if err := f.write(s, do); err != nil {
		return stopped(ctx.Err(), err)
	}
	if f.out != "-" {
		fmt.Fprintf(s.out, "report for %s written to %s, accounts: %d\n", period, f.out, len(r.Accounts))
	}
	if unread := r.Unread(); len(unread) > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%s could not be read; the report says why: %s",
			english.Plural(len(unread), "manifest", ""), strings.Join(unread, ", "))}
	}
	return nil
}

// write writes to the file, or to standard output.
func (f *reportFlags) write(s streams, do func(io.Writer) error) error {
	if f.out != "-" {
		return newFile(f.out, do)
	}
	out := bufio.NewWriterSize(s.out, 1<<16)
	if err := do(out); err != nil {
		return err
	}
	return out.Flush()
}

// period is what --since and --until say.
func (f *reportFlags) period(now time.Time) (p reports.Period, err error) {
	// What was done until now is in it, also in this very second.
	if p.Until = now.UTC().Truncate(time.Second).Add(time.Second); f.until != "" {
		if p.Until, err = parseMoment("until", f.until); err != nil {
			return p, err
		}
	}
	switch {
	case f.since != "":
		if p.Since, err = parseMoment("since", f.since); err != nil {
			return p, err
		}
	case f.until != "":
		p = reports.MonthUntil(p.Until)
	default:
		p = reports.LastMonth(now)
	}
	if !p.Since.Before(p.Until) {
		return p, usagef("give an earlier --since, or a later --until", "the period is empty: it begins at %s and ends at %s",
			p.Since.Format(time.RFC3339), p.Until.Format(time.RFC3339))
	}
	return p, nil
}

// which are the accounts that the report is about.
func (f *reportFlags) which(ctx context.Context) ([]reports.Account, error) {
	path := f.config
	if path == "" && f.manifest == "" {
		path = usualAccounts()
	}
	switch {
	case path == "" && len(f.accounts) > 0:
		return nil, usagef("name the file with --config, or a manifest with --manifest", "--account needs a configuration file")
	case path == "":
		return f.theOne(ctx)
	case f.manifest != "":
		return nil, usagef("remove one of them", "--config and --manifest can't be used together")
	}
	chosen, err := loadAccounts(path)
	if err == nil && len(f.accounts) > 0 {
		chosen, err = named(chosen, f.accounts, path)
	}
	if err != nil {
		return nil, err
	}
	return reportedOn(chosen), nil
}

// theOne is the one manifest that there is without a configuration file. One that
// isn't there is a mistake, and no finding.
func (f *reportFlags) theOne(ctx context.Context) ([]reports.Account, error) {
	path, err := theManifest(ctx, f.manifest)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(ctx, path)
	if _, usage := err.(*usageError); usage { //nolint:errorlint // readManifest's own
		return nil, err
	}
	name := place.Name(path)
	if err == nil {
		if b, err := m.Binding(ctx); err == nil && b.Account != "" {
			name = b.Account
		}
		if err := m.Close(); err != nil {
			return nil, err
		}
	}
	return []reports.Account{{Name: name, Open: func(ctx context.Context) (manifest.Opened, error) { return readManifest(ctx, path) }}}, nil
}

// reportedOn are accounts of a configuration as a report reads them.
func reportedOn(accounts []configured) (all []reports.Account) {
	for _, c := range accounts {
		all = append(all, reports.Account{Name: c.Name, Open: func(ctx context.Context) (manifest.Opened, error) {
			path, _, err := c.manifestFile(ctx)
			if err != nil {
				return nil, err
			}
			opening, err := c.around(ctx).opening()
			if err != nil { // not as it is: a key that isn't there is no manifest that isn't there
				return nil, fmt.Errorf("the signing key: %v", err) //nolint:errorlint // see above
			}
			return place.OpenReadOnly(ctx, path, opening)
		}})
	}
	return all
}
