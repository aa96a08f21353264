package pipeline

// fleetMutations break what keeps the accounts of one process apart.
var fleetMutations = []mutation{
	{"a store on whose side everything is slow takes all buffers", "storage/s3store/buffers.go", "	if *held > 0 {\n", "	if false {\n", "TestStoresShareBuffers", "./storage/s3store"},
	{"small bodies of many stores have no bound", "storage/s3store/buffers.go", "	if of.free-n < spare {\n", "	if of == &p.parts && of.free-n < spare {\n", "TestSmallBodiesAreBounded", "./storage/s3store"},
	{"the worst outcome is the highest code, whatever was interrupted", "cmd/vbcvault/outcome/outcome.go", "worst != Interrupted && (c == Interrupted || c > worst)", "c > worst", "TestWorst", "./cmd/vbcvault/outcome"},
	{"accounts begin although the program was told to stop", "cmd/vbcvault/fleet.go", "	if ctx.Err() != nil {\n", "	if false {\n", "TestFleetIsInterrupted", "./cmd/vbcvault"},
	{"another account's damaged manifest stops all deletions", "cmd/vbcvault/siblings.go", " && !namedForAnother(path, account):\n", ":\n", "TestFleetAndHolds", "./cmd/vbcvault"},
	{"no damaged manifest stops deletions", "cmd/vbcvault/siblings.go", " && !namedForAnother(path, account):\n", " && false:\n", "TestFleetAndHolds", "./cmd/vbcvault"},
	{"whose a manifest is isn't looked at again", "cmd/vbcvault/bindings.go", "	return err == nil && os.SameFile(info, is.info) && ", "	return err == nil || ", "TestBindingsHoldForTheirFile", "./cmd/vbcvault"},
	{"an account's own manifests are taken for another's", "cmd/vbcvault/bindings.go", "	if !ok || is.account == account {\n", "	if !ok {\n", "TestFleetAndHolds|TestBindingsHoldForTheirFile", "./cmd/vbcvault"},
	{"what the command line says doesn't count as said", "cmd/vbcvault/configured.go", "		its.Changed = true\n", "", "TestCommandLineBeatsFile", "./cmd/vbcvault"},
	{"logins refused at once are lost", "cmd/vbcvault/logins.go", "	loginsTurn.Lock()\n	defer loginsTurn.Unlock()\n	all, _, err := f.read()\n", "	all, _, err := f.read()\n", "TestLoginsRefusedAtOnce", "./cmd/vbcvault"},
	{"one account's destination is given to all", "cmd/vbcvault/fleet.go", "		if changed(a.flag) && ", "		if false && changed(a.flag) && ", "TestWhichAccounts", "./cmd/vbcvault"},
	{"the log doesn't say whose run it is", "cmd/vbcvault/fleetprint.go", "o.log.With(\"account\", account)", "o.log", "TestOneAccountsTrouble", "./cmd/vbcvault"},
	{"the accounts are in no order", "cmd/vbcvault/statusall.go", "return cmp.Compare(b.Badness(), a.Badness())", "return cmp.Compare(a.Account, b.Account)", "TestStatusOfAll", "./cmd/vbcvault"},
	{"many open manifests keep what they like in memory", "pipeline/manifest/sqlite/manifest.go", "	if m.cache > 0 {\n", "	if false {\n", "TestCacheIsBounded", "./pipeline/manifest/sqlite"},
}
