package pipeline

import (
	"sync"

	"github.com/vbcvault/vbcvault/vbc"
)

// Finding is one thing in an archive that isn't as it should be, or worth a word.
type Finding struct {
	What      What   `json:"finding"`
	Key       string `json:"key,omitempty"`
	Recording string `json:"recording,omitempty"`
	Means     string `json:"means"`
}

// What kind of finding it is.
type What string

const (
	Lost    What = "lost"    // VBC has the recording no more, and its copy isn't whole
	Missing What = "missing" // a copy lacks an object
	Damaged What = "damaged" // an object isn't what it should be
	Unknown What = "unknown" // it lies among the recordings, and belongs to none
	Begun   What = "begun"   // a run, or an erasure, has begun something and not finished it
	Beside  What = "beside"  // another copy of a recording, beside the one in the manifest; nothing is wrong
	Foreign What = "foreign" // it lies beside the archive, and is none of vbcvault's; nothing is wrong
)

// findings counts findings and passes them on, one at a time.
type findings struct {
	mu    sync.Mutex
	count map[What]int64
	tell  func(Finding)
}

func newFindings(tell func(Finding)) *findings { return &findings{count: map[What]int64{}, tell: tell} }

// add takes one finding. rec is the recording that it is about, the zero one if none.
func (f *findings) add(what What, key string, rec vbc.Recording, means string) {
	found := Finding{What: what, Key: key, Means: means}
	if rec.ID != 0 {
		found.Recording = rec.String()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[what]++
	if f.tell != nil {
		f.tell(found)
	}
}
