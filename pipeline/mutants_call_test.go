package pipeline

// Breaks of what the page shows of one recording.
var callMutations = []mutation{
	{"foreign text turns the direction of writing", "cmd/vbcvault/web/words.go", "r >= 0x202a && r <= 0x202e, ", "", "TestForeignTextStaysInItsPlace", "./cmd/vbcvault/web"},
	{"a transcript is shown whatever it is", "cmd/vbcvault/web/calltext.go", "		return nil, errDamaged\n", "		return b, nil\n", "TestTranscriptIsShownWholeAndOnRecord", "./cmd/vbcvault/web"},
	{"a transcript is shown to nobody in particular", "cmd/vbcvault/web/calltext.go", "	if err := s.reading(ctx, v, row); err != nil {", "	if err := s.reading(ctx, v, row); err != nil && false {", "TestTranscriptIsShownWholeAndOnRecord", "./cmd/vbcvault/web"},
	{"everybody reads who has listened", "cmd/vbcvault/web/calllife.go", "ok && d.MaySeeLog", "ok", "TestTranscriptIsShownWholeAndOnRecord", "./cmd/vbcvault/web"},
	{"the menu leads anywhere", "cmd/vbcvault/web/menu.go", "!p.Viewer.May(i.right) || ", "p.Viewer == nil || ", "TestMenuGoesByRights", "./cmd/vbcvault/web"},
	{"audio in cold storage seems to play", "cmd/vbcvault/web/callsound.go", "	o.Plays = false\n", "", "TestWhatHasBecomeOfACall", "./cmd/vbcvault/web"},
	{"receipts are those of another kind's recording", "pipeline/manifest/sqlite/receipt.go", "entry ->> '$.kind' = ?", "entry ->> '$.kind' <> ?", "TestContract/ReceiptsBehindAnEntry", "./pipeline/manifest/sqlite"},
}
