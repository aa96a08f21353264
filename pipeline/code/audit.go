package code

// Codes of what an audit finds. The first kind speaks against the receipts; the
// second is worth a word, and nothing is wrong.
const (
	LogChanged    = "log-changed"
	LogShorter    = "log-shorter"
	LogCheckpoint = "log-checkpoint"
	AnotherLog    = "another-log"
	AnotherKey    = "another-key"
	Older         = "older"
	Fork          = "fork"
	Planted       = "planted"
	Forged        = "forged"
	Removed       = "removed"
	DamagedBundle = "damaged-receipts"
	OtherShorter  = "other-log-shorter"
	UnknownLog    = "unknown-log"
	KeyFile       = "key-file"
	TrustedKey    = "trusted-key"
	NoIntent      = "no-intent"
	NoErasing     = "no-erasing"
	NoReceipt     = "no-receipt"
	RowChanged    = "row-changed"
	RowState      = "row-state"
	RowMissing    = "row-missing"
	HoldChanged   = "hold-changed"
	HoldMissing   = "hold-missing"
	HoldEnded     = "hold-ended"
	HoldOpen      = "hold-open"
	HoldEnd       = "hold-end"
	HoldText      = "hold-text"
	ErasureText   = "erasure-text"
	NotProven     = "not-proven"

	ListeningChanged  = "listening-changed"
	ListeningMissing  = "listening-missing"
	ListeningUnsigned = "listening-unsigned"
	ListeningText     = "listening-text"
	WrongSignature    = "wrong-signature"

	// and UnsignedReceipts, NoKey
	Proven           = "proven"
	UnknownSigner    = "unknown-signer"
	UnvouchedLog     = "unvouched-log"
	UnsignedDeletion = "unsigned-deletions"
	Elsewhere        = "receipts-elsewhere"
	Unsettled        = "unsettled"
	HoldPending      = "hold-pending"
	HoldNew          = "hold-new"
	HoldUnsigned     = "hold-unsigned"
	HoldTextLost     = "hold-text-lost"
	KeyFileMissing   = "key-file-missing"
	ListeningPending = "listening-pending"
	ListeningStrange = "listening-strange"
	NotReceipts      = "not-receipts"
	OlderLease       = "older-lease"
)

const (
	whoWrote = "find out who wrote to the bucket, then remove the objects"
	restored = "find out who changed the manifest; then restore a backup of it, or move it away with its -wal and -shm if it has them, " +
		"and create a new one with vbcvault rebuild"
)

