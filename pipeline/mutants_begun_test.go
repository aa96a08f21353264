package pipeline

// begunMutations break what is told of runs that are in no manifest.
var begunMutations = []mutation{
	{"status knows only runs that are in a manifest", "cmd/vbcvault/statusall.go", "		all[i] = st.Heed(last[st.Account])\n", "		all[i], _ = st, last[st.Account]\n", "TestRunThatDidNotBegin", "./cmd/vbcvault"},
	{"an old outcome hides a later run", "cmd/vbcvault/overview/standing.go", "!o.Ended.After(cmp.Or(st.Ended, st.LastRun))", "o.Ended.Equal(cmp.Or(st.Ended, st.LastRun))", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
	{"a service that starts forgets runs that did not begin", "cmd/vbcvault/serve.go", "	told.begin(ctx, svc)\n", "", "TestRunThatDidNotBegin", "./cmd/vbcvault"},
	{"archive --config forgets a run that did not begin", "cmd/vbcvault/notdone.go", "	if err == nil && !out.OK() {\n", "	if err == nil && false {\n", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
	{"a dry run counts as a run", "cmd/vbcvault/fleet.go", "		if !f.dryRun {\n			a.remember", "		if true {\n			a.remember", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
	{"what to do makes lines that no terminal has room for", "cmd/vbcvault/columns.go", "; most == 0 || utf8", "; true || utf8", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
	{"status of a name heeds no variable", "cmd/vbcvault/status.go", "				file = usualConfig()\n", "				file = \"\"\n", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
	{"an archive without names heeds the variable", "cmd/vbcvault/fleet.go", "	if f.config == \"\" && (f.all || len(names) > 0) {\n", "	if f.config == \"\" {\n", "TestRunsThatDidNotBegin", "./cmd/vbcvault"},
}
