package pipeline

// secrecyMutations break what keeps secrets and callers' data in, and messages coming.
var secrecyMutations = []mutation{
	{"a mail server that repeats the login has it logged", "cmd/vbcvault/notify/email.go", "		s = append(s, \"\\x00\"+e.Username+\"\\x00\"+password)\n", "", "TestMailIsRefused", "./cmd/vbcvault/notify"},
	{"what was told in the future silences all until then", "cmd/vbcvault/notify/memory.go", "s.At.After(at) && !s.At.After(time.Now().Add(ahead))", "s.At.After(at)", "TestMemoryOfTheFuture", "./cmd/vbcvault/notify"},
	{"a memory of another form is never mended", "cmd/vbcvault/notify/memory.go", "	if err != nil && !errors.Is(err, errBroken) {\n", "	if err != nil {\n", "TestMemoryOfAnotherForm", "./cmd/vbcvault/notify"},
	{"on a full disk the service tells nobody", "cmd/vbcvault/notify/notify.go", "	return t.sendOnce(ctx, letters)\n", "	if err != nil {\n		return err\n	}\n	return t.sendOnce(ctx, letters)\n", "TestMemoryThatCantBeWritten", "./cmd/vbcvault/notify"},
	{"a run that waits begins every minute for its check", "cmd/vbcvault/notify/notify.go", "last == run {", "last == run && run == \"\" {", "TestHealthchecksOfARunThatWaits", "./cmd/vbcvault/notify"},
	{"two services' reports are one mail", "cmd/vbcvault/notify/reporting.go", " + \"-\" + hex.EncodeToString(of[:6])", " + hex.EncodeToString(of[:0])", "TestReportIsSentOnce", "./cmd/vbcvault/notify"},
	{"the service keeps VBC's words", "cmd/vbcvault/worker.go", "	return kept\n", "	return out\n", "TestCallersAreNowhere", "./cmd/vbcvault"},
	{"nobody says that others can change the file", "cmd/vbcvault/fleet.go", "	warnOfWriters(f.config, o.log)\n", "", "TestFileThatOthersCanChange", "./cmd/vbcvault"},
}
