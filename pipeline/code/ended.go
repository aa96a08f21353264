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
	HoldsUnread     = "holds-unread"

	NoKey            = "no-signing-key"
	UnsignedReceipts = "unsigned-receipts"
	ReceiptsChanged  = "receipts-changed"
	ReceiptsDiffer   = "receipts-differ"
	NotArchived      = "not-archived"
	NotIntact        = "copy-not-intact"
	Unvouched        = "copy-unvouched"

	Login           = "login"
	Lease           = "lease"
	Database        = "database"
	ManifestWrite   = "manifest-write"
	NetworkDisk     = "network-disk"
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
	{AnotherAccount, "VBC shows recordings of a different account than this run's", ""},
	{AccountUnknown, "it is unknown which account the recordings belong to", ""},
	{Clock, "this machine's clock is too far from VBC's", ""},
	{NoToken, "VBC gives no token, but does not refuse the login either", ""},
	{PlanAccount, "the confirmed plan is for another account", ""},
	{FormChanged, "most of what VBC lists can't be read", ""},
	{OddRefusals, "VBC refuses requests, and it is unknown whether that will end by itself", ""},
	{TooManyFailures, "too many recordings in a row failed because of VBC, the network or the destination", ""},
	{AllAlike, "the first recordings of the run all failed with the same code", ""},
	{CopiesLost, "most of the copies that were checked in the destination are damaged or missing", ""},
	{NotBound, "the manifest belongs to no account yet", ""},
	{OthersCatalog, "another manifest keeps the catalogue beside the archive", ""},
	{Blocked, "VBC has blocked the requests", ""},
	{Outage, "VBC has answered nothing but errors for too long", ""},
	{QuotaClosed, "VBC accepts no requests for longer than the run may wait (--max-wait)", ""},
	{QuotaRefusals, "VBC has refused every request because of the quota, for longer than the run may wait (--max-wait)", ""},
	{ErasedAlready, "the recording is erased already", ""},
	{DeletionOpen, "a deletion at VBC was started, and its outcome is unknown", ""},
	{StillAtVBC, "the recording may still be at VBC, so it can't be erased", ""},
	{Hold, "the recording is under a legal hold, so it can't be erased", ""},
	{Retained, "the bucket has locked an object, so it can't be erased", ""},
	{NoKey, "the key that signs the manifest's receipts is missing", ""},
	{UnsignedReceipts, "the archive has receipts of this manifest's log that no known key has signed", ""},
	{ReceiptsChanged, "the receipts in the manifest are not those that its key has signed", ""},
	{ReceiptsDiffer, "the receipts are not those that were signed, or name another copy than the manifest", ""},
	{NotArchived, "the recording is not in the archive", ""},
	{NotIntact, "the copy in the archive is damaged or missing", ""},
	{Unvouched, "no signed receipt vouches for the copy", ""},
	{WhichOne, "several recordings have had this id, or none had it at that time", ""},
	{HoldsUnread, "another manifest on this machine can't be read, and it may have a legal hold", ""},

	{Login, "VBC refuses the login, the application or the token", ""},
	{Lease, "this machine has lost its lease of the manifest, so that another machine may continue the run", ""},
	{Database, "the database can't be reached in which machines share a quota and refused logins, so VBC was not asked", ""},
	{ManifestWrite, "the manifest can't be written", ""},
	{NetworkDisk, "a manifest, or the state of the service or the page, would be on a network or FUSE file system", ""},
	{AnotherManifest, "the manifest belongs to another account or destination", ""},
	{AnotherRun, "another run is using the manifest", ""},
	{Interrupted, "the run was told to stop", ""},
	{StoreRefused, "the destination refuses access", ""},
	{Malformed, "an answer of VBC can't be read", ""},
	{vbcPrefix + "*", "VBC answered with this HTTP status, followed by VBC's own code", ""},
	{Incomplete, "not everything could be done; vbcvault status lists what failed", ""},
	{Usage, "the command line or the configuration is wrong; no request was sent", ""},
	{Failed, "anything else; the text beside the code says what", ""},
}

// Brakes are those of Ended with which a run stops for safety: it could go on, and what it
// has seen makes it likely that something would be lost or wasted. They last until
// somebody has looked.
var Brakes = []string{
	AnotherAccount, AccountUnknown, Clock, FormChanged, OddRefusals, TooManyFailures, AllAlike, CopiesLost,
	NoKey, UnsignedReceipts, ReceiptsChanged, ReceiptsDiffer, HoldsUnread, AnotherManifest,
}
