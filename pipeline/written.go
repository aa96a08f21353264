package pipeline

import (
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// written is what of the options is written down: no caller's name or number.
func (o Options) written() manifest.RunOptions {
	w := manifest.RunOptions{
		Version: o.Version, Account: o.Account, Cutoff: o.Cutoff, OlderThan: manifest.Seconds(o.Age), Since: o.Since,
		Kinds: o.Kinds, Users: o.Users, Filter: o.Filter.String(),
		Delete: o.Delete, DeleteAfter: manifest.Seconds(o.DeleteAfter), MaxDeletes: o.MaxDeletes,
		NoTranscripts: o.NoTranscripts, Catalog: o.Catalog, RetryFailed: o.RetryFailed, MaxFailures: o.MaxFailures,
		AcceptSizeMismatch: o.AcceptSizeMismatch, AcceptFormat: o.AcceptFormat, AcceptEqualAudio: o.AcceptEqualAudio,
		AllowExpiring: o.AllowExpiring, ReadBack: string(o.ReadBack), Moved: o.Moved, TrustArchive: o.TrustArchive,
		Fetch: string(o.Fetch), SpoolDir: o.SpoolDir, ExportLimit: o.ExportLimit,
		FullScan: o.FullScan, FullScanEvery: manifest.Seconds(o.FullScanEvery),
		MaxWait: manifest.Seconds(o.MaxWait), Drain: manifest.Seconds(o.Drain), Workers: o.Workers, PageSize: o.PageSize,
	}
	if o.Plan != nil {
		w.Plan = o.Plan.SHA256.String()
	}
	return w
}

// optionsOf is what a run that was told the same would go by, as far as that is
// written down: its filter and its plan aren't.
func optionsOf(w manifest.RunOptions) Options {
	return Options{
		Account: w.Account, Cutoff: w.Cutoff, Age: time.Duration(w.OlderThan), Since: w.Since, Kinds: w.Kinds, Users: w.Users,
		Delete: w.Delete, DeleteAfter: time.Duration(w.DeleteAfter), MaxDeletes: w.MaxDeletes,
		NoTranscripts: w.NoTranscripts, RetryFailed: w.RetryFailed, AcceptEqualAudio: w.AcceptEqualAudio, AllowExpiring: w.AllowExpiring,
	}
}
