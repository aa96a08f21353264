package pipeline

import (
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Summary is what a run has done. Its JSON is a contract.
type Summary struct {
	Listed          int64 `json:"listed"`           // eligible recordings seen in VBC's listings
	Archived        int64 `json:"archived"`         // newly archived by this run, proven
	AlreadyArchived int64 `json:"already_archived"` // eligible, with a verified copy from before
	Deleted         int64 `json:"deleted"`          // no longer at VBC, with a proven copy in the store
	Failed          int64 `json:"failed"`           // could not be done, see status
	Skipped         int64 `json:"skipped"`          // purges held back
	// HeldBackBy counts the purges that are held back by the code of why, one of
	// package code's HeldBack.
	HeldBackBy  map[string]int64 `json:"held_back_by,omitempty"`
	Bytes       int64            `json:"bytes"`       // audio bytes newly archived
	Transcripts int64            `json:"transcripts"` // newly archived by this run, proven
	Unreadable  int64            `json:"unreadable"`  // listed without a usable id or start; left alone

	Resting      int64 `json:"resting"`      // failed in several runs; tried again once a day
	Acknowledged int64 `json:"acknowledged"` // failed as somebody has acknowledged; not in the exit code

	// NotListed is how many recordings VBC counted and didn't show.
	NotListed int64 `json:"not_listed"`
	// Troubles are what keeps VBC's listings from being relied on, unreadable
	// recordings among them; what was acknowledged isn't counted.
	Troubles int64 `json:"troubles"`
	// Problems are what kept whole listings from being read.
	Problems []string `json:"problems,omitempty"`

	Exported  int64 `json:"exported"` // fetched by export, not one by one
	Downloads int64 `json:"downloads"`
	ReadBack  int64 `json:"read_back"`       // copies read once more before their purge, at the store and not at VBC
	ReadBytes int64 `json:"read_back_bytes"` // their bytes
	Throttled int64 `json:"throttled"`       // requests refused for the quota
	// Requests counts what VBC was asked, requests for tokens included, by the HTTP
	// status of its answers; those without any are under "none".
	Requests    map[string]int64 `json:"requests,omitempty"`
	QuotaWait   float64          `json:"quota_wait_seconds,omitempty"` // for their turn, of all requests together
	Stopped     string           `json:"stopped,omitempty"`            // why the run ended before its end
	StoppedCode string           `json:"stopped_code,omitempty"`       // the code of that
	// Log is how far the manifest's log of receipts has come: whoever keeps it
	// elsewhere can prove with it, for ever, that nothing of it was changed or removed.
	Log     *Checkpoint   `json:"log,omitempty"`
	Elapsed time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
}

// Checkpoint is the size and the root of a log of receipts; see receipt.Checkpoint.
type Checkpoint struct {
	Origin string       `json:"origin"`
	Size   int64        `json:"size"` // entries
	Root   receipt.Root `json:"root"`
}

// String is what audit takes as a checkpoint.
func (c Checkpoint) String() string { return receipt.Checkpoint(c).String() }

// Complete reports whether everything eligible is done, or held back on purpose.
func (s Summary) Complete() bool {
	return s.Failed == 0 && s.Resting == 0 && s.Troubles == 0 && len(s.Problems) == 0
}

func (r *run) summary() Summary {
	s := r.stats
	elapsed := time.Since(r.started)
	quota := r.vbc.Quota()
	return Summary{
		Listed: s.Listed.Load(), Archived: s.Archived.Load(), AlreadyArchived: s.AlreadyArchived.Load(),
		Deleted: s.Deleted.Load(), Failed: s.Failed.Load(), Resting: s.Resting.Load(), Acknowledged: s.Acknowledged.Load(), Skipped: s.Skipped.Load(), HeldBackBy: s.HeldBackBy(), Bytes: s.Bytes.Load(), Transcripts: s.Transcripts.Load(),
		Unreadable: s.Unreadable.Load(), NotListed: r.report.notListed(), Troubles: r.report.count(), Problems: r.report.said(),
		Exported: s.Exported.Load(), Downloads: s.Downloads.Load(), ReadBack: s.ReadBack.Load(), ReadBytes: s.ReadBackBytes.Load(), Throttled: int64(quota.Throttled),
		Requests: r.vbc.Requests(), QuotaWait: quota.Waited.Round(time.Millisecond).Seconds(),
		Log: r.checkpoint, Elapsed: elapsed, Seconds: elapsed.Round(time.Millisecond).Seconds(),
	}
}
