package pipeline

// rowsMutations break what PostgreSQL knows of recordings.
var rowsMutations = []mutation{
	{"in a database, what a page shows twice is looked at once", "pipeline/manifest/postgres/listed.go", "			if taken[key(i)] {\n", "			if false {\n", "TestListingsAsInAFile", "./pipeline/manifest/postgres"},
	{"in a database, a purge begins under a hold", "pipeline/manifest/postgres/state.go", "		if _, err := deletable(tx, r, refuted); err != nil {\n			return err\n		}\n", "", "TestContract/NothingHeldIsBegun", "./pipeline/manifest/postgres"},
	{"in a database, steps go from any state", "pipeline/manifest/postgres/state.go", `" AND state IN "+inText(step.From())+condition`, `condition`, "TestContract/EveryStepFromEveryState", "./pipeline/manifest/postgres"},
	{"in a database, states aren't counted anew", "pipeline/manifest/postgres/schema/recording.sql", "	IF new.state <> old.state THEN\n", "	IF false THEN\n", "TestContract/OneOfManyFailsAlone", "./pipeline/manifest/postgres"},
	{"in a database, a step leaves its month's file as it is", "pipeline/manifest/postgres/schema/recording.sql", "VALUES (new.account, vbcvault.month_of(new.start), 1)\n		ON CONFLICT (account, month) DO UPDATE SET changes = s.changes + 1;", "SELECT new.account, '', 1 WHERE false;", "TestContract/EveryStepMakesItsMonthStale", "./pipeline/manifest/postgres"},
	{"in a database, whatever a store says is written down as it is", "pipeline/manifest/postgres/row.go", "		*s = Storable(*s) // jsonb refuses what isn't\n", "		_ = s\n", "TestAnyBytes", "./pipeline/manifest/postgres"},
	{"what a crash leaves of a manifest that is being made is part of the next", "pipeline/manifest/postgres/create.go", "		func(ctx context.Context) error { return m.empty(ctx, false) },\n", "", "TestCreateIsWholeOrNothing", "./pipeline/manifest/postgres"},
	{"a manifest that has just been made is made again", "pipeline/manifest/postgres/create.go", "	if name != m.place.Name {\n", "	if false {\n", "TestFinishedMeanwhile", "./pipeline/manifest/postgres"},
	{"the end of the chain is remembered though another has written", "pipeline/manifest/sqlite/head.go", "	if version != h.version {", "	if false {", "TestRememberedHeadIsTheChains", "./pipeline/manifest/sqlite"},
	{"the end of the chain is remembered though it was taken back", "pipeline/manifest/sqlite/commit.go", "	w.head.forget()\n	_, _ = w.Exec(\"ROLLBACK\")", "	_, _ = w.Exec(\"ROLLBACK\")", "TestRememberedHeadIsTheChains", "./pipeline/manifest/sqlite"},
	{"a change that is carried out anew counts twice", "pipeline/manifest/sqlite/state.go", "		still = nil\n", "", "TestContractOfChangesCarriedOutTwice/StillListed", "./pipeline/manifest/sqlite"},
}
