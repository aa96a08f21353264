package pipeline

// reportMutations break what a report counts, shows and keeps to itself.
var reportMutations = []mutation{
	{"what was archived in a period's first moment isn't in it", "cmd/vbcvault/report/period.go", "return !t.Before(p.Since) &&", "return t.After(p.Since) &&", "TestNumbersOfAHistory", "./cmd/vbcvault/report"},
	{"what VBC no longer had counts as deleted", "cmd/vbcvault/report/gather.go", "		if !d.Deleted {\n", "		if false {\n", "TestNumbersOfAHistory", "./cmd/vbcvault/report"},
	{"what was deleted belongs to the latest recording of its id", "pipeline/manifest/sqlite/past.go", "AND coalesce(unixepoch(entry ->> '$.start') = start / 1000, 1)", "", "TestPastOfAnIDThatWasGivenAgain", "./pipeline/manifest/sqlite"},
	{"a report reads the first page of the recordings", "pipeline/manifest/sqlite/past.go", "			if len(page) < glancePage {\n", "			if true {\n", "TestPastIsWhole", "./pipeline/manifest/sqlite"},
	{"a report reads the first receipts", "pipeline/manifest/sqlite/past.go", "after < c.Last && err == nil;", "after < c.Last && after < receiptsPage && err == nil;", "TestPastIsWhole", "./pipeline/manifest/sqlite"},
	{"half of all have waited as long as one of three", "cmd/vbcvault/report/wait.go", "w.share(0.5)", "w.share(0.33)", "TestNumbersOfAHistory", "./cmd/vbcvault/report"},
	{"an acknowledged failure is news", "cmd/vbcvault/report/gather.go", "		f.Acknowledged++\n", "		_ = f\n", "TestWhatNeedsAPerson", "./cmd/vbcvault/report"},
	{"what a run has failed at counts as success", "cmd/vbcvault/report/runs.go", "	case !s.Complete():\n", "	case false:\n", "TestRunsOfAPeriod", "./cmd/vbcvault/report"},
	{"a hold that was removed is in a report", "cmd/vbcvault/report/gather.go", "	force := manifest.InForce(all)\n", "	force := all\n", "TestWhatNeedsAPerson", "./cmd/vbcvault/report"},
	{"the texts of failures are in a report", "cmd/vbcvault/report/gather.go", "Advice: about.Advice, OldestCall: r.Start}", "Advice: about.Advice + r.Failure.Reason, OldestCall: r.Start}", "TestNoCallers", "./cmd/vbcvault/report"},
	{"an account's name is HTML", "cmd/vbcvault/report/page.go", "	Section\n	ID         string // within the page\n", "	Section\n	Name       template.HTML\n	ID         string // within the page\n", "TestPage$", "./cmd/vbcvault/report"},
	{"the style has no right to count", "cmd/vbcvault/report/page.go", "base64.StdEncoding.EncodeToString(sum[:])", "base64.StdEncoding.EncodeToString(sum[1:])", "TestPageInABrowser", "./cmd/vbcvault/report"},
	{"what was done in this very second is in no report", "cmd/vbcvault/report.go", ".Add(time.Second); f.until", "; f.until", "TestReportOfRealRuns", "./cmd/vbcvault"},
	{"a key that isn't there passes for an account without any run", "cmd/vbcvault/report.go", "the signing key: %v", "the signing key: %w", "TestReportOfAConfiguration", "./cmd/vbcvault"},
}
