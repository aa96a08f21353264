package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/vbc"
)

// outputFlags say what a run shows and how.
type outputFlags struct {
	json          bool
	logFormat     string
	logLevel      string
	progressStyle string
	limited       bool
}

func (f *outputFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.json, "json", false, "print the summary as one line of JSON, the last of stdout")
	fs.Var(newOneOf(&f.logFormat, "text", "json"), "log-format", "format of logs on stderr: text or json")
	fs.Var(newOneOf(&f.logLevel, "info", "debug", "warn", "error"), "log-level", "debug, info, warn or error")
	fs.Var(newOneOf(&f.progressStyle, "auto", "plain", "none"), "progress", "auto (bars on a terminal), plain (a line from time to time) or none")
}

// output is where a run's words go: results to out, the rest to err.
type output struct {
	outputFlags
	streams
	log     *slog.Logger
	bars    bool
	printer *interleaver

	account string // whose this is, where there are several; "" = there is one
	crowd   *crowd // of several accounts

	watch func(*progress.Stats) // gets the counts of a run when it begins; may be nil
}

// finish runs f, then prints its result and, last, the error. With --json the
// result is the last line of stdout whatever happens.
func (f *outputFlags) finish(s streams, run func(*output) (any, error)) error {
	o := &output{outputFlags: *f, streams: s, printer: &interleaver{w: s.err}}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return usagef("debug, info, warn or error", "--log-level %q", f.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	if f.logFormat == "json" {
		o.log = slog.New(slog.NewJSONHandler(o.printer, opts))
	} else {
		o.log = slog.New(slog.NewTextHandler(o.printer, opts))
	}
	o.bars = f.progressStyle == "auto" && isTerminal(s.err)
	result, err := run(o)
	if f.json {
		if e := printJSON(s.out, result, err); e != nil {
			return errors.Join(err, e)
		}
	}
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// printJSON prints result with fields added: the exit code, and the error and its code.
func printJSON(w io.Writer, result any, err error) error {
	if result == nil {
		result = pipeline.Summary{}
	}
	fields := map[string]any{}
	b, e := json.Marshal(result)
	if e != nil {
		return e
	}
	// The result's own order is kept; what is added comes at the end.
	fields["exit_code"] = codeOf(err)
	if err != nil {
		fields["error"], fields["error_code"] = err.Error(), errorCode(err)
	}
	tail, e := json.Marshal(fields)
	if e != nil {
		return e
	}
	_, e = fmt.Fprintf(w, "%s,%s\n", b[:len(b)-1], tail[1:])
	return e
}

// announce says what is about to happen, before it does.
func (o *output) announce(j *job) {
	if o.progressStyle == "none" {
		return
	}
	verb, fate := "Archiving", "Nothing is deleted at VBC."
	if j.options.Delete {
		fate = "Each is deleted at VBC once its copy is verified."
	}
	if j.dryRun {
		verb, fate = "Dry run of archiving", "Nothing is changed."
	}
	c := j.options.Cutoff
	since := ""
	if !j.options.Since.IsZero() {
		since = " from " + j.options.Since.Format(time.RFC3339) + " on and"
	}
	if o.account != "" {
		fmt.Fprintf(o.printer, "%s recordings before %s to %s. %s\n", verb, c.UTC().Format(time.RFC3339), j.destination, fate)
		return
	}
	only := ""
	if f := chosen(j.options.Filter); f != "" {
		only = "Only: " + f + ". "
	}
	fmt.Fprintf(o.printer, "%s %s recordings of account %s that start%s before %s\n  (%s here) to %s. %s%s\n",
		verb, joinKinds(j.options.Kinds), j.options.Account, since, c.UTC().Format(time.RFC3339), c.Local().Format("2006-01-02 15:04:05 MST"), j.destination, only, fate)
	if how := protected(j.destination.protection); how != "" {
		fmt.Fprintf(o.printer, "Copies are kept %s.\n", how)
	}
	if !j.dryRun {
		fmt.Fprintf(o.printer, "Progress is kept in %s\n", j.manifest)
	}
}

// estimate says how long requests take at the quota, as far as that is known.
func estimate(c pipeline.Cost, q vbc.Quota) string {
	interval, known := q.Interval, ""
	if interval == 0 {
		interval, known = pipeline.DefaultInterval, "VBC's default quota of "
	}
	text := fmt.Sprintf("%s at %s%s", about(pipeline.Takes(c.Direct, interval)), known, pace(interval))
	if c.Export < c.Direct {
		text += fmt.Sprintf(", %s with exports", strings.TrimPrefix(about(pipeline.Takes(c.Export, interval)), "about "))
	}
	return text
}

// pace says an interval the way quotas are named.
func pace(interval time.Duration) string {
	for _, unit := range []struct {
		per  time.Duration
		name string
	}{{time.Second, "second"}, {time.Minute, "minute"}} {
		if n := float64(unit.per) / float64(interval); n >= 1.5 || unit.per == time.Minute {
			return fmt.Sprintf("%.3g requests a %s", n, unit.name)
		}
	}
	return ""
}

// about says a duration for planning.
func about(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("about %.0f s", d.Seconds())
	case d < 90*time.Minute:
		return fmt.Sprintf("about %.0f min", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("about %.0f h", d.Hours())
	}
	return fmt.Sprintf("about %.0f days", d.Hours()/24)
}

func joinKinds(kinds []vbc.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, " and ")
}

// summary prints a short table for people.
func (o *output) summary(j *job, s pipeline.Summary) {
	if o.json {
		return
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	row := func(name string, n int64, note string) { fmt.Fprintf(w, "%s\t%s\t%s\n", name, humanize.Comma(n), note) }
	row("listed", s.Listed, "eligible recordings at VBC")
	row("archived", s.Archived, humanize.IBytes(uint64(s.Bytes))+" of audio, verified in "+j.destination.String())
	row("already archived", s.AlreadyArchived, "by an earlier run")
	if s.Transcripts > 0 {
		row("transcripts", s.Transcripts, "archived and verified beside their recordings")
	}
	if s.ReadBack > 0 {
		row("read back", s.ReadBack, humanize.IBytes(uint64(s.ReadBytes))+" of copies of earlier runs, every byte, before their recordings were deleted")
	}
	row("deleted", s.Deleted, "no longer at VBC")
	if s.Skipped > 0 {
		row("held back", s.Skipped, "not deleted yet: "+heldBack(s.HeldBackBy))
	}
	if s.Unreadable > 0 {
		row("unreadable", s.Unreadable, "listed without a usable id or start; skipped")
	}
	if s.NotListed > 0 {
		row("not listed", s.NotListed, "VBC counted them but did not show them; run again")
	}
	if s.Troubles > 0 {
		row("trouble", s.Troubles, "with VBC's listings; see vbcvault status --manifest "+j.manifest)
	}
	if s.Resting > 0 {
		row("resting", s.Resting, "failed in three runs or more; retried once a day, or with --retry-failed")
	}
	if s.Acknowledged > 0 {
		row("acknowledged", s.Acknowledged, "known failures and trouble; not counted in the exit code")
	}
	if s.Failed > 0 {
		row("failed", s.Failed, "see vbcvault status --manifest "+j.manifest)
	}
	if s.Log != nil && s.Log.Size > 0 {
		row("receipts", s.Log.Size, "in the log "+s.Log.Origin+", root "+s.Log.Root.String())
	}
	fmt.Fprintf(w, "time\t%s\t\n", s.Elapsed.Round(time.Millisecond))
}

// heldBack says why recordings are held back, the commonest reason first.
func heldBack(by map[string]int64) string {
	words := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), strings.Compare(a, b)) })
	for i, c := range words {
		words[i] = humanize.Comma(by[c]) + " " + code.About(code.HeldBack, c).Meaning
	}
	return strings.Join(words, "; ")
}

