package code

// Codes of why a run that deletes holds a recording back, though it is about it.
const (
	Hold              = "hold"
	TranscriptUnknown = "transcript-unsure"
	NotInPlan         = "not-in-plan"
	TooYoung          = "too-young"
	MaxDeletes        = "max-deletes"
	// and EqualAudio
)

// HeldBack are all of these. A run's summary counts by them.
var HeldBack = []Entry{
	{Hold, "under a legal hold", "vbcvault hold list shows why; vbcvault hold remove removes the hold"},
	{TranscriptUnknown, "with a transcript that may not be archived",
		"vbcvault status says what is wrong with the transcripts; --no-transcripts skips them"},
	{EqualAudio, "with the same audio as another recording", "listen to both; --accept-equal-audio also deletes them at VBC"},
	{NotInPlan, "not in the confirmed plan", "create another plan with --delete --dry-run --plan FILE"},
	{TooYoung, "archived more recently than --delete-after allows", "a later run deletes it"},
	{MaxDeletes, "over the limit of --max-deletes", "the next run deletes more of them"},
}

// Codes of why a run isn't about a recording at all, or deletes none.
const (
	NoDelete   = "no-delete"
	Unreadable = "unreadable"
	TooNew     = "after-cutoff"
	BeforeFrom = "before-since"
	OtherKind  = "other-kind"
	OtherUser  = "other-user"
	Filter     = "filter"
	Resting    = "resting"
)

// LeftAlone are all of these.
var LeftAlone = []Entry{
	{NoDelete, "the run deletes nothing at VBC", "with --delete the run deletes recordings whose copies are verified"},
	{Unreadable, "its id, start or owner can't be read",
		"check the recording in the VBC admin portal; it stays at VBC"},
	{TooNew, "it starts at the cutoff or later", "a later run, or a run with a later cutoff, handles it"},
	{BeforeFrom, "it starts before --since", "run archive without --since"},
	{OtherKind, "the run does not include its kind", "run archive with its --kind"},
	{OtherUser, "the run does not include its owner", "run archive with --users all, or with the owner's number"},
	{Filter, "the run's filter doesn't select it", "run archive without the filter"},
	{Resting, "has failed in several runs for a cause that won't end by itself, and is retried once a day",
		"--retry-failed retries it now"},
}
