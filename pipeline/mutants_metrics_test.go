package pipeline

// metricsMutations break what is told of an account and of its runs.
var metricsMutations = []mutation{
	{"what was never sent is counted as asked", "vbc/tally.go", "	case g == nil || g.refused() == nil:", "	case g == nil || true:", "TestRequestsAreCounted", "./vbc"},
	{"what VBC never answers is not counted", "vbc/tally.go", "		t.tally.note(NoAnswer)\n", "", "TestRequestsAreCounted", "./vbc"},
	{"downloads from elsewhere are counted as VBC's", "vbc/client.go", "&elsewhere{here(t), t}", "&elsewhere{here(t), here(t)}", "TestRequestsAreCounted", "./vbc"},
	{"a wait counts only where it is over", "vbc/pacer.go", "		p.waited += time.Since(came)\n", "		p.waited = time.Since(came)\n", "TestWaitsAreAddedUp", "./vbc"},
	{"what is archived counts as waiting", "pipeline/manifest/sqlite/figures.go", "(archived_at = 0 OR refuted = 1) AND NOT known", "NOT known", "TestContract/Figures", "./pipeline/manifest/sqlite"},
	{"what is acknowledged counts as waiting", "pipeline/manifest/sqlite/figures.go", "(archived_at = 0 OR refuted = 1) AND NOT known", "archived_at = 0", "TestContract/Figures", "./pipeline/manifest/sqlite"},
	{"a failure begins when it was last seen", "pipeline/manifest/sqlite/figures.go", "failed_run - attempts + 1", "failed_run", "TestContract/Figures", "./pipeline/manifest/sqlite"},
	{"the first lock to end is the last", "pipeline/manifest/sqlite/figures.go", `{"ASC": &f.LockedFirst,`, `{"DESC, 1": &f.LockedFirst,`, "TestContract/Figures", "./pipeline/manifest/sqlite"},
	{"a run that left something undone was a success", "cmd/vbcvault/overview/figures.go", "s.Stopped == \"\" && s.Complete()", "s.Stopped == \"\"", "TestMetricsFile$", "./cmd/vbcvault"},
	{"a run that was told to stop was a success", "cmd/vbcvault/overview/figures.go", "s.Stopped == \"\" && s.Complete()", "s.Complete()", "TestMetricsFile$", "./cmd/vbcvault"},
	{"a skipped run is the last one", "cmd/vbcvault/metrics/collector.go", "	if o.Ended.IsZero() || o.Skipped {", "	if o.Ended.IsZero() {", "TestLastRun", "./cmd/vbcvault/metrics"},
	{"an account that never succeeded says nothing", "cmd/vbcvault/metrics/collector.go", "			s.send(lastSuccess, 0) // so", "			_ = lastSuccess // so", "TestLastRun", "./cmd/vbcvault/metrics"},
	{"metrics are written where they are read", "cmd/vbcvault/metrics/expose.go", "	temp, err := os.CreateTemp(filepath.Dir(path), \".\"+filepath.Base(path)+\".unfinished-\")\n", "	temp, err := os.Create(filepath.Clean(path))\n", "TestFileIsWhole", "./cmd/vbcvault/metrics"},
	{"a run writes no metrics", "cmd/vbcvault/archive.go", "	f.writeMetrics(cmd.Context(), out, done, err, o.log)\n	return done, err\n", "	_ = out\n	return done, err\n", "TestMetricsFile$|TestMetricsFileThatCant", "./cmd/vbcvault"},
}
