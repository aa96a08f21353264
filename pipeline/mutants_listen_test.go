package pipeline

// listenMutations break what is written down of who has listened.
var listenMutations = []mutation{
	{"there is audio although nobody could be written down", "cmd/vbcvault/web/listened.go", "		return unwritten\n", "", "TestNoAudioWhereTheEntryIsNotCommitted", "./cmd/vbcvault/web"},
	{"an entry doesn't follow on the one before", "pipeline/manifest/sqlite/listenings.go", "	if last != \"\" {", "	if false {", "TestContract/ListeningsFollow", "./pipeline/manifest/sqlite"},
	{"an entry that nobody has signed gets a receipt", "pipeline/manifest/listened.go", " && own.Listening(r.Digest, r.Signed)", " || own.Listening(r.Digest, r.Signed)", "TestListeningsThatWereTamperedWith", "./pipeline/check"},
	{"an entry that was removed isn't missed", "pipeline/check/auditlistenings.go", "!there && !r.prev.IsZero() && !r.other && r.intact", "false && !there && r.intact", "TestListeningsThatWereTamperedWith", "./pipeline/check"},
	{"the log shows what is out of scope", "pipeline/manifest/sqlite/listenlog.go", "s.Extensions != nil || !s.Since.IsZero()", "false && s.Extensions != nil", "TestListeningLogWithinAScope", "./cmd/vbcvault/web"},
	{"texts are stored after the receipts that name them, or never", "pipeline/archive/receipts.go", "	if err := a.keepListenings(ctx, run); err != nil {\n		return err\n	}\n", "", "TestListeningsAreStored", "./pipeline/check"},
	{"whoever gets a proof learns how often somebody listened", "pipeline/prove/gather.go", "	case e.Type == receipt.Listened:\n		return false", "	case false:\n		return false", "TestEntriesOfOneRecording", "./pipeline/prove"},
	{"what nobody has signed is brought back", "pipeline/rebuild/listenings.go", "	if !counts {\n		h.rumours[e.Digest] = true\n		return\n	}\n", "	_ = counts\n", "TestListeningsAreBroughtBack", "./pipeline/rebuild"},
	{"a reason that is a formula is left one", "pipeline/catalog/listenings.go", "Harmless(column.cell(ListeningOf(l)))", "column.cell(ListeningOf(l))", "TestListeningLogIsExported", "./cmd/vbcvault/web"},
}
