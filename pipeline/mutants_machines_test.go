package pipeline

// machinesMutations are of services on several machines that share a database.
var machinesMutations = []mutation{
	{"work of a lost machine waits for River's rescuer", "cmd/vbcvault/service/claim.go", "		return s.takeUp(ctx, tx, r)\n", "		return nil\n", "TestAKilledMachinesWorkIsTakenUp", "./cmd/vbcvault/service"},
	{"a machine takes more than it has places for", "cmd/vbcvault/service/claim.go", "		the.places - (SELECT count(*) FROM busy WHERE", "		the.places + 100 - (SELECT count(*) FROM busy WHERE", "TestMachinesShareTheWork", "./cmd/vbcvault/service"},
	{"two machines do two kinds of work of one account at once", "cmd/vbcvault/service/claim.go", "			AND NOT EXISTS (SELECT FROM busy WHERE busy.account = j.args->>'account' AND busy.queue <> the.queue)\n", "", "TestOneAfterTheOtherOnMachines", "./cmd/vbcvault/service"},
	{"work goes anywhere", "cmd/vbcvault/service/claim.go", "r.home IS NULL OR r.home = the.home OR", "true OR", "TestWorkGoesToWhereItWasDone", "./cmd/vbcvault/service"},
	{"work waits for a machine that is gone", "cmd/vbcvault/service/claim.go", "AND NOT m.drain),\n", "AND NOT m.drain UNION SELECT m.home, m.home, 1 FROM main.ran m),\n", "TestWorkGoesToWhereItWasDone", "./cmd/vbcvault/service"},
	{"each machine begins what is due", "cmd/vbcvault/service/scheduler.go", "		d := t.Look(r.remembered(), now)\n		if err := r.remember(d); err != nil || !d.Start {", "		d := t.Look(r.remembered(), now)\n		if err := r.remember(d); err != nil || false {", "TestDueAndToldOnce", "./cmd/vbcvault/service"},
	{"a machine with an older configuration works on", "cmd/vbcvault/service/machine.go", "	return !m.drain && m.current &&", "	return !m.drain &&", "TestConfigurationsDiffer", "./cmd/vbcvault/service"},
	{"a machine goes by its own clock", "cmd/vbcvault/service/machine.go", "	return m.clock().Add(-m.Ahead())\n", "	return m.clock()\n", "TestClockIsWrong", "./cmd/vbcvault/service"},
	{"SIGTERM hands nothing over", "cmd/vbcvault/service/slice.go", "		return s.handOver(ctx, r, complete)\n	case o.ExitCode == outcome.Interrupted && s.draining", "		return river.JobSnooze(time.Hour)\n	case o.ExitCode == outcome.Interrupted && s.draining", "TestDrain", "./cmd/vbcvault/service"},
	{"a lease that is lost is a failure that is told", "cmd/vbcvault/service/slice.go", "	case o.ErrorCode == code.Lease && s.machine != nil && !cancelled:", "	case false:", "TestLeaseIsLost", "./cmd/vbcvault/service"},
	{"what notifiers were told is each machine's own", "cmd/vbcvault/notify/memory.go", "	if m.shared != nil {\n		return m.putShared(entries)\n	}\n", "", "TestMemoryOnAShelf", "./cmd/vbcvault/notify"},
}
