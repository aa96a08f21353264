package pipeline

import (
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// facts are what a run finds out on its way and goes by from then on, beside what
// the manifest says of each recording.
type facts struct {
	started time.Time // set by newRun

	// account is the account's number, "" until it is settled, and holds are all that
	// concern it. The listing's goroutine sets them before it yields anything, or do's
	// while there is no other; from then on they don't change.
	account string
	holds   []manifest.Hold

	checkpoint *Checkpoint // how far the log of receipts has come; set by end

	users       userSet      // owners by number; grows as collections are listed, and has a lock
	transcripts *transcripts // grows as they are listed; see there who may touch what
	witness     witness      // of what listings have shown; has locks
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
