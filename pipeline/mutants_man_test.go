package pipeline

// manualMutations break the pages for man, and what shells suggest.
var manualMutations = []mutation{
	{"a line of a page that begins with a dot is an order to roff", "cmd/vbcvault/manpage/roff.go", "	if line != \"\" && (line[0] == '.' || line[0] == '\\'') {", "	if line != \"\" && line[0] == '\\'' {", "TestMarkdownBecomesRoff", "./cmd/vbcvault/manpage"},
	{"a hyphen of a flag can't be copied from a page", "cmd/vbcvault/manpage/roff.go", "'-': `\\-`, ", "", "TestPageOfACommand", "./cmd/vbcvault/manpage"},
	{"a command line is broken within quotes", "cmd/vbcvault/manpage/code.go", "			quote = r\n", "			quote = 0\n", "TestFoldedCode", "./cmd/vbcvault/manpage"},
	{"rows of a table lose what is beyond the second column", "cmd/vbcvault/manpage/table.go", "		for c, cell := range row[1:] {", "		for c, cell := range row[1:2] {", "TestMarkdownBecomesRoff|TestNoWordOfTheManualIsLost", "./cmd/vbcvault/manpage"},
	{"a page shows the day on which it was made", "cmd/vbcvault/generate.go", "	return time.Unix(seconds, 0).UTC(), nil", "	return time.Unix(max(seconds, time.Now().Unix()), 0).UTC(), nil", "TestGenerateWritesTheManual", "./cmd/vbcvault"},
	{"pages are for root alone where the umask says so", "cmd/vbcvault/generate.go", "	return os.Chmod(path, 0o644)", "	return os.Chmod(path, 0o600)", "TestGenerateWritesTheManual", "./cmd/vbcvault"},
	{"commands below others have no page", "cmd/vbcvault/generate.go", "	for _, cmd := range family(root) {", "	for _, cmd := range root.Commands() {", "TestGenerateWritesTheManual", "./cmd/vbcvault"},
	{"a shell suggests files where a word is wanted", "cmd/vbcvault/completions.go", "	if words, ok := f.Value.(*oneOf); ok {", "	if words, ok := f.Value.(*oneOf); ok && false {", "TestCompletionKnowsValues", "./cmd/vbcvault"},
}
