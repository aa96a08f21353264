package pipeline

// scheduleMutations break when runs begin, and how a service is said to be and looks
// after archives.
var scheduleMutations = []mutation{
	{"a start that is left out in spring comes when there is no such time", "cmd/vbcvault/schedule/next.go", "			found = at // the clock jumped over w\n", "			found = at.Add(time.Hour)\n", "TestNextAtChangesOfTheClock", "./cmd/vbcvault/schedule"},
	{"a start that comes twice in autumn happens twice", "cmd/vbcvault/schedule/next.go", "w.After(latest) {", "w.After(latest) && false {", "TestNextAtChangesOfTheClock", "./cmd/vbcvault/schedule"},
	{"a changed schedule begins at once", "cmd/vbcvault/schedule/timetable.go", "	if anew || changed || d.Start {", "	if anew || d.Start {", "TestWhatBegins", "./cmd/vbcvault/schedule"},
	{"a clock that was wrong stops the schedule until its time comes", "cmd/vbcvault/schedule/timetable.go", "	anew := !known || former.setBack(m.Until, now)\n", "	anew := !known\n", "TestWhatBegins", "./cmd/vbcvault/schedule"},
	{"all accounts begin at the same moment", "cmd/vbcvault/service/when.go", "Offset: schedule.Offset(a.Name+\"/\"+string(kind), a.Schedule.Spread)", "Offset: 0*schedule.Offset(a.Name, a.Schedule.Spread)", "TestFiveHundredAccounts", "./cmd/vbcvault/service"},
	{"systemd is told that a stuck loop is alive", "cmd/vbcvault/service/systemd.go", "n.stopping || time.Since(n.alive) < stuckAfter", "n.stopping || time.Since(n.alive) < 1000*stuckAfter", "TestWatchdogStrikes", "./cmd/vbcvault/service"},
	{"a line of status may be another message to systemd", "cmd/vbcvault/service/systemd.go", "	line = strings.Join(strings.Fields(line), \" \") // a second line would be another message\n", "	_ = strings.Fields\n", "TestSystemdIsTold", "./cmd/vbcvault/service"},
	{"a backup of another manifest is removed", "cmd/vbcvault/backups.go", "-` + regexp.QuoteMeta(id) + `\\.manifest$`)", "-[0-9a-z]{8}\\.manifest$`)", "TestOldBackupsAreRemoved", "./cmd/vbcvault"},
	{"a backup without its key counts as one", "cmd/vbcvault/backups.go", "			if noKey == nil || keyElsewhere {", "			if true {", "TestOldBackupsAreRemoved", "./cmd/vbcvault"},
	{"a check of readiness that hangs is begun for each who asks", "cmd/vbcvault/service/health.go", "	if done == nil {\n", "	if done == nil || true {\n", "TestHealthOfADiskThatHangs", "./cmd/vbcvault/service"},
}
