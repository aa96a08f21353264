package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/metrics"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// metricsTime is how long a command may take at its end to write its metrics, also
// after it was told to stop.
const metricsTime = time.Minute

// checkMetricsFile says what is wrong with the name of a file for metrics.
func checkMetricsFile(path string) error {
	if path != "" && !strings.HasSuffix(path, ".prom") {
		return usagef("name it as in /var/lib/node_exporter/textfile/vbcvault.prom", "--metrics-file %s: node_exporter reads only files whose names end in .prom", path)
	}
	return nil
}

// manifestAnyhow is where the manifest lies, "" if that can't be said, where something is
// wrong with flags or settings: so much of them may be right.
func (f *archiveFlags) manifestAnyhow() string {
	to, err := parseDestination(f.to)
	if err != nil {
		return f.manifest
	}
	user, _ := setting("VBC_USERNAME")
	api, _ := setting("VBC_API_URL")
	path, _ := f.manifestFile(environment(), user, api, to)
	return path
}

// writeMetrics writes the metrics of one run, whose account is called by its number, or
// as --account has it as long as nobody knows that.
func (f *archiveFlags) writeMetrics(ctx context.Context, out outcome.Outcome, done any, err error, log *slog.Logger) {
	if f.metricsFile == "" || f.dryRun {
		return
	}
	out.Ended, out.ExitCode = time.Now().UTC(), codeOf(err)
	out.Summary, _ = done.(pipeline.Summary)
	if err != nil {
		out.Error, out.ErrorCode = err.Error(), errorCode(err)
	}
	writeMetricsFile(ctx, environment(), f.metricsFile, log, func(o *outcome.Outcome, v *overview.Overview) {
		if v != nil && v.Account != "" {
			o.Account = v.Account
		}
	}, out)
}

// writeMetricsFile writes the metrics of all these accounts, each with what its manifest
// says now. What goes wrong is said, and is nothing else's trouble. name may change what
// an account is called; nil leaves it as it is.
func writeMetricsFile(ctx context.Context, around surroundings, path string, log *slog.Logger, name func(*outcome.Outcome, *overview.Overview), outs ...outcome.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsTime)
	defer cancel()
	all := metrics.New()
	for _, o := range outs {
		view, err := around.briefly(ctx, o.Manifest)
		if err != nil {
			log.Warn("the manifest can't be read for metrics; they tell of the last run only", "account", o.Account, "reason", err)
		}
		if name != nil {
			name(&o, view)
		}
		all.Observe(o, view)
	}
	if err := all.WriteFile(path); err != nil {
		log.Warn("the metrics could not be written; the file that is there is of an earlier run", "file", path, "reason", err)
	}
}

// briefly reads a manifest for metrics, nil if there is none.
func (a surroundings) briefly(ctx context.Context, path string) (*overview.Overview, error) {
	if path == "" {
		return nil, nil
	}
	m, err := place.OpenReadOnly(ctx, path, a.unsigned())
	if place.Missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return overview.Brief(ctx, m)
}
