package pipeline

// pgSearchMutations break what finds recordings in PostgreSQL, and what it remembers.
var pgSearchMutations = []mutation{
	{"a number is looked for in PostgreSQL by its beginning", "pipeline/manifest/postgres/where.go", "begins := reversed(number[max(0, len(number)-longestEnd):])", "begins := number[max(0, len(number)-longestEnd):]", "TestNothingIsPassedOver", "./pipeline/manifest/postgres"},
	{"what PostgreSQL can't have has no extension", "pipeline/manifest/postgres/way.go", `t.marked("e", t.Filter.Extension), t.isOdd()`, `t.marked("e", t.Filter.Extension)`, "TestNothingIsPassedOver", "./pipeline/manifest/postgres"},
	{"names with foreign letters aren't found in PostgreSQL", "pipeline/manifest/postgres/way.go", `t.withName([]string{""}), t.isOdd()`, `t.isOdd()`, "TestNothingIsPassedOver", "./pipeline/manifest/postgres"},
	{"a number with digits behind it isn't held in PostgreSQL", "pipeline/manifest/postgres/heldway.go", "for range longestUsual - comparedDigits {", "for range 0 {", "TestNothingIsPassedOver", "./pipeline/manifest/postgres"},
	{"what VBC has said before isn't looked for in PostgreSQL among what is held", "pipeline/manifest/postgres/heldway.go", "	return append(w, inSaid, t.isOdd()), true", "	_ = inSaid\n	return append(w, t.isOdd()), true", "TestNothingIsPassedOver", "./pipeline/manifest/postgres"},
	{"a phrase is cut in two in PostgreSQL", "pipeline/manifest/postgres/words.go", "words[n-(said.MostWords-1):]", "words[n:]", "TestLongTranscripts", "./pipeline/manifest/postgres"},
	{"a word has more places than PostgreSQL keeps", "pipeline/manifest/postgres/words.go", "placesOfWord   = 255", "placesOfWord   = 1 << 20", "TestLongTranscripts", "./pipeline/manifest/postgres"},
	{"a change while a month's file is made is lost in PostgreSQL", "pipeline/manifest/postgres/stale.go", " AND changes = $3\", month.String(), month.Changes)", "\", month.String())", "TestContract/ChangeWhileAFileIsMade", "./pipeline/manifest/postgres"},
	{"an acknowledged trouble is known in PostgreSQL whatever it becomes", "pipeline/manifest/postgres/trouble.go", "CASE WHEN t.reason = excluded.reason THEN t.acknowledged ELSE '' END", "t.acknowledged", "TestContract/AcknowledgedTrouble", "./pipeline/manifest/postgres"},
}
