package pipeline

// holdsMutations break what the page does about holds, hand-overs and accounts.
var holdsMutations = []mutation{
	{"whoever asks for the end of a hold agrees to it, too", "cmd/vbcvault/web/holdend.go", "	case e.Decision == state.Undecided && samePerson(e, v):\n", "	case false:\n", "TestFourEyes", "./cmd/vbcvault/web"},
	{"whoever is called otherwise by now is a second person", "cmd/vbcvault/web/holdend.go", "	return e.Person == v.ID || strings", "	return strings", "TestFourEyesAreOfTwoPeople", "./cmd/vbcvault/web"},
	{"what somebody has found wrong meanwhile is deleted", "pipeline/manifest/sqlite/held.go", "deletable(reading{ctx, m}, r, false)", "deletable(reading{ctx, m}, r, true)", "TestDoubtBeforeADeleteIsWritten", "./cmd/vbcvault"},
	{"what somebody has found wrong meanwhile is intended to be deleted", "pipeline/manifest/standing.go", "	if s.Refuted && !refuted {\n", "	if s.Refuted && false {\n", "TestContract/RefutedUntilRead", "./pipeline/manifest/sqlite"},
	{"a hold ends with one pair of eyes", "cmd/vbcvault/web/holdend.go", "		if !s.config().FourEyes {", "		if true {", "TestFourEyes", "./cmd/vbcvault/web"},
	{"a hold ends by a form about something else", "cmd/vbcvault/web/holdend.go", "h.Unended != nil || field(r, \"shown\") != shownOf(h, \"\"):", "h.Unended != nil:", "TestHoldEnds", "./cmd/vbcvault/web"},
	{"a second click makes a second hold", "cmd/vbcvault/web/forms.go", "	if !fresh {\n		return s.again(", "	if !fresh && false {\n		return s.again(", "TestHoldIsMadeAsItWasShown", "./cmd/vbcvault/web"},
	{"whoever sees a part ends what covers more", "cmd/vbcvault/web/holds.go", "return v.May(access.Release) && !limited(v)", "return v.May(access.Release)", "TestHoldsWithinAScope", "./cmd/vbcvault/web"},
	{"whoever sees a part sees everybody's holds", "cmd/vbcvault/web/holds.go", "		if limited(v) && h.By != v.Name && !counts[i].Named {\n", "		if false {\n", "TestHoldsWithinAScope", "./cmd/vbcvault/web"},
	{"a recording is handed over without an entry", "cmd/vbcvault/web/handover/reader.go", "		if err := r.src.Begin(r.ctx, e.Item); err != nil {\n			return err\n		}\n", "", "TestHandoverNeedsItsEntry", "./cmd/vbcvault/web"},
	{"a hand-over is for whoever knows its address", "cmd/vbcvault/web/handover.go", "(p.Who != v.Name || p.Role != roleOf(v))", "v == nil", "TestHandoverIsForWhoeverMadeIt", "./cmd/vbcvault/web"},
	{"what has no proof isn't named", "cmd/vbcvault/web/handover/make.go", "	it.Problem, it.Audio, it.AudioSize, it.SHA256 = why(err), \"\", 0, \"\"\n", "	it.Problem, it.Audio, it.AudioSize, it.SHA256 = \"\", \"\", 0, \"\"\n", "TestHandoverHasProofs", "./cmd/vbcvault/web"},
	{"whoever sees a part sees how many there are in all", "cmd/vbcvault/web/accounts.go", "		if limited(access.From(r.Context())) {\n", "		if false {\n", "TestAccountsWithinAScope", "./cmd/vbcvault/web"},
}
