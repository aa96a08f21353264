// Package check says whether an archive is what its manifest holds it for: its
// copies, one by one or against all that the store lists, and its receipts. It asks
// VBC nothing, and changes no object.
package check

import (
	"sync"

	"github.com/vbcvault/vbcvault/vbc"
)

// Finding is one thing in an archive that isn't as it should be, or worth a word.
type Finding struct {
	Kind      Kind   `json:"finding"`
	Key       string `json:"key,omitempty"`
	Recording string `json:"recording,omitempty"`
	Means     string `json:"means"`
}

// Kind is what kind of finding it is.
type Kind string

const (
	Lost    Kind = "lost"    // VBC has the recording no more, and its copy isn't whole
	Missing Kind = "missing" // a copy lacks an object
	Damaged Kind = "damaged" // an object isn't what it should be
	Unknown Kind = "unknown" // it lies among the recordings, and belongs to none
	// It says that something has ended, or is gone, and no known key has signed that: it isn't believed.
	Unsigned Kind = "unsigned"

	Begun   Kind = "begun"   // a run, or an erasure, has begun something and not finished it
	Beside  Kind = "beside"  // another copy of a recording, beside the one in the manifest; nothing is wrong
	Foreign Kind = "foreign" // it lies beside the archive, and is none of vbcvault's; nothing is wrong
)

// None is the recording of a finding that is about none.
var None vbc.Recording

// Findings counts findings and passes them on, one at a time.
type Findings struct {
	mu    sync.Mutex
	Count map[Kind]int64
	tell  func(Finding)
}

// NewFindings tells of each finding, unless tell is nil.
func NewFindings(tell func(Finding)) *Findings { return &Findings{Count: map[Kind]int64{}, tell: tell} }

// Add takes one finding. rec is the recording that it is about, the zero one if none.
func (f *Findings) Add(what Kind, key string, rec vbc.Recording, means string) {
	found := Finding{Kind: what, Key: key, Means: means}
	if rec.ID != 0 {
		found.Recording = rec.String()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Count[what]++
	if f.tell != nil {
		f.tell(found)
	}
}
