package report

import (
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Section is what there is to say of one account. Its JSON is a contract.
type Section struct {
	Name        string    `json:"name"`
	Account     string    `json:"account"` // number; "" = no run has bound the manifest yet
	Destination string    `json:"destination"`
	At          time.Time `json:"at"` // when the manifest was read, UTC
	Standing    Standing  `json:"standing"`
	Findings    []Finding `json:"findings"`        // what needs a person, worst first
	Error       string    `json:"error,omitempty"` // why the manifest could not be read: then there is nothing else

	Done Done  `json:"done"` // within the period
	Now  Stand `json:"now"`

	Months []Month     `json:"months"` // by month of the deed, without gaps
	Calls  []CallMonth `json:"calls"`  // by month of the call, without gaps

	Failures []Failing  `json:"failures"`  // now
	HeldBack []HeldBack `json:"held_back"` // kept at VBC on purpose by the last run that ended
	Holds    []Hold     `json:"holds"`     // legal holds in force, now
	Troubles []Trouble  `json:"troubles"`  // with VBC's listings, now
	Runs     Runs       `json:"runs"`

	Listenings []manifest.ListenerMonth `json:"listenings"` // within the period: who has listened, how and how often, by month

	Requests Requests `json:"requests"`
	Log      Log      `json:"log"`
	Expiry   Expiry   `json:"expiry"`
}

// Sum is so many recordings and their audio.
type Sum struct {
	Recordings int64 `json:"recordings"`
	Bytes      int64 `json:"bytes"` // of audio; those of unknown size are left out
}

func (s *Sum) add(bytes int64) {
	s.Recordings++
	s.Bytes += max(bytes, 0)
}

// Done is what was done within the period.
type Done struct {
	Archived Sum `json:"archived"` // verified for the first time
	Deleted  Sum `json:"deleted"`  // VBC has confirmed the deletion
	NotThere Sum `json:"not_there"`

	ToArchived Wait `json:"call_to_archived"`    // of what was archived within the period
	ToDeleted  Wait `json:"archived_to_deleted"` // of what was deleted within it

	// What the last run had asked for, which is part of these waits; 0 = nothing.
	OlderThan   float64 `json:"older_than_seconds"`
	DeleteAfter float64 `json:"delete_after_seconds"`
}

// Stand is how many recordings there are now, each counted once.
type Stand struct {
	Waiting Sum `json:"waiting"`  // not archived yet, as far as the manifest knows
	Both    Sum `json:"both"`     // archived, and still at VBC
	Only    Sum `json:"archived"` // archived, and no longer at VBC
	Gone    Sum `json:"gone"`     // missing at VBC before they were archived
	Erased  Sum `json:"erased"`   // from the archive on request, or being erased

	Damaged Sum   `json:"damaged"`  // of Only: the copy is damaged or missing
	Held    int64 `json:"held"`     // still at VBC, under at least one legal hold
	Unseen  int64 `json:"unlisted"` // VBC counts so many more, which no run has listed yet
}

// Archive is what the archive holds.
func (s Stand) Archive() Sum {
	return Sum{s.Both.Recordings + s.Only.Recordings, s.Both.Bytes + s.Only.Bytes}
}

// Failing are recordings that failed in their last run for one cause.
type Failing struct {
	Code         string    `json:"code"` // "" = an earlier program wrote it
	Meaning      string    `json:"meaning"`
	Advice       string    `json:"advice"`
	Recordings   int64     `json:"recordings"`
	Acknowledged int64     `json:"acknowledged"` // of these
	Permanent    int64     `json:"permanent"`    // of these: won't end by themselves
	OldestCall   time.Time `json:"oldest_call"`
	Last         time.Time `json:"last"`
}

// HeldBack are recordings that a run kept at VBC for one reason.
type HeldBack struct {
	Code       string `json:"code"`
	Meaning    string `json:"meaning"`
	Recordings int64  `json:"recordings"`
}

// Hold is a legal hold in force. What it covers is not said: that may be a number.
type Hold struct {
	Number     int64     `json:"number"` // in the manifest
	Reason     string    `json:"reason"`
	By         string    `json:"by"`
	Since      time.Time `json:"since,omitzero"` // when it was made
	Recordings int64     `json:"recordings"`     // that it covers, but for what is erased or was never archived and is gone
	AtVBC      int64     `json:"at_vbc"`         // of these: VBC still has them
	Lost       bool      `json:"lost,omitempty"` // nobody knows any more what it covers: everything is held
}

// Trouble is what keeps VBC's listings from being relied on, of one kind.
type Trouble struct {
	Code         string    `json:"code"`
	Meaning      string    `json:"meaning"`
	Advice       string    `json:"advice"`
	Count        int64     `json:"count"`
	Acknowledged int64     `json:"acknowledged"`
	Since        time.Time `json:"since"`
}

// Log is the log of receipts and what an audit says of it, without a look at the
// archive.
type Log struct {
	Origin   string       `json:"origin"`
	Entries  int64        `json:"entries"`
	Signed   int64        `json:"signed"` // so many of them the last stored checkpoint vouches for
	Root     receipt.Root `json:"root"`
	Verifier string       `json:"verifier"` // of the key that signs; "" = none yet

	Audited  time.Time      `json:"audited"`
	Offline  bool           `json:"offline"` // true: only the manifest was looked at
	Intact   bool           `json:"intact"`
	Findings []AuditFinding `json:"findings"`
}

// AuditFinding is one kind of finding.
type AuditFinding struct {
	Code    string `json:"code"`
	Wrong   bool   `json:"wrong"` // it speaks against the receipts
	Meaning string `json:"meaning"`
	Count   int64  `json:"count"`
}
