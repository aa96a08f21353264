package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	_ "time/tzdata" // --tz, also where the system has no zones
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/words"
)

// listFlags are the flags of list.
type listFlags struct {
	find            findFlags
	path, zone      string
	words           string
	limit           int
	oldestFirst     bool
	asJSON, asCSV   bool
	count, sumBytes bool
	by              string
	changed         func(string) bool
	query           manifest.Query
	location        *time.Location
}

// shownRecordings is how many a table has if nobody says otherwise.
const shownRecordings = 50

func newList(s streams) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:        "list",
		SuggestFor: []string{"ls", "find", "search"},
		Short:      "Find recordings in the manifest, and count them",
		Long: `List shows the recordings in the manifest that match all given filters, the
newest first. It reads the manifest without locking it, also during a run, and
sends no request to VBC or to the destination.

It prints a table for people, or all that is known of each recording as lines
of JSON or as CSV, for programs. In CSV, values that a spreadsheet would run as
a formula have an apostrophe in front, except for telephone numbers; JSON has
every value unchanged.

Times in the table and the months of --by month are in local time, or in the
zone of --tz; times in JSON and CSV are UTC, and so are their months unless
--tz is given. By extension, a call counts under each of its extensions, and
once in the total.`,
		Example: `  vbcvault list
  vbcvault list --caller-id 17325550100 --since 2025-01-01 --tz America/New_York
  vbcvault list --text smith --direction inbound --min-duration 1m --limit 0
  vbcvault list --state verified,purged --json
  vbcvault list --extension 101 --csv --oldest-first
  vbcvault list --count --sum-bytes --by month`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.changed = cmd.Flags().Changed
			if err := f.check(); err != nil {
				return err
			}
			return withManifest(cmd.Context(), f.path, func(_ string, m manifest.Opened) error {
				return errors.Join(f.unheard(cmd.Context(), m, s.err), f.run(cmd.Context(), m, s.out))
			})
		},
	}
	fs := cmd.Flags()
	f.find.register(fs)
	fs.StringVar(&f.words, "words", "", "only calls in which these `WORDS` were said: all of them, \"in this order\", or those that begin so*; see vbcvault index")
	fs.IntVar(&f.limit, "limit", shownRecordings, "show at most `N` recordings; 0 = all (default: 50 in the table, else all)")
	fs.BoolVar(&f.oldestFirst, "oldest-first", false, "show the oldest first")
	fs.StringVar(&f.zone, "tz", "", "show times in this time `ZONE`: UTC, America/New_York (default: local); --since and --until are UTC")
	fs.BoolVar(&f.asJSON, "json", false, "print each recording as a line of JSON")
	fs.BoolVar(&f.asCSV, "csv", false, "print CSV with a header")
	fs.BoolVar(&f.count, "count", false, "count the recordings instead of showing them")
	fs.BoolVar(&f.sumBytes, "sum-bytes", false, "add up the bytes of audio instead of showing recordings")
	fs.StringVar(&f.by, "by", "", "count or add up for each `GROUP`: month, extension, direction or state")
	manifestFlag(cmd, &f.path)
	fs.Lookup("limit").DefValue = "0" // the usage says it
	return cmd
}

// check checks the flags, and makes the query of them.
func (f *listFlags) check() (err error) {
	counting := f.count || f.sumBytes
	switch {
	case f.asJSON && f.asCSV:
		return usagef("use one of them", "--json and --csv can't be used together")
	case f.limit < 0:
		return usagef("0 shows all", "--limit %d is negative", f.limit)
	case counting && (f.changed("limit") || f.oldestFirst):
		return usagef("remove them", "--count and --sum-bytes use all matches, so --limit and --oldest-first have no meaning with them")
	case f.changed("by") && !counting:
		return usagef("add --count, --sum-bytes or both", "--by %s needs --count or --sum-bytes", f.by)
	}
	if f.query, err = f.find.query(f.changed); err != nil {
		return err
	}
	if err := f.said(); err != nil {
		return err
	}
	by := manifest.Grouping(f.by)
	switch by {
	case manifest.ByMonth, manifest.ByExtension, manifest.ByDirection, manifest.ByState:
	default:
		if f.changed("by") {
			return usagef("month, extension, direction or state", "--by %q is unknown", f.by)
		}
	}
	if f.changed("tz") && (f.asJSON || f.asCSV || counting) && by != manifest.ByMonth {
		return usagef("remove it: these times are UTC", "--tz applies only to the table and to --by month")
	}
	f.query.OldestFirst, f.query.Limit = f.oldestFirst, f.limit
	if (f.asJSON || f.asCSV) && !f.changed("limit") {
		f.query.Limit = 0
	}
	f.location, err = f.place()
	return err
}

// said has only those found in which words were said.
func (f *listFlags) said() error {
	if f.changed("words") && strings.TrimSpace(f.words) == "" {
		return usagef("give it a value, or remove it", "--words is empty, and would match everything")
	}
	if _, err := words.Parse(f.words); err != nil {
		hint := "write other words"
		if e, ok := errors.AsType[*words.Error](err); ok {
			hint = e.Hint
		}
		return usagef(hint, "--words: %v", err)
	}
	f.query.Words = f.words
	return nil
}

