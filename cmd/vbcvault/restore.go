package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/restore"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
)

// restoreFlags are the flags of restore.
type restoreFlags struct {
	findFlags
	outputFlags
	path, to, template, tier string
	all, insecureHTTP        bool
	what                     restore.Options
}

func newRestore(s streams) *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:        "restore (--id ID | FILTERS | --all) --out DIR",
		SuggestFor: []string{"get", "fetch", "download"},
		Short:      "Fetch archived recordings back into files",
		Long: `Restore fetches recordings from the archive: the audio and, beside it under the
same name, what VBC said about the call (.json) and the transcript
(.transcript.json or .txt) if there is one. It sends VBC no request, needs only
the manifest and the destination, and may run at the same time as archive. It
changes neither, with one exception: it records in the manifest that a copy is
damaged, and the next run of archive stores it again if VBC still has the
recording. A file gets its name when its size and SHA-256 match the archived
ones. It gets the time of the call, and only you can read it.

Run the same command again to fetch what is still missing. Restore never
overwrites: if another file has the name, that recording fails, the others are
restored, and the exit code is 1, as it is for a copy that is damaged or
missing.

Names come from --name-template: ` + strings.Join(restore.FieldNames()[:6], ", ") + `,
` + strings.Join(restore.FieldNames()[6:], ", ") + `. It ends in
.mp3 or .{ext}, and a "/" creates a directory. In values from VBC, everything
but letters, digits and + - . _ @ becomes "_"; a missing field is "none".

--out - writes the audio of one recording to stdout, and nothing else. Its
checksum is known only at the end: use the output only if the exit code is 0.

Recordings in GLACIER, DEEP_ARCHIVE or an archive tier of INTELLIGENT_TIERING
must be thawed first, which costs money and takes hours. Without --thaw restore
only reports them. With --thaw it requests them and exits with 1; run the same
command again later: it requests nothing twice and fetches what is ready.`,
		Example: `  vbcvault restore --id 193228 --out case-4711
  vbcvault restore --since 2025-05-01 --until 2025-06-01 --caller-id 17325550100 --out may \
      --name-template '{direction}/{start}_{extension}_{id}.mp3'
  vbcvault restore --id 193228 --out - | md5sum
  vbcvault restore --all --out /mnt/all --thaw --tier bulk --days 14`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, s) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.to, "out", "", "the `DIR` to restore to, created if missing; - is stdout, for one recording's audio")
	fs.StringVar(&f.template, "name-template", restore.DefaultNames, "`TEMPLATE` of file names")
	f.findFlags.register(fs)
	fs.BoolVar(&f.all, "all", false, "restore everything in the archive")
	fs.BoolVar(&f.what.Thaw, "thaw", false, "thaw recordings in cold storage; this costs money")
	fs.Var(newOneOf(&f.tier, string(storage.Standard), string(storage.Bulk), string(storage.Expedited)), "tier", "with --thaw: standard, bulk (cheaper, slower) or expedited (expensive, minutes)")
	fs.IntVar(&f.what.Days, "days", 7, "with --thaw: keep thawed recordings readable for `DAYS`")
	fs.IntVar(&f.what.Workers, "workers", 8, "fetch `N` recordings at once")
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	f.outputFlags.register(fs)
	return cmd
}

func (f *restoreFlags) run(cmd *cobra.Command, s streams) error {
	if err := f.parse(cmd.Flags().Changed, s); err != nil {
		return err
	}
	return f.finish(s, func(o *output) (result any, err error) {
		result = restore.Result{}
		err = withManifest(cmd.Context(), f.path, func(path string, m manifest.Opened) error {
			f.what.Refuted = refuting(cmd.Context(), path, o)
			store, err := f.open(cmd.Context(), m, o)
			if err != nil {
				return err
			}
			restore := f.restore
			if f.to == "-" {
				restore = f.pipe
			}
			r, err := restore(cmd.Context(), store, m, o)
			result = r
			if err == nil {
				return f.incomplete(r)
			}
			return stopped(cmd.Context().Err(), err)
		})
		return result, err
	})
}

