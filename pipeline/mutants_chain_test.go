package pipeline

// chainMutations break what is written down in a database that several machines share.
var chainMutations = []mutation{
	{"a hold doesn't wait for an intent that is on its way", "pipeline/manifest/postgres/commit.go", "WHERE account = $1 FOR NO KEY UPDATE\", m.account, timeout", "WHERE account = $1\", m.account, timeout", "TestHoldWaitsForAnIntent", "./pipeline/manifest/postgres"},
	{"a transaction sees what was there when it began to wait", "pipeline/manifest/postgres/commit.go", "conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})", "conn.Begin(ctx)", "TestIntentWaitsForAHold", "./pipeline/manifest/postgres"},
	{"a machine without its lease writes", "pipeline/manifest/postgres/commit.go", "AND fence = $3 AND holder = $4 AND until > clock_timestamp() AND batch = $6", "AND (true OR fence = $3 AND holder = $4 AND batch = $6)", "TestNothingIsChangedWithoutTheLease", "./pipeline/manifest/postgres"},
	{"receipts don't say under which lease they were written", "pipeline/manifest/postgres/receipt.go", "		e.Fence, e.Holder = tx.m.lease.Fence()\n", "", "TestReceiptsNameTheLease", "./pipeline/manifest/postgres"},
	{"a manifest in a database makes up a key", "pipeline/manifest/postgres/key.go", "		return missing(\"it was not given\")\n", "		return receipt.NewKey()\n", "TestKeyMustBeGiven", "./pipeline/manifest/postgres"},
	{"what was deleted belongs to the latest recording of its id, in a database", "pipeline/manifest/postgres/past.go", " AND (e.start IS NULL OR e.start = start / 1000)", "", "TestDepartures", "./pipeline/manifest/postgres"},
	{"a backup has what comes while it is made", "pipeline/manifest/postgres/contents.go", "pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}", "pgx.TxOptions{}", "TestBackupOfOneMoment", "./pipeline/manifest/postgres"},
	{"a copy is in the order of the database's language", "pipeline/manifest/postgres/contents.go", "by[i] += ` COLLATE \"C\"`", "by[i] += ``", "TestBackupIsTheSame", "./pipeline/manifest/postgres"},
}