// unheard warns that not all that was said can be found yet.
func (f *listFlags) unheard(ctx context.Context, m manifest.Words, warn io.Writer) error {
	if f.words == "" {
		return nil
	}
	_, lacks, err := m.Indexed(ctx)
	if err == nil && lacks > 0 {
		_, err = fmt.Fprintf(warn, "vbcvault: %s not in the index yet, so --words does not find all calls; run vbcvault index\n", transcriptsAre(lacks))
	}
	return err
}

// place is the zone of what is shown. Programs get the same wherever they run.
func (f *listFlags) place() (*time.Location, error) {
	switch {
	case f.zone != "":
		at, err := time.LoadLocation(f.zone)
		if err != nil {
			return nil, usagef("as in UTC, Europe/Berlin or America/New_York", "--tz %q is not a time zone", f.zone)
		}
		return at, nil
	case f.changed("tz"):
		return nil, usagef("give it a value, or remove it", "--tz is empty")
	case f.asJSON || f.asCSV:
		return time.UTC, nil
	}
	return time.Local, nil
}

func (f *listFlags) run(ctx context.Context, m manifest.Search, out io.Writer) (err error) {
	w := bufio.NewWriterSize(out, 64<<10)
	switch {
	case f.count || f.sumBytes:
		err = f.sum(ctx, m, w)
	case f.asJSON:
		err = f.lines(ctx, m, w)
	case f.asCSV:
		err = f.cells(ctx, m, w)
	default:
		err = f.table(ctx, m, w)
	}
	return errors.Join(err, w.Flush())
}

func (f *listFlags) lines(ctx context.Context, m manifest.Search, w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for r, err := range m.Search(ctx, f.query) {
		if err != nil {
			return err
		}
		if err := enc.Encode(catalog.Of(r)); err != nil {
			return err
		}
	}
	return nil
}

func (f *listFlags) cells(ctx context.Context, m manifest.Search, w io.Writer) error {
	c := catalog.NewCSV(w)
	for r, err := range m.Search(ctx, f.query) {
		if err == nil {
			err = c.Write(catalog.Of(r))
		}
		if err != nil {
			return errors.Join(err, c.Flush())
		}
	}
	return c.Flush()
}

// widened is after how many lines the table's columns get their width. All of
// it may not fit in memory.
const widened = 500

func (f *listFlags) table(ctx context.Context, m manifest.Search, out io.Writer) error {
	q := f.query
	if q.Limit > 0 {
		q.Limit++ // says whether there are more
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	n := 0
	for r, err := range m.Search(ctx, q) {
		if err != nil {
			return errors.Join(w.Flush(), err)
		}
		if n++; n == q.Limit {
			break
		}
		if n == 1 {
			fmt.Fprintf(w, "START (%s)\tLENGTH\tDIRECTION\tCALLER\tTO\tSIZE\tSTATE\tKIND\tID\n", inZone(f.location))
		}
		f.line(w, r)
		if n%widened == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch n {
	case 0:
		fmt.Fprintln(out, "no recording in the manifest matches; numbers and names must be written as at VBC, and --text finds parts of them")
	case q.Limit:
		which := "newest"
		if f.oldestFirst {
			which = "oldest"
		}
		fmt.Fprintf(out, "These are the %s %s. There are more: --limit N shows N of them, --count counts them\n", which, humanize.Comma(int64(f.query.Limit)))
	}
	return nil
}

// inZone names a zone. The local one is called otherwise in summer.
func inZone(at *time.Location) string {
	if at == time.Local {
		return "local"
	}
	return at.String()
}

func (f *listFlags) line(w io.Writer, r manifest.Row) {
	e := catalog.Of(r)
	size := "?"
	if e.Bytes >= 0 {
		size = humanize.IBytes(uint64(e.Bytes))
	}
	kind := e.Kind
	if e.User != "" {
		kind += " " + e.User
	}
	to := []string{e.DNIS}
	if len(e.Extensions) > 0 {
		to = append(to, "ext "+strings.Join(e.Extensions, ","))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.Start.In(f.location).Format(time.DateTime), length(r.Duration),
		printable(strings.ReplaceAll(strings.ToLower(e.Direction), "_", "-"), 12), printable(e.CallerID+" "+e.CNAM, 36), printable(strings.Join(to, " "), 30), size, e.State, kind, e.ID)
}

// length is how long a call was, "" if nobody knows.
func length(d time.Duration) string {
	if d < 0 {
		return ""
	}
	return d.Round(time.Second).String()
}

// printable is a text for one cell of a table on a terminal: anybody can call
// under any name, also under one that would move the cursor.
func printable(s string, longest int) string {
	runes := []rune(strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)))
	if len(runes) > longest {
		runes = append(runes[:longest-1], '…')
	}
	return string(runes)
}
