package pipeline

// notifyMutations break what is told, to whom, and what isn't.
var notifyMutations = []mutation{
	{"the same failure is told every night", "cmd/vbcvault/notify/compose.go", "	return has(string(m.Kind)) && (m.Kind != Failure || m.fresh)", "	return has(string(m.Kind))", "TestWhatIsTold", "./cmd/vbcvault/notify"},
	{"a failure that lasts is never told again", "cmd/vbcvault/notify/memory.go", " || now.Sub(s.Said) >= again ||", " ||", "TestWhatIsTold", "./cmd/vbcvault/notify"},
	{"a message quotes VBC", "cmd/vbcvault/notify/compose.go", "	o.Error, o.Stopped, o.Problems = mistake(o), \"\", nil\n", "", "TestOutcomeWithoutTexts|FuzzNoCallersData", "./cmd/vbcvault/notify"},
	{"a redirect is followed", "cmd/vbcvault/notify/http.go", "return http.ErrUseLastResponse", "return nil", "TestWebhookAnswers", "./cmd/vbcvault/notify"},
	{"plain http goes anywhere", "cmd/vbcvault/notify/secret.go", "	if u.Scheme == \"http\" && !loopback(u.Hostname()) {", "	if false {", "TestAddressesAreRefused", "./cmd/vbcvault/notify"},
	{"a signature leaves out when", "cmd/vbcvault/notify/webhook.go", "	mac.Write([]byte(id + \".\" + at + \".\"))", "	mac.Write([]byte(id + \".\"))", "TestWebhookIsSigned", "./cmd/vbcvault/notify"},
	{"a mail goes without TLS where there is none", "cmd/vbcvault/notify/email.go", "	policy := gomail.TLSMandatory\n", "	policy := gomail.TLSOpportunistic\n", "TestMailIsRefused", "./cmd/vbcvault/notify"},
	{"a command gets our secrets", "cmd/vbcvault/notify/command.go", "	cmd.Env = environment(os.Environ())\n", "	cmd.Env = os.Environ()\n", "TestCommandsEnvironment", "./cmd/vbcvault/notify"},
	{"a check hears of the end before the begin", "cmd/vbcvault/notify/notify.go", "		t.started(ctx, n.Name, m.run())\n", "", "TestEndWaitsForTheBegin", "./cmd/vbcvault/notify"},
	{"what was told is told again", "cmd/vbcvault/notify/memory.go", " || s.Run == run && s.At.Equal(at))", ")", "TestWhatWasNotDelivered|TestHealthchecks$", "./cmd/vbcvault/notify"},
}
