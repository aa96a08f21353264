package pipeline

// astrayMutations break what brings back work that nothing else would come back to.
var astrayMutations = []mutation{
	{"work without a job stays for ever", "cmd/vbcvault/service/astray.go", "		if err := s.endAstray(ctx, one); err != nil {", "		if err := error(nil); err != nil || one == nil {", "TestWorkWithoutAJob", "./cmd/vbcvault/service"},
	{"work of an earlier start ends a later one's", "cmd/vbcvault/service/tell.go", "		if is.epoch != r.epoch || is.job == 0 {", "		if false {", "TestWorkOfAnEarlierEpoch", "./cmd/vbcvault/service"},
	{"a job waits for a time that only a wrong clock had near", "cmd/vbcvault/service/astray.go", "		if !job.ScheduledAt.After(now.Add(most)) {", "		if most > 0 {", "TestClockWasAhead", "./cmd/vbcvault/service"},
	{"a dead leader leads on", "cmd/vbcvault/service/recover.go", `"DELETE FROM main.river_leader"`, `"DELETE FROM main.river_leader WHERE false"`, "TestClockWasAhead", "./cmd/vbcvault/service"},
	{"a start that is made up for has no patience", "cmd/vbcvault/service/slice.go", "	if r.due.Before(queued) {", "	if false {", "TestLateStartIsPatient", "./cmd/vbcvault/service"},
	{"work that ends the service is always taken up first", "cmd/vbcvault/service/recover.go", "max(w.TakenUp-promptly, 0)", "max(w.TakenUp-1000*promptly, 0)", "TestWorkThatEndsTheService", "./cmd/vbcvault/service"},
	{"work that was left to another run for days is a success", "cmd/vbcvault/service/slice.go", "	if o.Skipped { // with", "	if false { // with", "TestLeftToAnotherRunForTooLong", "./cmd/vbcvault/service"},
	{"work of an account that was removed has a manifest elsewhere", "cmd/vbcvault/worker.go", "	w.common = configured{path: c.Path, state: c.StateDir, database: c.Database, shared: was}", "	w.common = configured{path: c.Path, database: c.Database, shared: was}", "TestWorkerOfAnAccountBesideTheFile", "./cmd/vbcvault"},
	{"each reload has memory of its own", "cmd/vbcvault/worker.go", "		w.common.shared.inherit(was)\n", "", "TestReloadsShareTheirMemory", "./cmd/vbcvault"},
}
