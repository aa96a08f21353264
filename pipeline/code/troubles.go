package code

// Troubles are the codes of what is wrong with VBC's listings, as package
// manifest names them.
var Troubles = []Entry{
	{"unreadable", "a recording's id, start or owner can't be read", "look at the recording in the VBC admin portal; it stays at VBC"},
	{"missing", "VBC counts recordings that it doesn't show", "the next run looks again; if it stays so, ask Vonage"},
	{"listing", "a listing could not be read to its end", "the next run looks again"},
	{"vanished", "VBC shows none, or few, of the recordings that it had", "look in the VBC admin portal whether they are there, and whether the integration user may see them"},
	{"users", "not all users of the account are known", "name the users by number (--users), or give the integration user the right to see them"},
	{"transcripts", "the transcripts could not be listed", "the next run looks again; --no-transcripts leaves transcripts out"},
	{"other", "something else; the text beside it says what", ""},
}
