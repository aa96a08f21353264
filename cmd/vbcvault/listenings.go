package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// listeningFlags are the flags of listenings.
type listeningFlags struct {
	path          string
	ids           []int64
	who, how      string
	since, until  string
	limit         int
	asJSON, asCSV bool
	query         manifest.ListeningQuery
	changed       func(string) bool
}

func newListenings(s streams) *cobra.Command {
	var f listeningFlags
	cmd := &cobra.Command{
		Use:   "listenings",
		Short: "Show who has listened to archived recordings",
		Long: `Listenings shows who has played, downloaded or exported recordings on the page
of vbcvault, or read their transcripts: the latest first, with the reason and
the address they came from. The page writes each of these down before it sends
anything. The entries name people who use the page, and no callers.

It reads the manifest without locking it, and sends no request to VBC or to the
destination. It prints a table for people, or lines of JSON, or CSV, for
programs; times are UTC. An entry is marked "doubtful" if it is not what was
written, or was not written by somebody with this manifest's key: vbcvault
audit says what is wrong.`,
		Example: `  vbcvault listenings
  vbcvault listenings --who maria --since 2026-05-01
  vbcvault listenings --id 193228 --json
  vbcvault listenings --how download --since 2026-01-01 --until 2027-01-01 --csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.changed = cmd.Flags().Changed
			if err := f.check(); err != nil {
				return err
			}
			return withManifest(cmd.Context(), f.path, func(_ string, m manifest.Opened) error { return f.run(cmd.Context(), m, s.out) })
		},
	}
	fs := cmd.Flags()
	fs.Int64SliceVar(&f.ids, "id", nil, "only recordings with these `ID`s")
	fs.StringVar(&f.who, "who", "", "only what this `PERSON` listened to: the name exactly as they sign in")
	fs.StringVar(&f.how, "how", "", "only this `WAY`: "+strings.Join(hows(), ", "))
	fs.StringVar(&f.since, "since", "", "only from `TIME` on: 2026-05-01 (midnight UTC) or 2026-05-01T00:00:00Z")
	fs.StringVar(&f.until, "until", "", "only before `TIME`")
	fs.IntVar(&f.limit, "limit", shownRecordings, "show at most `N` entries; 0 = all (default: 50 in the table, else all)")
	fs.BoolVar(&f.asJSON, "json", false, "print each entry as a line of JSON")
	fs.BoolVar(&f.asCSV, "csv", false, "print CSV with a header")
	manifestFlag(cmd, &f.path)
	fs.Lookup("limit").DefValue = "0" // the usage says it
	return cmd
}

func hows() (names []string) {
	for _, h := range manifest.Hows {
		names = append(names, string(h))
	}
	return names
}

// check checks the flags, and makes the query of them.
func (f *listeningFlags) check() (err error) {
	for name, value := range map[string]string{"who": f.who, "how": f.how, "since": f.since, "until": f.until} {
		if f.changed(name) && strings.TrimSpace(value) == "" {
			return usagef("give it a value, or remove it", "--%s is empty, and would match everything", name)
		}
	}
	switch {
	case f.asJSON && f.asCSV:
		return usagef("use one of them", "--json and --csv can't be used together")
	case f.limit < 0:
		return usagef("0 shows all", "--limit %d is negative", f.limit)
	case f.how != "" && !slices.Contains(hows(), f.how):
		return usagef(strings.Join(hows(), ", "), "--how %q is unknown", f.how)
	case slices.ContainsFunc(f.ids, func(id int64) bool { return id <= 0 }) || f.changed("id") && len(f.ids) == 0:
		return usagef("vbcvault list and the names of archived files show ids", "--id is empty or not an id")
	}
	f.query = manifest.ListeningQuery{IDs: f.ids, Who: f.who, How: manifest.How(f.how), Limit: f.limit}
	if (f.asJSON || f.asCSV) && !f.changed("limit") {
		f.query.Limit = 0
	}
	if f.since != "" {
		if f.query.Since, err = parseMoment("since", f.since); err != nil {
			return err
		}
	}
	if f.until != "" {
		if f.query.Until, err = parseMoment("until", f.until); err != nil {
			return err
		}
		if !f.query.Since.Before(f.query.Until) {
			return usagef("--until must be later", "no time is left between --since and --until")
		}
	}
	return nil
}

func (f *listeningFlags) run(ctx context.Context, m manifest.Listenings, out io.Writer) error {
	w := bufio.NewWriterSize(out, 64<<10)
	var to catalog.Listenings
	switch {
	case f.asJSON:
		to = catalog.NewListeningLines(w)
	case f.asCSV:
		to = catalog.NewListeningCSV(w)
	default:
		return errors.Join(f.table(ctx, m, w), w.Flush())
	}
	for l, err := range m.Listenings(ctx, f.query) {
		if err == nil {
			err = to.Write(l)
		}
		if err != nil {
			return errors.Join(err, to.Flush(), w.Flush())
		}
	}
	return errors.Join(to.Flush(), w.Flush())
}

func (f *listeningFlags) table(ctx context.Context, m manifest.Listenings, out io.Writer) error {
	q := f.query
	if q.Limit > 0 {
		q.Limit++ // says whether there are more
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	n := 0
	for l, err := range m.Listenings(ctx, q) {
		if err != nil {
			return errors.Join(w.Flush(), err)
		}
		if n++; n == q.Limit {
			break
		}
		if n == 1 {
			fmt.Fprintln(w, "AT (UTC)\tWHO\tHOW\tKIND\tID\tCALL OF\tFROM\tWHY")
		}
		f.line(w, l)
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
		fmt.Fprintln(out, "nobody has listened to a recording that matches")
	case q.Limit:
		fmt.Fprintf(out, "These are the latest %s. There are more: --limit N shows N of them\n", humanize.Comma(int64(f.query.Limit)))
	}
	return nil
}

func (f *listeningFlags) line(w io.Writer, l manifest.Listening) {
	who, kind, of := printable(l.Who, 40), string(l.Kind), ""
	if l.Doubtful {
		who = strings.TrimSpace(who + " (doubtful)")
	}
	if l.Owner != "" {
		kind += " " + l.Owner
	}
	if !l.Start.IsZero() {
		of = l.Start.UTC().Format(time.DateTime)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", l.At.UTC().Format(time.DateTime), who, printable(string(l.How), 20), kind, l.ID, of, printable(l.From, 45), printable(l.Why, 60))
}
