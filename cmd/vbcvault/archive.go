package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// archiveFlags are the flags of archive as they were given.
type archiveFlags struct {
	olderThan, before, since string
	allowRecent              bool
	to                       string
	delete, dryRun           bool
	deleteAfter              string
	maxDeletes               int
	manifest                 string
	account                  string
	kinds, users             []string
	workers, pageSize        int
	rate                     string
	fetch, spoolDir          string
	exportLimit              string
	fullScan                 bool
	fullScanEvery            string
	ifRunning                string
	maxWait                  string
	acceptSizeMismatch       bool
	acceptEqualAudio         bool
	acceptFormat             bool
	readBack                 string
	allowExpiring            bool
	trustMount               bool
	moved                    bool
	trustArchive             bool
	noTranscripts, catalog   bool
	retryFailed              bool
	maxFailures              int
	plan, confirmPlan        string
	choose                   chooseFlags
	protect                  protectFlags
	insecureHTTP             bool
	metricsFile              string
	output                   outputFlags
}

func newArchive(s streams) *cobra.Command {
	var f archiveFlags
	var many fleetFlags
	cmd := &cobra.Command{
		Use:        "archive (--older-than AGE | --before TIME) --to DESTINATION | --config FILE (NAME... | --all)",
		SuggestFor: []string{"run", "backup", "sync"},
		Short:      "Archive recordings, and with --delete delete them at VBC once verified",
		Long: `Archive lists the recordings that start before a cutoff and copies each one's
audio and metadata, and its transcript if VBC has one, to the destination. The
destination must confirm size and SHA-256 of each copy. Without --delete
nothing is deleted at VBC. With --delete a recording is deleted there only
after the destination has just confirmed its copy.

Where VBC allows few requests, vbcvault fetches many recordings at once: VBC
packs them into a ZIP (--fetch), and each one is unpacked and verified like any
other.

Progress is saved in a manifest. After any interruption, run the same command
again: it resumes where it stopped, and downloads nothing again that is intact
in the destination.

With --config it does one run over each account of a configuration file that is
named, or over all, several at once. Each account has its own settings in the
file; flags of the command line count for all of them instead of the file's.
Without --config, the file that VBCVAULT_CONFIG names is used only if accounts
are named or --all is given.
The exit code is the highest of all. See vbcvault help config.`,
		Example: `  # Show what would be done; change nothing.
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings --dry-run

  # Every night: archive recordings older than 90 days, delete nothing.
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings

  # The same, and delete at VBC what was archived at least a week ago.
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings --delete --delete-after 7d

  # Write a plan of what would be deleted, check it, then delete exactly that.
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings --delete --dry-run --plan plan.jsonl
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings --delete --confirm-plan plan.jsonl

  # Archive short calls and delete them at VBC; skip all others.
  vbcvault archive --older-than 90d --max-duration 30s --to s3://my-bucket/recordings --delete

  # Lock copies for seven years, in a bucket with Object Lock.
  vbcvault archive --older-than 90d --to s3://my-bucket/recordings --object-lock governance --retain 7y

  # Once: archive everything before August 2026 to a directory, with 10 requests
  # a minute, and with exports (ZIPs from VBC) on another disk.
  vbcvault archive --before 2026-08-01 --to file:///mnt/archive --rate 10/m --spool-dir /mnt/scratch

  # All accounts of a configuration file, or some of them.
  vbcvault archive --config vbcvault.yaml --all
  vbcvault archive --config vbcvault.yaml acme globex --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if many.fromEnvironment(args); many.config == "" && len(args) > 0 {
				return usagef(namesNeed()+". Settings are flags, as in --to DESTINATION", "unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			f.output.limited = cmd.Flags().Changed("max-deletes")
			return f.output.finish(s, func(o *output) (any, error) {
				if err := many.check(cmd, names); err != nil {
					return nil, err
				}
				if many.config != "" {
					return many.run(cmd, o, f.dryRun, f.metricsFile, names)
				}
				return f.run(cmd, o)
			})
		},
	}
	f.register(cmd.Flags())
	many.register(cmd.Flags())
	cmd.SetUsageTemplate(cmd.UsageTemplate() + "\n" + environmentHelp + "\n\n" + exitCodes + "\n")
	return cmd
}

func (f *archiveFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.olderThan, "older-than", "", "archive recordings older than `AGE`: 90d, 2w, 1y, 36h")
	fs.StringVar(&f.before, "before", "", "archive recordings that start before `TIME`: 2026-08-01 (midnight UTC) or 2026-08-01T00:00:00Z")
	fs.StringVar(&f.to, "to", "", "`DESTINATION`: s3://BUCKET[/PREFIX], or file:///DIR, which must exist")
	fs.BoolVar(&f.delete, "delete", false, "delete each recording at VBC once its copy is verified")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what would be done; read from VBC, change nothing")
	fs.StringVar(&f.deleteAfter, "delete-after", "", "delete only what was archived at least `AGE` ago, after verifying it again")
	fs.IntVar(&f.maxDeletes, "max-deletes", 0, "delete at most `N` recordings in this run")
	fs.StringVar(&f.plan, "plan", "", "with --dry-run: write what would be deleted to this new `FILE`")
	fs.StringVar(&f.confirmPlan, "confirm-plan", "", "delete only what the `FILE` of an earlier --plan lists")
	fs.StringVar(&f.since, "since", "", "skip recordings that start before `TIME`")
	fs.BoolVar(&f.allowRecent, "allow-recent", false, "allow a cutoff less than 24 hours ago")
	fs.StringVar(&f.account, "account", "self", "the account's `NUMBER`, or self for the account of the credentials")
	fs.StringSliceVar(&f.kinds, "kind", []string{"company"}, "`KIND`s of recordings: company, on-demand, or both")
	fs.StringSliceVar(&f.users, "users", []string{"self"}, "whose on-demand recordings: `ID`s, self, or all")
	f.choose.register(fs)
	f.protect.register(fs)
	fs.StringVar(&f.manifest, "manifest", "", "manifest `FILE` that keeps the progress (default: named after account and destination, in the state directory)")
	fs.Var(newOneOf(&f.ifRunning, "fail", "skip"), "if-running", "if another run uses the manifest: fail (exit 3), or skip (exit 0; exit 1 if that run has made no progress for a day)")
	fs.StringVar(&f.maxWait, "max-wait", "2h", "stop (exit 3) after VBC has refused every request for `DURATION` because the quota is used up, as in 90m or 6h; 0 = never. If VBC is unavailable, the run stops after 8 minutes, or after DURATION if that is less")
	fs.IntVar(&f.workers, "workers", 8, "transfer `N` recordings at once")
	fs.StringVar(&f.rate, "rate", "", "send requests to VBC no faster than `RATE`: 10/m, also /s and /h (default: learn from VBC)")
	fs.Var(newOneOf(&f.fetch, "auto", "direct", "export"), "fetch", "how to fetch audio: direct (one request each), export (one ZIP for many), or auto (export if VBC's quota makes it faster)")
	fs.StringVar(&f.spoolDir, "spool-dir", "", "`DIR` for exports while they are unpacked (default: beside the manifest)")
	fs.StringVar(&f.exportLimit, "export-limit", "2GiB", "at most so many `BYTES` of audio in one export: 500MB, 2GiB")
	fs.BoolVar(&f.fullScan, "full-scan", false, "list everything, also what earlier runs listed")
	fs.StringVar(&f.fullScanEvery, "full-scan-every", "30d", "without --delete, list only new recordings, and everything once every `AGE`")
	fs.IntVar(&f.pageSize, "page-size", 0, "ask for `N` recordings per listing page (default: as many as VBC allows, up to 1000)")
	fs.BoolVar(&f.retryFailed, "retry-failed", false, "retry everything that failed before, also after three failed runs")
	fs.IntVar(&f.maxFailures, "max-failures", 20, "stop (exit 3) if `N` recordings in a row fail for a common cause, or the first 2N (20 to 50) all fail in the same way; 0 = never")
	fs.BoolVar(&f.acceptSizeMismatch, "accept-size-mismatch", false, "accept audio that is larger than VBC declares, or of undeclared size, if two downloads agree")
	fs.BoolVar(&f.acceptFormat, "accept-format", false, "accept recordings in a format that is not known as audio, if two downloads agree and have the size that VBC declares; never a web page or text")
	fs.Var(newOneOf(&f.readBack, "auto", "always", "never"), "read-back", "read copies again before recordings are deleted at VBC: auto (copies of earlier runs, on servers other than Amazon's), always, or never")
	fs.BoolVar(&f.acceptEqualAudio, "accept-equal-audio", false, "delete at VBC also recordings with the same audio as another recording, byte for byte, if two downloads agree")
	fs.BoolVar(&f.allowExpiring, "allow-expiring", false, "delete at VBC although a lifecycle rule will delete the copy")
	fs.BoolVar(&f.trustMount, "trust-mount", false, "delete at VBC although the destination is a network or FUSE mount, which may report data as saved while it is only in a cache of this machine")
	fs.BoolVar(&f.moved, "moved", false, "the archive was copied to a bucket of the same name at another endpoint: continue there, and bind the manifest to it")
	fs.BoolVar(&f.trustArchive, "trust-archive", false, "once, after a restore or rebuild: take over receipts of this manifest's log, and copies, that no signed receipt vouches for")
	fs.BoolVar(&f.noTranscripts, "no-transcripts", false, "skip VBC's transcripts of calls; deleting a recording may delete its transcript")
	fs.BoolVar(&f.catalog, "catalog", false, "update the catalogue beside the archive, as Parquet; see vbcvault export --help")
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to VBC or the S3 server, although others on the network can read it")
	fs.StringVar(&f.metricsFile, "metrics-file", "", "when the run ends, write metrics for Prometheus to this `FILE`.prom, for node_exporter; see vbcvault help monitoring")
	f.output.register(fs)
}

// run turns the flags into a job and carries it out. Everything that can be
// wrong with them is found before a file is opened or a request sent.
func (f *archiveFlags) run(cmd *cobra.Command, o *output) (any, error) {
	if err := checkMetricsFile(f.metricsFile); err != nil {
		return nil, err
	}
	out := outcome.Outcome{Account: f.account, Began: time.Now().UTC()}
	j, err := f.job(time.Now(), cmd.Flags().Changed, environment())
	if err != nil {
		out.Manifest = f.manifestAnyhow()
		f.writeMetrics(cmd.Context(), out, nil, err, o.log)
		return nil, err
	}
	j.warnOfMount(o.log)
	if j.dryRun {
		return j.plan(cmd.Context(), o)
	}
	done, err := j.run(cmd.Context(), o)
	out.Manifest, out.Destination, out.Skipped = j.manifest, j.destination.String(), j.skipped
	f.writeMetrics(cmd.Context(), out, done, err, o.log)
	return done, err
}

// job is the run that the flags and what is around them ask for. It reads files, and
// changes nothing.
func (f *archiveFlags) job(now time.Time, changed func(string) bool, around surroundings) (*job, error) {
	j := &job{around: around, dryRun: f.dryRun, skipIfRunning: f.ifRunning == "skip", trustMount: f.trustMount, insecureHTTP: f.insecureHTTP}
	var err error
	if j.options, err = f.pipelineOptions(now, changed); err != nil {
		return nil, err
	}
	if j.destination, err = parseDestination(f.to); err != nil {
		return nil, err
	}
	if j.destination.protection, err = f.protect.protection(j.destination, changed); err != nil {
		return nil, err
	}
	if f.trustMount && j.destination.dir == "" {
		return nil, usagef("remove it, or archive to file://", "--trust-mount applies to directories, but --to is a bucket")
	}
	if f.moved && j.destination.dir != "" {
		return nil, usagef("remove it: a directory contains its identity in a file", "--moved applies to buckets, but --to is a directory")
	}
	if err = j.trust(j.destination); err != nil {
		return nil, err
	}
	if j.vbc, err = around.vbcOptions(); err != nil {
		return nil, err
	}
	if j.vbc.Interval, err = parseRate(f.rate); err != nil {
		return nil, err
	}
	j.vbc.Connections, j.vbc.InsecureHTTP = f.workers, f.insecureHTTP
	if j.options.Plan, err = f.confirmed(j.destination); err != nil {
		return nil, err
	}
	if f.plan != "" {
		if !f.dryRun || !f.delete {
			return nil, usagef("add --dry-run --delete, or remove --plan", "--plan needs --dry-run and --delete: it writes what --delete would delete")
		}
		j.planFile = f.plan
	}
	if j.manifest, err = f.manifestFile(around, j.vbc.Username, j.vbc.URL, j.destination); err != nil {
		return nil, err
	}
	if j.options.SpoolDir == "" && place.InDatabase(j.manifest) {
		near, err := around.near(j.manifest)
		if err != nil {
			return nil, err
		}
		j.options.SpoolDir = filepath.Dir(near)
	}
	return j, nil
}

// manifestFile is the manifest that is named, or the one of account and destination.
func (f *archiveFlags) manifestFile(around surroundings, user, api string, d destination) (string, error) {
	if f.manifest != "" {
		return f.manifest, fitManifest(f.manifest)
	}
	return around.manifestOf(f.account, user, api, d)
}

// mostWorkers is more than a bucket needs.
const mostWorkers = 256

// confirmed reads the plan of --confirm-plan.
func (f *archiveFlags) confirmed(d destination) (*pipeline.PlanFile, error) {
	if f.confirmPlan == "" {
		return nil, nil
	}
	const hint = "write one with --delete --dry-run --plan FILE"
	if !f.delete {
		return nil, usagef("add --delete, or remove --confirm-plan", "--confirm-plan selects what to delete, but --delete is missing")
	}
	file, err := os.Open(f.confirmPlan)
	if err != nil {
		return nil, usagef(hint, "--confirm-plan: %v", err)
	}
	defer file.Close()
	p, err := pipeline.ReadPlan(file)
	if err != nil {
		return nil, usagef(hint, "--confirm-plan %s can't be used: %v", f.confirmPlan, err)
	}
	if p.Destination != d.String() {
		return nil, usagef(hint, "--confirm-plan %s was written for %s, but this run is for %s", f.confirmPlan, p.Destination, d)
	}
	return p, nil
}

func (f *archiveFlags) pipelineOptions(now time.Time, changed func(string) bool) (o pipeline.Options, err error) {
	if o.Cutoff, err = parseCutoff(f.olderThan, f.before, f.allowRecent, now); err != nil {
		return o, err
	}
	if f.olderThan != "" {
		if o.Age, err = parseAge("older-than", f.olderThan); err != nil {
			return o, err
		}
	}
	if f.since != "" {
		if o.Since, err = parseMoment("since", f.since); err != nil {
			return o, err
		}
		if !o.Since.Before(o.Cutoff) {
			return o, usagef("--since must be earlier", "no time is left between --since %s and the cutoff %s",
				o.Since.Format(time.RFC3339), o.Cutoff.UTC().Format(time.RFC3339))
		}
	}
	if o.Kinds, err = parseKinds(f.kinds); err != nil {
		return o, err
	}
	if err = parseUsers(f.users); err != nil {
		return o, err
	}
	if err = parseAccount(f.account); err != nil {
		return o, err
	}
	if o.Filter, err = f.choose.filter(changed); err != nil {
		return o, err
	}
	if f.deleteAfter != "" {
		if o.DeleteAfter, err = parseAge("delete-after", f.deleteAfter); err != nil {
			return o, err
		}
	}
	if changed("max-deletes") {
		if f.maxDeletes < 0 {
			return o, usagef("0 or more", "--max-deletes %d is negative", f.maxDeletes)
		}
		o.MaxDeletes = &f.maxDeletes
	}
	if !f.delete && (f.deleteAfter != "" || changed("max-deletes")) {
		return o, usagef("add --delete, or remove them", "--delete-after and --max-deletes limit what to delete, but --delete is missing")
	}
	if f.workers < 1 || f.workers > mostWorkers {
		return o, usagef("between 1 and 256", "--workers %d", f.workers)
	}
	if changed("page-size") && (f.pageSize < 1 || f.pageSize > 10000) {
		return o, usagef("between 1 and 10000", "--page-size %d", f.pageSize)
	}
	if o.FullScanEvery, err = parseAge("full-scan-every", f.fullScanEvery); err != nil {
		return o, err
	}
	limit, err := humanize.ParseBytes(f.exportLimit)
	if err != nil || limit < 1<<20 || limit > 1<<40 {
		return o, usagef("between 1MiB and 1TiB, written as in 500MB or 2GiB", "--export-limit %q", f.exportLimit)
	}
	if f.spoolDir != "" {
		if st, err := os.Stat(f.spoolDir); err != nil || !st.IsDir() {
			return o, usagef("name an existing one", "--spool-dir %s is not a directory", f.spoolDir)
		}
	}
	o.Fetch, o.SpoolDir, o.ExportLimit, o.FullScan = pipeline.Fetch(f.fetch), f.spoolDir, int64(limit), f.fullScan
	if f.maxFailures < 0 {
		return o, usagef("0 or more", "--max-failures %d is negative", f.maxFailures)
	}
	if o.MaxWait, err = parseWait(f.maxWait); err != nil {
		return o, err
	}
	o.RetryFailed, o.MaxFailures = f.retryFailed, f.maxFailures
	o.Account, o.Users, o.Delete = f.account, f.users, f.delete
	o.AcceptFormat = f.acceptFormat
	o.AcceptSizeMismatch, o.AcceptEqualAudio, o.AllowExpiring = f.acceptSizeMismatch, f.acceptEqualAudio, f.allowExpiring
	o.NoTranscripts, o.ReadBack = f.noTranscripts, pipeline.ReadBack(f.readBack)
	o.Catalog, o.Moved, o.TrustArchive = f.catalog, f.moved, f.trustArchive
	o.Workers, o.PageSize, o.Version = f.workers, f.pageSize, programVersion()
	return o, nil
}

// parseWait reads how long a run may wait. 0 is for ever.
func parseWait(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, usagef("write it as in 90m, 2h or 1h30m; 0 = no limit", "--max-wait %q is not a duration", s)
	}
	return d, nil
}