// refuting writes into the manifest, also while a run uses it, what has been read
// and found wrong. A manifest that can't be written to doesn't keep anything from
// being restored.
func refuting(ctx context.Context, path string, o *output) func(manifest.Row, error) {
	var one sync.Mutex
	return func(row manifest.Row, why error) {
		one.Lock()
		defer one.Unlock()
		m, err := place.OpenBeside(ctx, path, environment().unsigned())
		if err == nil {
			err = errors.Join(check.Refute(ctx, m, row, why), m.Close())
		}
		if err != nil {
			o.log.Warn("a damaged copy could not be recorded in the manifest; vbcvault verify --deep records it", "recording", row.Recording.String(), "reason", err)
		}
	}
}

// parse checks the flags, before anything is touched.
func (f *restoreFlags) parse(changed func(string) bool, s streams) (err error) {
	finding := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&findFlags{}).register(finding)
	chosen := false
	finding.VisitAll(func(flag *pflag.Flag) { chosen = chosen || changed(flag.Name) })
	switch {
	case strings.TrimSpace(f.to) == "":
		return usagef("as in --out DIR, or --out - for one recording's audio on stdout", "--out is required")
	case !chosen && !f.all:
		return usagef("use --id, filters such as --since, or --all", "no recordings selected")
	case chosen && f.all:
		return usagef("use one of them", "--all and filters can't be used together")
	case f.what.Workers < 1 || f.what.Workers > 256:
		return usagef("between 1 and 256", "--workers %d", f.what.Workers)
	case !f.what.Thaw && (changed("tier") || changed("days")):
		return usagef("add --thaw (it costs money), or remove them", "--tier and --days need --thaw")
	case f.what.Days < 1 || f.what.Days > 365:
		return usagef("between 1 and 365", "--days %d", f.what.Days)
	case f.to == "-" && (f.json || changed("name-template")):
		return usagef("remove it", "--out - writes only audio: --json and --name-template can't be used with it")
	case f.to == "-" && isTerminal(s.out):
		return usagef("write to a file or a player, as in --out - > call.mp3", "--out - would write audio to the terminal")
	}
	if f.what.Names, err = restore.ParseNames(f.template); err != nil {
		return usagef(strings.Join(restore.FieldNames(), ", ")+"; see vbcvault restore --help", "--name-template: %v", err)
	}
	f.what.Tier = storage.Tier(f.tier)
	f.what.Query, err = f.query(changed)
	f.what.Query.OldestFirst = true
	return err
}

// open opens the manifest's destination. Nothing is written there.
func (f *restoreFlags) open(ctx context.Context, m bound, o *output) (storage.Store, error) {
	d, err := boundTo(ctx, m)
	if err != nil {
		return nil, err
	}
	return d.open(ctx, f.what.Workers, f.insecureHTTP, o.log)
}

// restore restores into the directory.
func (f *restoreFlags) restore(ctx context.Context, store storage.Store, m restore.Manifest, o *output) (restore.Result, error) {
	var folder *dirstore.Folder
	stats := &progress.Stats{}
	stop := func() {}
	r, err := restore.To(ctx, store, m, func() (restore.Folder, error) {
		var err error
		if folder, err = dirstore.OpenFolder(f.to); err != nil {
			return nil, usagef("choose another --out: a writable directory of your own", "--out: %v", err)
		}
		stop = o.progress(stats, nil)
		return folder, nil
	}, stats, o.log, f.what)
	stop()
	if errors.Is(err, restore.ErrNames) {
		err = usagef("add {id}, and {kind} or {user} if needed, to --name-template", "--name-template: %v", err)
	}
	if r.Found == 0 && err == nil {
		o.log.Warn("no recording matches, so nothing was restored; vbcvault list finds recordings")
	}
	if folder == nil {
		return r, err
	}
	defer func() { _ = folder.Close() }() // what it has written is durable
	if !o.json {
		restoredTable(o, folder.String(), r)
	}
	return r, err
}

