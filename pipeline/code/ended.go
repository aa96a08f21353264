package code

// Codes of why a command ended before its end.
const (
	NothingListed   = "nothing-listed"
	SelfUnknown     = "self-unknown"
	AnotherAccount  = "another-account"
	AccountUnknown  = "account-unknown"
	Clock           = "clock"
	NoToken         = "no-token"
	PlanAccount     = "plan-of-another-account"
	FormChanged     = "form-changed"
	OddRefusals     = "odd-refusals"
	TooManyFailures = "too-many-failures"
	AllAlike        = "all-alike"
	CopiesLost      = "copies-lost"
	NotBound        = "not-bound"
	OthersCatalog   = "catalog-of-another"
	Blocked         = "blocked"
	Outage          = "outage"
	QuotaClosed     = "quota-closed"
	QuotaRefusals   = "quota-refusals"
	ErasedAlready   = "erased-already"
	DeletionOpen    = "deletion-open"
	StillAtVBC      = "still-at-vbc"
	Retained        = "retained"
	WhichOne        = "which-one"

	Login           = "login"
	ManifestWrite   = "manifest-write"
	AnotherManifest = "manifest-of-another"
	AnotherRun      = "another-run"
	Interrupted     = "interrupted"
	Incomplete      = "incomplete"
	Usage           = "usage"
	Failed          = "failed"
)

// Ended are all of these, and those of VBC and the destination that also single
// recordings fail for. What a command prints beside the code has advice of its
// own, which knows more.
var Ended = []Entry{
	{NothingListed, "no listing of VBC could be read at all", ""},
	{SelfUnknown, "VBC doesn't say which user \"self\" is", ""},
	{AnotherAccount, "VBC shows recordings of another account than the one that the run is about", ""},
	{AccountUnknown, "nothing says which account the recordings are of", ""},
	{Clock, "this machine's clock is too far from VBC's", ""},
	{NoToken, "VBC gives no token, without refusing the login", ""},
	{PlanAccount, "the confirmed plan is of another account", ""},
	{FormChanged, "most of what VBC lists can't be read", ""},
	{OddRefusals, "VBC refuses requests, and nobody knows whether that passes", ""},
	{TooManyFailures, "too many recordings in a row failed for causes that aren't their own", ""},
	{AllAlike, "the first recordings of the run all failed with the same code, and none went well", ""},
	{CopiesLost, "the destination doesn't hold most of what it was asked for as it was stored", ""},
	{NotBound, "the manifest belongs to no account yet", ""},
	{OthersCatalog, "another manifest keeps the catalogue beside the archive", ""},
	{Blocked, "VBC has blocked the requests", ""},
	{Outage, "VBC has answered nothing but errors for too long", ""},
	{QuotaClosed, "VBC takes no requests for longer than the run may wait", ""},
	{QuotaRefusals, "VBC has refused everything for its quota for longer than the run may wait", ""},
	{ErasedAlready, "the recording is erased already", ""},
	{DeletionOpen, "a deletion at VBC was begun, and what became of it isn't known yet", ""},
	{StillAtVBC, "the recording may still be at VBC, so it can't be erased", ""},
	{Hold, "the recording is under a legal hold, so it can't be erased", ""},
	{Retained, "the bucket keeps an object locked, so it can't be erased", ""},
	{WhichOne, "several recordings have had the id, or none at that time", ""},

	{Login, "VBC refuses the login, the application or the token", ""},
	{ManifestWrite, "the manifest can't be written", ""},
	{AnotherManifest, "the manifest belongs to another account or destination", ""},
	{AnotherRun, "another run holds the manifest", ""},
	{Interrupted, "the run was told to stop", ""},
	{StoreRefused, "the destination refuses access", ""},
	{Malformed, "an answer of VBC can't be read", ""},
	{vbcPrefix + "*", "VBC has answered with this HTTP status and, behind it, its own code", ""},
	{Incomplete, "not everything could be done; status lists it", ""},
	{Usage, "the command line or the configuration is wrong, and nothing was touched", ""},
	{Failed, "anything else; the text beside it says what", ""},
}