// plan prints what a dry run has found.
func (o *output) plan(j *job, p pipeline.Plan, client *vbc.Client) {
	if o.json {
		return
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	c := j.options.Cutoff
	fmt.Fprintf(w, "cutoff\t%s\t%s\n", c.UTC().Format(time.RFC3339), c.Local().Format("2006-01-02 15:04:05 MST")+" here")
	fmt.Fprintf(w, "eligible\t%s\t%s\n", humanize.Comma(p.Listed), humanize.IBytes(uint64(p.ListedBytes)))
	if p.Listed > 0 {
		fmt.Fprintf(w, "oldest\t%s\t\nnewest\t%s\t\n", p.Oldest.Format(time.RFC3339), p.Newest.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "already archived\t%s\t\n", humanize.Comma(p.AlreadyArchived))
	fmt.Fprintf(w, "would archive\t%s\t%s\n", humanize.Comma(p.ToArchive), humanize.IBytes(uint64(p.ToArchiveBytes)))
	if p.ToCompare > 0 {
		fmt.Fprintf(w, "would compare\t%s\twith one download each: no signed receipt vouches for these copies\n", humanize.Comma(p.ToCompare))
	}
	if p.Transcripts > 0 {
		fmt.Fprintf(w, "transcripts\t%s\twould be archived beside them\n", humanize.Comma(p.Transcripts))
	}
	fmt.Fprintf(w, "would delete\t%s\tat VBC, each once its copy is verified\n", humanize.Comma(p.ToDelete))
	if p.HeldBack > 0 {
		fmt.Fprintf(w, "would hold back\t%s\t%s\n", humanize.Comma(p.HeldBack), heldBack(p.HeldBackBy))
	}
	if p.Leftovers > 0 {
		fmt.Fprintf(w, "left over\t%s\tunfinished in earlier runs\n", humanize.Comma(p.Leftovers))
	}
	if p.Unreadable > 0 {
		fmt.Fprintf(w, "unreadable\t%s\tlisted without a usable id or start; would be skipped\n", humanize.Comma(p.Unreadable))
	}
	fmt.Fprintf(w, "requests\tabout %s\tat VBC with direct downloads, %s with exports\n", humanize.Comma(p.Requests.Direct), humanize.Comma(p.Requests.Export))
	fmt.Fprintf(w, "time\t%s\n", estimate(p.Requests, client.Quota()))
	w.Flush()
	for i, r := range p.First {
		if i == 0 {
			fmt.Fprintf(o.out, "\nThe oldest:\n")
		}
		fmt.Fprintf(w, "  %s\t%s\t%d\t%s\t%s\n", r.Start.Format(time.RFC3339), r.Kind, r.ID, length(r.Duration), humanize.IBytes(uint64(max(r.Size, 0))))
	}
	w.Flush()
	if p.File != nil {
		fmt.Fprintf(o.out, "\nThe plan is in %s: %s recordings, %s, SHA-256 %s.\nTo delete exactly these, run the same command with --confirm-plan %s instead of --dry-run --plan.\n",
			j.planFile, humanize.Comma(p.File.Count), humanize.IBytes(uint64(p.File.Bytes)), p.File.SHA256, j.planFile)
	}
	fmt.Fprintln(o.out, "\nNothing was changed. To do it, run the same command without --dry-run.")
}