// pipe writes one recording's audio to stdout.
func (f *restoreFlags) pipe(ctx context.Context, store storage.Store, m restore.Manifest, o *output) (restore.Result, error) {
	f.what.Query.Limit = 2
	var found []manifest.Row
	for row, err := range m.Search(ctx, f.what.Query) {
		if err != nil {
			return restore.Result{}, err
		}
		found = append(found, row)
	}
	switch len(found) {
	case 0:
		return restore.Result{}, &exitError{code: exitIncomplete, err: errors.New("no recording matches, so nothing was written; vbcvault list finds recordings")}
	case 2:
		return restore.Result{}, usagef("choose one, with --id, --kind and --user", "--out - is for one recording, but at least two match: %s and %s", found[0].Recording, found[1].Recording)
	}
	r, err := restore.Stream(ctx, store, m, found[0], o.out, o.log, f.what)
	switch {
	case errors.Is(err, restore.ErrUntrusted) && ctx.Err() == nil:
		err = fmt.Errorf("%w. Discard it; vbcvault verify --deep checks the copies", err)
	case errors.Is(err, restore.ErrNotArchived):
	case errors.Is(err, storage.ErrNotFound):
		err = fmt.Errorf("%w. Nothing was written; vbcvault verify checks the copies", err)
	default:
		return r, err
	}
	return r, &exitError{code: exitIncomplete, err: err}
}

func restoredTable(o *output, dir string, r restore.Result) {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	row := func(name string, n int64, note string) { fmt.Fprintf(w, "%s\t%s\t%s\n", name, humanize.Comma(n), note) }
	row("restored", r.Restored, fmt.Sprintf("to %s; files: %s, %s", dir, humanize.Comma(r.Files), humanize.IBytes(uint64(r.Bytes))))
	row("already there", r.There, "with the correct content")
	if r.NotArchived > 0 {
		row("not archived", r.NotArchived, "no copy in the archive: not archived yet, gone, or erased")
	}
	if n := r.Asked + r.Thawing + r.Cold; n > 0 {
		row("cold", n, fmt.Sprintf("%s in %s", humanize.IBytes(uint64(r.ColdBytes)), strings.Join(r.Classes, ", ")))
	}
	if r.Failed > 0 {
		row("failed", r.Failed, "see the messages above")
	}
	fmt.Fprintf(w, "time\t%s\t\n", time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond))
}

// incomplete says what is missing and what to do, or nil.
func (f *restoreFlags) incomplete(r restore.Result) error {
	if r.Complete() {
		return nil
	}
	var why []string
	add := func(n int64, format string, args ...any) {
		if n > 0 {
			why = append(why, humanize.Comma(n)+" "+fmt.Sprintf(format, args...))
		}
	}
	add(r.Failed, "failed, for the reasons above")
	if len(r.Missing) > 0 {
		slices.Sort(r.Missing)
		why = append(why, "the archive has no recording with id "+strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Missing), " ", ", "), "[]"))
	}
	classes, wait := strings.Join(r.Classes, ", "), hours(time.Duration(r.Wait*float64(time.Second)))
	add(r.Asked, "in cold storage (%s), requested: ready within %s, and readable for %d days; run the same command again then", classes, wait, f.what.Days)
	add(r.Thawing, "in cold storage (%s), requested earlier and not ready: this takes up to %s; run the same command again then", classes, wait)
	add(r.Cold, "in cold storage (%s; %s): thawing costs money, and takes up to %[4]s with --tier %[3]s; add --thaw to request them",
		classes, humanize.IBytes(uint64(r.ColdBytes)), f.tier, wait)
	return &exitError{code: exitIncomplete, err: errors.New("not everything is restored: " + strings.Join(why, "; "))}
}

// hours says how long thawing takes.
func hours(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.0f hours", d.Hours())
}
