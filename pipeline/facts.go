package pipeline

import (
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// facts are what a run finds out on its way and goes by from then on, beside what
// the manifest says of each recording.
type facts struct {
	started     time.Time       // set by newRun
	account     string          // its number, "" until it is settled, with the holds, before the first recording is worked on;
	holds       []manifest.Hold // by the listing's goroutine, or by do's while there is none
	users       userSet         // owners by number; grows as collections are listed
	transcripts *transcripts    // grows as they are listed; see there who may touch what
	witness     witness         // what listings have shown; has a lock of its own
}

// userSet is a set of users that grows while it is asked.
type userSet struct {
	mu  sync.RWMutex
	ids map[string]bool
}

func (s *userSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

func (s *userSet) has(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[id]
}