// Audited are the findings that speak against the receipts.
var Audited = []Entry{
	{LogChanged, "an entry of the manifest's log is changed, removed or inserted", restored},
	{LogShorter, "entries are missing at the end of the manifest's log, although they were stored or signed", restored},
	{LogCheckpoint, "what the manifest says of its log does not fit its entries", restored},
	{AnotherLog, "recordings were deleted by a log that this manifest's key has signed, and that is not the manifest's log any more", restored},
	{AnotherKey, "the archive has the manifest's log signed by another key than the manifest's", restored},
	{Older, "the archive has signed entries that the manifest lacks, as after a restore from a backup",
		"the next run copies them into the manifest; if no backup was restored, find out who changed the manifest"},
	{Fork, "a log has two ends, both signed by a known key: its manifest was copied, or restored while its newer state was still in use",
		"use one of the two manifests only; nothing is lost, and both ends stay evidence"},
	{UnsignedReceipts, "the archive has entries that the manifest lacks, and no known key has signed them",
		"if the manifest was restored from a backup of an earlier version, run vbcvault archive once with --trust-archive; if not, " + whoWrote},
	{Planted, "a log has entries in the archive that no known key has signed, behind or beside those that one has", whoWrote},
	{Forged, "receipts in the archive bear the name of a known key, or its signature of something else", whoWrote},
	{Removed, "receipts were stored beside the archive and are missing",
		"the next run stores those of this manifest again; get those of another from a version or a copy of the bucket"},
	{DamagedBundle, "an object with receipts does not have the content that its name says",
		"get it from a version or a copy of the bucket; if there is none with this name, " + whoWrote},
	{OtherShorter, "the log of another manifest is shorter than it once was, or another one is in its place",
		"get the missing objects from a version or a copy of the bucket; if you have removed a planted log, the next run forgets it"},
	{UnknownLog, "a log has appeared beside the archive that no known key has signed",
		"if it is another machine's, compare its key with what vbcvault audit --key prints there, " +
			"then run vbcvault manifest trust; if not, " + whoWrote},
	{KeyFile, "the key file beside the manifest's log names another key than the manifest's", "the next run replaces it; find out who wrote to the bucket"},
	{TrustedKey, "a trusted key in the manifest can't be read", "trust it again with vbcvault manifest trust; find out who changed the file"},
	{NoIntent, "a deletion has an outcome, and no earlier entry records a verified copy", "check the copy with vbcvault verify --deep"},
	{NoErasing, "an erasure has an end, and no log has its beginning", "find out who erased the recording"},
	{NoReceipt, "the manifest says that a recording was deleted at VBC or erased, and no log has a receipt of it", restored},
	{RowChanged, "the copy in the manifest is not the copy that the receipt names", restored},
	{RowState, "the manifest's state of a recording contradicts the last receipt", restored},
	{RowMissing, "a recording has receipts, and is missing in the manifest", restored},
	{HoldChanged, "a legal hold in the manifest, or its end, was changed", "add the hold again; find out who changed the file"},
	{HoldMissing, "a legal hold has a receipt, and is missing in the manifest", "add the hold again; find out who changed the file"},
	{HoldEnded, "a legal hold has ended in the manifest, and no log has the receipt of just this end",
		"add the hold again, unless you know who removed it"},
	{HoldOpen, "a legal hold has the receipt of its end, and is still in force", "the next run reads its end; if the text is lost, remove the hold again"},
	{HoldEnd, "the archive says that a hold was removed which is in force, and no receipt that a known key has signed says so",
		"the hold stays in force; if another machine removed it, trust that machine's key with vbcvault manifest trust; if not, " + whoWrote},
	{HoldText, "the text of a hold is missing beside the archive, or changed",
		"the next run stores a missing text of a hold in force again; get others from a version or a copy of the bucket"},
	{ErasureText, "the reason of an erasure is missing beside the archive, or changed", "get it from a version or a copy of the bucket"},
	{ListeningChanged, "an entry in the log of who has listened was changed in the manifest", restored},
	{ListeningMissing, "an entry in the log of who has listened is missing in the manifest", restored},
	{ListeningUnsigned, "an entry in the log of who has listened has no receipt, and the manifest's key has not signed it",
		"it is not believed, and gets no receipt; find out who changed the manifest's file"},
	{ListeningText, "the text that says who has listened is missing beside the archive, or changed",
		"the next run stores a missing text of this manifest's log again; get others from a version or a copy of the bucket"},
	{NotProven, "the log does not contain what a kept checkpoint says", "keep the checkpoint: it proves that the log is not what it was"},
	{WrongSignature, "a kept checkpoint bears the name of a known key, which has not signed it", "find out where the checkpoint comes from"},
}

// Remarked are the findings with which nothing is wrong.
var Remarked = []Entry{
	{Proven, "a kept checkpoint is proven: that state of the log is part of what it is now", ""},
	{UnknownSigner, "a kept checkpoint is signed by an unknown key", "compare the key, or trust it with vbcvault manifest trust"},
	{UnvouchedLog, "a log of a key that is not trusted; it was there when this manifest first saw the archive, or this manifest's log has confirmed its state",
		"if it is another machine's, vbcvault manifest trust takes its word"},
	{UnsignedDeletion, "recordings whose deletion has receipts, and no known key has signed these, as in the logs of earlier versions", ""},
	{Elsewhere, "receipts of deletions are in other logs, which were not checked", "vbcvault audit without --offline checks them"},
	{Unsettled, "receipts that were copied from the archive after a restore say more than the manifest's states", "the next run with --delete settles this"},
	{HoldPending, "a hold was removed, and the receipt of that is not written yet", "the next run writes it; if nobody removed the hold, add it again now"},
	{HoldNew, "another machine has added a hold that this manifest does not know yet", "the next run reads it"},
	{HoldUnsigned, "a hold has ended, and the receipt of its end is in a log that no known key has signed", ""},
	{HoldTextLost, "the text of a hold that has ended is missing beside the archive, or changed", ""},
	{KeyFileMissing, "the key file beside the manifest's log is missing or damaged", "the next run stores it again; no program needs it"},
	{ListeningPending, "recordings were listened to, and the receipts of that are not written yet", "the next run writes them"},
	{ListeningStrange, "texts beside the archive say that somebody has listened, and no receipt names them: they are not believed",
		"if a run was storing them just now, or was interrupted, the next run stores their receipts; if not, " + whoWrote},
	{NoKey, "the key that signs the manifest's receipts is missing", "put it back from a backup: the next run needs it"},
	{NotReceipts, "an object among the receipts that is none of vbcvault's", ""},
	{OlderLease, "receipts were written under a lease that is older than that of receipts before them, or has another holder",
		"this follows when a database fails over to a replica that lacks the last changes, or is restored from a backup; if neither happened, find out who wrote to the database"},
}
