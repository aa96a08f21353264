package pipeline

// notifyMutations break what is told, to whom, and what isn't.
var notifyMutations = []mutation{
	{"the same failure is told every night", "cmd/vbcvault/notify/compose.go", "	return has(string(m.Kind)) && (m.Kind != Failure || m.fresh)", "	return has(string(m.Kind))", "TestWhatIsTold", "./cmd/vbcvault/notify"},
	{"a failure that lasts is never told again", "cmd/vbcvault/notify/memory.go", " || now.Sub(s.Said) >= again ||", " ||", "TestWhatIsTold", "./cmd/vbcvault/notify"},
	{"a message quotes VBC", "cmd/vbcvault/notify/compose.go", "	o.Error, o.Stopped, o.Problems = mistake(o), \"\", nil\n", "", "TestOutcomeWithoutTexts|FuzzNoCallersData", "./cmd/vbcvault/notify"},
	{"a message quotes more than a mistake", "cmd/vbcvault/notify/compose.go", "	if o.ErrorCode != code.Usage {\n", "	if o.Error == \"\" {\n", "TestMistakeIsTold|FuzzNoCallersData", "./cmd/vbcvault/notify"},
	{"a mistake is told without its words", "cmd/vbcvault/notify/facts.go", "			p.Text += \": \" + said\n", "", "TestMistakeIsTold", "./cmd/vbcvault/notify"},
	{"a message names no machine", "cmd/vbcvault/notify/notify.go", "	l.Message.Host = cmp.Or(l.Message.Host, t.host)\n", "	_ = cmp.Or[string]\n", "TestHostIsNamed", "./cmd/vbcvault/notify"},
	{"verify counts what it archived", "cmd/vbcvault/notify/compose.go", "	if of.Job != \"\" {\n", "	if false {\n", "TestCountsOfOtherJobs", "./cmd/vbcvault/notify"},
	{"what many accounts lack is said of each", "cmd/vbcvault/config/mistakes.go", "		if len(what.accounts) > fewNames {\n", "		if false {\n", "TestMistakes", "./cmd/vbcvault/config"},
	{"a misspelt key is missing too", "cmd/vbcvault/config/decode.go", "			r.meant[strings.TrimSuffix(at.key, key)+name] = true\n", "", "TestMistakes", "./cmd/vbcvault/config"},
	{"a redirect is followed", "cmd/vbcvault/notify/http.go", "return http.ErrUseLastResponse", "return nil", "TestWebhookAnswers", "./cmd/vbcvault/notify"},
	{"plain http goes anywhere", "cmd/vbcvault/notify/secret.go", "	if u.Scheme == \"http\" && !loopback(u.Hostname()) {", "	if false {", "TestAddressesAreRefused", "./cmd/vbcvault/notify"},
	{"a signature leaves out when", "cmd/vbcvault/notify/webhook.go", "	mac.Write([]byte(id + \".\" + at + \".\"))", "	mac.Write([]byte(id + \".\"))", "TestWebhookIsSigned", "./cmd/vbcvault/notify"},
	{"a mail goes without TLS where there is none", "cmd/vbcvault/notify/email.go", "	policy := gomail.TLSMandatory\n", "	policy := gomail.TLSOpportunistic\n", "TestMailIsRefused", "./cmd/vbcvault/notify"},
	{"a command gets our secrets", "cmd/vbcvault/notify/command.go", "	cmd.Env = environment(os.Environ())\n", "	cmd.Env = os.Environ()\n", "TestCommandsEnvironment", "./cmd/vbcvault/notify"},
	{"a check hears of the end before the begin", "cmd/vbcvault/notify/notify.go", "		t.started(ctx, n.Name, m.run())\n", "", "TestEndWaitsForTheBegin", "./cmd/vbcvault/notify"},
	{"what was told is told again", "cmd/vbcvault/notify/memory.go", " || s.Run == run && s.At.Equal(at))", ")", "TestWhatWasNotDelivered|TestHealthchecks$", "./cmd/vbcvault/notify"},
}
