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
	{TranscriptUnknown, "with a transcript, perhaps, that is not archived", "vbcvault status says what is wrong with the transcripts; --no-transcripts leaves them out"},
	{EqualAudio, "with another recording's audio", "listen to both; --accept-equal-audio deletes them at VBC too"},
	{NotInPlan, "not in the confirmed plan", "make another plan with --delete --dry-run --plan FILE"},
	{TooYoung, "archived less long ago than --delete-after", "a later run deletes it"},
	{MaxDeletes, "beyond --max-deletes", "the next run deletes more of them"},
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
	{NoDelete, "the run deletes nothing at VBC", "--delete has it delete what is proven"},
	{Unreadable, "its id, start or owner can't be read", "check the recording in the VBC admin portal; it stays at VBC"},
	{TooNew, "it starts at the cutoff or later", "a later run, or one with a later cutoff"},
	{BeforeFrom, "it starts before --since", "a run without --since"},
	{OtherKind, "the run is not about its kind", "a run with its --kind"},
	{OtherUser, "the run is not about its owner", "a run with --users all, or with that number"},
	{Filter, "the run's filter doesn't select it", "a run without the filter"},
	{Resting, "has failed in several runs for a cause that won't pass by itself, and is tried once a day", "--retry-failed tries it at once"},
}
