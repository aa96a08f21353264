package pipeline

// machinesMutations break what keeps several machines with one database apart, and what
// has one of them go on where its connection to it broke.
var machinesMutations = []mutation{
	{"a change needs no lease in its transaction", "pipeline/manifest/postgres/commit.go", "AND fence = $3 AND holder = $4 AND until > clock_timestamp() AND batch = $6\n", "AND ($3::bigint > 0 OR $4 > '' OR batch = $6)\n", "TestEveryChangeNeedsTheLease", "./pipeline/manifest/postgres"},
	{"a lease has no deadline of its holder's own", "pipeline/manifest/postgres/lease.go", "l.renewed.Age() > l.holderFor()", "l.renewed.Age() < 0", "TestHearsNothingOfItsDatabase", "./pipeline/manifest/postgres"},
	{"what a replica lacks isn't noticed", "pipeline/manifest/postgres/commit.go", " AND batch = $6\n", " AND (batch = $6 OR true)\n", "TestReplicaLacksTheLastCommits|TestOlderDumpIsRestored", "./pipeline/manifest/postgres"},
	{"a change doesn't see what it has waited for", "pipeline/manifest/postgres/commit.go", "pgx.TxOptions{IsoLevel: pgx.ReadCommitted}", "pgx.TxOptions{}", "TestSettingsOfTheDatabase", "./pipeline/manifest/postgres"},
	{"a commit needn't be on disk", "pipeline/manifest/postgres/commit.go", "set_config('synchronous_commit', 'on', true)", "''", "TestSettingsOfTheDatabase", "./pipeline/manifest/postgres"},
	{"a COMMIT that wasn't answered is carried out twice", "pipeline/manifest/postgres/commit.go", "		if !is {\n", "		if is || !is {\n", "TestEveryStepOfAChange", "./pipeline/manifest/postgres"},
	{"sessions that are stuck keep the lease", "pipeline/manifest/postgres/stuck.go", "WHERE l.account = $1 AND", "WHERE l.account = -$1 AND", "TestEveryStepOfAChange", "./pipeline/manifest/postgres"},
	{"a run's reads end with their connection", "pipeline/manifest/postgres/again.go", "		if !broke(err) || ", "		if err != nil || ", "TestServerIsRestarted", "./pipeline/manifest/postgres"},
	{"work of a lost machine waits a minute for a lease that has almost ended", "cmd/vbcvault/service/slice.go", "		if s.machine.Now().Before(one.soon) {", "		if false {", "TestLeaseOutlivesItsMachine", "./cmd/vbcvault/service"},
}
