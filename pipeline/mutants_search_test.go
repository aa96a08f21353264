package pipeline

// searchMutations break what finds calls for the page, and what it says of that.
var searchMutations = []mutation{
	{"a number is looked for by its beginning", "pipeline/manifest/sqlite/way.go", "q.Number[max(0, n-4):]", "q.Number[:min(4, n)]", "TestFormat10IsBroughtUpToDate", "./pipeline/manifest/sqlite"},
	{"a number that SQLite can't strip has no digits", "pipeline/manifest/sqlite/way.go", "\"tail = '?'\"", "\"tail = '!'\"", "TestFormat10IsBroughtUpToDate", "./pipeline/manifest/sqlite"},
	{"a transcript that comes later isn't known of", "pipeline/manifest/sqlite/calls.go", "archived_at, transcript ON", "archived_at ON", "TestFormat10IsBroughtUpToDate", "./pipeline/manifest/sqlite"},
	{"a caller is remembered whom no call names", "pipeline/manifest/sqlite/numbers.go", "DELETE FROM caller WHERE caller_id = old.caller_id AND", "DELETE FROM caller WHERE caller_id = '' AND", "TestFormat10IsBroughtUpToDate", "./pipeline/manifest/sqlite"},
	{"what one may see isn't asked for", "cmd/vbcvault/web/search.go", "\tq.Scope = viewer.Scope(s.now())\n", "", "TestSearchWithinAScope", "./cmd/vbcvault/web"},
	{"calls of other accounts at the same moment are skipped", "cmd/vbcvault/web/cursor.go", "\t\tat.Start = at.Start.Add(time.Millisecond)\n", "", "TestPagesOfTheSearch", "./cmd/vbcvault/web"},
	{"an account that can't be searched isn't named", "cmd/vbcvault/web/find.go", "\t\t\tf.Unreadable = append(f.Unreadable, vaults[i].Name)\n", "", "TestSearchSaysWhatIsNotSearched", "./cmd/vbcvault/web"},
	{"what isn't understood is left out of the search", "cmd/vbcvault/web/search.go", "if len(form.Wrong) > 0 || page.Gone {", "if page.Gone {", "TestWrongInTheSearch", "./cmd/vbcvault/web"},
	{"a form leads to another site", "cmd/vbcvault/web/zone.go", "local(r.PostFormValue(\"back\"))", "r.PostFormValue(\"back\")", "TestZone", "./cmd/vbcvault/web"},
}
