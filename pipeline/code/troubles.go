package code

// Troubles are the codes of what is wrong with VBC's listings, as package
// manifest names them.
var Troubles = []Entry{
	{"unreadable", "a recording's id, start or owner can't be read",
		"check the recording in the VBC admin portal; it stays at VBC"},
	{"missing", "VBC counts recordings that it doesn't list",
		"the next run checks again; if they are still missing, ask Vonage"},
	{"listing", "a listing could not be read to its end", "the next run checks again"},
	{"vanished", "VBC lists none, or few, of the recordings that it had",
		"check in the VBC admin portal that they exist, and that the integration user may see them"},
	{"users", "not all users of the account are known",
		"give the users by number (--users), or give the integration user the permission to see them"},
	{"transcripts", "the transcripts could not be listed", "the next run checks again; --no-transcripts skips transcripts"},
	{"other", "something else; the text beside the code says what", ""},
}
