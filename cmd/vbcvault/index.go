package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/index"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// indexFlags are the flags of index.
type indexFlags struct {
	path         string
	workers      int
	insecureHTTP bool
	out          outputFlags
}

func newIndex(s streams) *cobra.Command {
	f := indexFlags{}
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Make recordings findable by the words of their transcripts",
		Long: `Index reads the archived transcripts that are not in the full-text index yet, the
newest first, and adds them to the index in the manifest. Then vbcvault list
--words finds recordings by what was said. It sends VBC no request; each
transcript is read from the destination once.

The page does the same by itself while it runs: vbcvault web, or vbcvault serve
with web: in its configuration. Without the page and without this command,
nothing is indexed.

It may run beside archive and serve. It can be stopped at any time; run it again
and it resumes. A transcript that is damaged is not indexed, and is recorded as
damaged, as by vbcvault verify. If any transcript could not be indexed, the exit
code is 1.`,
		Example: `  vbcvault index
  vbcvault list --words '"cancel my contract"'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.workers < 1 || f.workers > 256 {
				return usagef("between 1 and 256", "--workers %d", f.workers)
			}
			return f.out.finish(s, func(o *output) (any, error) {
				r, err := f.run(cmd.Context(), o)
				return r, stopped(cmd.Context().Err(), err)
			})
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&f.workers, "workers", 8, "read `N` transcripts at once")
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	f.out.register(fs)
	return cmd
}

func (f *indexFlags) run(ctx context.Context, o *output) (r index.Result, err error) {
	path, err := theManifest(ctx, f.path)
	if err != nil {
		return r, err
	}
	m, err := openToIndex(ctx, path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	d, err := boundTo(ctx, m)
	if err != nil {
		return r, err
	}
	store, err := d.open(ctx, f.workers, f.insecureHTTP, o.log)
	if err != nil {
		return r, err
	}
	defer letGo(store)
	r, err = index.Run(ctx, store, m, o.log, index.Options{Workers: f.workers, Again: true, Refuted: refuting(ctx, path, o)})
	if err != nil {
		return r, err
	}
	has, lacks, err := m.Indexed(ctx)
	if err != nil {
		return r, err
	}
	if !o.json {
		fmt.Fprintf(o.out, "indexed %s transcripts now; recordings that are found by their words: %s\n", humanize.Comma(r.Indexed), humanize.Comma(has))
	}
	return r, unindexed(r, lacks)
}

// openToIndex opens a manifest beside a run. One of an earlier format is brought up to
// date first.
func openToIndex(ctx context.Context, path string) (manifest.Opened, error) {
	m, err := lockManifest(ctx, path)
	if err == nil {
		err = m.Close()
	}
	if err != nil && !errors.Is(err, manifest.ErrLocked) {
		return nil, err
	}
	return place.OpenBeside(ctx, path, environment().unsigned())
}

// transcriptsAre is so many transcripts, and the verb.
func transcriptsAre(n int64) string {
	if n == 1 {
		return "1 transcript is"
	}
	return humanize.Comma(n) + " transcripts are"
}

// unindexed says what is not in the index and why, or nil.
func unindexed(r index.Result, lacks int64) error {
	if r.Complete() && lacks == 0 {
		return nil
	}
	var why []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Cold, "in cold storage"}, {r.Missing, "missing in the destination"}, {r.Damaged, "damaged"}, {r.Failed, "not readable now"},
	} {
		if c.n > 0 {
			why = append(why, fmt.Sprintf("%s: %s", c.what, humanize.Comma(c.n)))
		}
	}
	if len(why) == 0 {
		why = append(why, "archived since this command began")
	}
	return &hinted{err: &exitError{code: exitIncomplete, err: fmt.Errorf("%s not in the index (%s)", transcriptsAre(max(lacks, 1)), strings.Join(why, ", "))},
		hint: "vbcvault verify checks the copies, and vbcvault restore --thaw gets back what is cold; then run vbcvault index again"}
}
